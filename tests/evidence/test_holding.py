"""Values that must stand in the document and do not: they are asked for again, left out, or kept."""

from __future__ import annotations

import json
from typing import Annotated, Any

import pytest
from either_kind import run_once
from pydantic import BaseModel
from pydantic import Field as Described

from extractor import Extraction, Grounded, Inferred
from extractor.errors import ExtractionFailed, OptionError
from extractor.reply.outcome import Outcome
from extractor.testing import FakeEndpoint, Recorded

TEXT = "ACME TOOLS GmbH, Bonn. Invoice 77 of 3 March 2025: claw hammer 12.50, hand saw 8.00. Colours: red, blue."


class Line(BaseModel):
    item: str
    price: float


class Invoice(BaseModel):
    vendor: Annotated[str, Grounded()]
    city: str | None = None
    state: str = "unknown"
    lines: list[Line] = []
    colours: list[str] = []
    summary: Annotated[str, Inferred()] = ""


GOOD: dict[str, Any] = {"vendor": "Acme Tools", "city": "Bonn"}


def _run(
    kind: str, fake: FakeEndpoint, target: Any = Invoice, document: Any = TEXT, *, settings: Any = None, **call: Any
) -> Extraction[Any]:
    made = {"base_url": fake.base_url, **(settings or {})}
    return run_once(kind, made, target, document, **call)


def _left_out(result: Extraction[Any]) -> list[str | None]:
    return [each.pointer for attempt in result.attempts for each in attempt.repairs if each.kind == "ungrounded"]


def _messages(request: Recorded) -> str:
    return json.dumps(request.body["messages"])


# ------------------------------------------------------------------------------- asked for again


def test_a_grounded_value_is_asked_for_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A value that must stand in the document and does not is wrong: that field is asked for again, with the reason."""
    fake_endpoint.answer({**GOOD, "vendor": "Bolt Works"}, {"vendor": "ACME TOOLS"})
    result = _run(kind, fake_endpoint)
    assert result.value.vendor == "ACME TOOLS"
    assert result.value.city == "Bonn"
    wrong, right = result.attempts
    assert [(error.pointer, error.kind) for error in wrong.errors] == [("/vendor", "ungrounded")]
    assert right.asked == ("/vendor",)
    assert "must stand in the document" in _messages(fake_endpoint.requests[1])


def test_a_value_that_never_stands_there(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the model never finds it, the extraction fails, with what there is."""
    fake_endpoint.script, fake_endpoint.repeat = [{**GOOD, "vendor": "Bolt Works"}], True
    with pytest.raises(ExtractionFailed, match="/vendor") as caught:
        _run(kind, fake_endpoint, max_retries=2)
    assert len(caught.value.attempts) == 3
    assert caught.value.value["city"] == "Bonn"
    assert {error.kind for error in caught.value.errors} == {"ungrounded"}


def test_the_rest_is_kept(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """By default, what is not marked may stand anywhere."""
    fake_endpoint.answer({**GOOD, "city": "Atlantis", "summary": "Tools."})
    result = _run(kind, fake_endpoint)
    assert result.value.city == "Atlantis"
    assert result.fields["/city"].status == "absent"


def test_ask_for_everything(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With "ask", everything but what is inferred must stand there."""
    fake_endpoint.answer({**GOOD, "city": "Atlantis", "summary": "Tools."}, {"city": "Bonn"})
    result = _run(kind, fake_endpoint, ungrounded="ask")
    assert (result.value.city, result.value.summary) == ("Bonn", "Tools.")
    assert result.attempts[1].asked == ("/city",)


def test_ask_takes_nothing_for_an_answer(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A model that takes an invented value back is done."""
    fake_endpoint.answer({**GOOD, "city": "Atlantis"}, {"city": None})
    result = _run(kind, fake_endpoint, ungrounded="ask")
    assert (result.value.city, len(result.attempts)) == (None, 2)


def test_ask_does_not_ask_for_ever(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A model that insists fails in the end."""
    fake_endpoint.script, fake_endpoint.repeat = [{**GOOD, "city": "Atlantis"}], True
    with pytest.raises(ExtractionFailed, match="/city"):
        _run(kind, fake_endpoint, ungrounded="ask", max_retries=1)
    assert len(fake_endpoint.requests) == 2


class Deep(BaseModel):
    groups: list[Annotated[Line, Grounded()]]
    one: Annotated[int, Grounded()] | bool | None = None
    either: Line | Annotated[str, Grounded()] | None = None


@pytest.mark.parametrize(
    ("data", "wrong"),
    [
        ({"groups": [{"item": "claw hammer", "price": 12.5}, {"item": "laser", "price": 8}]}, ["/groups/1/item"]),
        ({"groups": [{"item": "laser", "price": 99}]}, ["/groups/0/item", "/groups/0/price"]),
        ({"groups": [], "one": 12345}, ["/one"]),
        ({"groups": [], "one": True}, []),
        ({"groups": [], "one": 77}, []),
        ({"groups": [], "either": "Atlantis"}, ["/either"]),
        ({"groups": [], "either": {"item": "laser", "price": 99}}, []),
    ],
)
def test_marks_inside(data: Any, wrong: list[str], kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Marks count in lists, in models inside and in branches of unions."""
    fake_endpoint.script, fake_endpoint.repeat = [data], True
    if not wrong:
        assert len(_run(kind, fake_endpoint, Deep, max_retries=0).attempts) == 1
        return
    with pytest.raises(ExtractionFailed) as caught:
        _run(kind, fake_endpoint, Deep, max_retries=0)
    assert [error.pointer for error in caught.value.errors] == wrong


def test_a_grounded_value_may_be_absent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where required fields may be absent, a model that cannot find one says so, and that is no error."""
    fake_endpoint.answer({**GOOD, "vendor": "Bolt Works"}, {"vendor": None})
    result = _run(kind, fake_endpoint, absent="allow")
    assert (result.value, result.outcome) == (None, Outcome.INCOMPLETE)
    assert "/vendor" in result.absent
    assert result.data["city"] == "Bonn"


SCHEMA = {
    "type": "object",
    "properties": {"vendor": {"type": "string", "x-evidence": "grounded"}, "city": {"type": "string"}},
    "required": ["vendor", "city"],
}


def test_a_schema(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A JSON Schema says the same with a keyword."""
    fake_endpoint.answer({"vendor": "Bolt", "city": "Atlantis"}, {"vendor": "ACME TOOLS"})
    result = _run(kind, fake_endpoint, SCHEMA)
    assert result.value == {"vendor": "ACME TOOLS", "city": "Atlantis"}


def test_without_a_text(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where there is no document of its own nothing can be held against it, and nothing is."""
    fake_endpoint.answer({**GOOD, "vendor": "Bolt Works"})
    turns = [{"role": "user", "content": TEXT}]
    result = _run(kind, fake_endpoint, document=None, messages=turns, ungrounded="ask")
    assert result.value.vendor == "Bolt Works"


def test_the_document_in_parts(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A document that is given in parts is looked through as one."""
    fake_endpoint.answer({**GOOD, "lines": [{"item": "hand saw", "price": 8}]})
    result = _run(kind, fake_endpoint, document=[TEXT[:30], TEXT[30:]], ungrounded="ask")
    assert len(result.attempts) == 1


# ------------------------------------------------------------------------------- left out


@pytest.mark.parametrize(
    ("data", "kept", "left_out"),
    [
        ({"city": "Atlantis"}, {"city": None}, ["/city"]),  # null is taken
        ({"state": "Utopia"}, {"state": "unknown"}, ["/state"]),  # it has a default
        ({"colours": ["red", "octarine", "blue"]}, {"colours": ["red", "blue"]}, ["/colours/1"]),
        ({"colours": ["octarine", "red", "puce"]}, {"colours": ["red"]}, ["/colours/0", "/colours/2"]),
        ({"colours": ["octarine"]}, {"colours": []}, ["/colours/0"]),
        ({"city": "Bonn", "colours": ["red"]}, {"city": "Bonn", "colours": ["red"]}, []),
        ({"summary": "All made up."}, {"summary": "All made up."}, []),
        (
            {"city": "Atlantis", "state": "Utopia", "colours": ["octarine"]},
            {"city": None, "state": "unknown", "colours": []},
            ["/city", "/state", "/colours/0"],
        ),
    ],
)
def test_drop(data: Any, kept: Any, left_out: list[str], kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With "drop", optional values that do not stand there are left out, which is listed; nothing is asked again."""
    fake_endpoint.answer({"vendor": "Acme Tools", **data})
    result = _run(kind, fake_endpoint, ungrounded="drop")
    assert len(fake_endpoint.requests) == 1
    assert {name: getattr(result.value, name) for name in kept} == kept
    assert sorted(filter(None, _left_out(result))) == sorted(left_out)
    assert result.outcome is Outcome.CONFORMING


def test_what_is_required_stays(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A required value that does not stand there is kept, and the others are left out all the same."""
    lines = [{"item": "laser", "price": 99.0}, {"item": "hand saw", "price": 8.0}]
    fake_endpoint.answer({**GOOD, "city": "Atlantis", "lines": lines})
    result = _run(kind, fake_endpoint, ungrounded="drop")
    assert result.value.city is None
    assert [line.item for line in result.value.lines] == ["laser", "hand saw"]
    assert _left_out(result) == ["/city"]


def test_items_of_inner_lists(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Items of lists in lists are left out, each from its own."""

    class Table(BaseModel):
        rows: list[list[str]]

    rows = [["red", "octarine"], ["puce"], ["blue", "puce", "red"]]
    fake_endpoint.answer({"rows": rows})
    result = _run(kind, fake_endpoint, Table, ungrounded="drop")
    assert result.value.rows == [["red"], [], ["blue", "red"]]


def test_a_list_that_needs_an_item(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Of a list that must have items, as many are left out as it can do without."""

    class Few(BaseModel):
        colours: list[str] = Described(min_length=2)

    fake_endpoint.answer({"colours": ["octarine", "red", "puce", "fuligin"]})
    result = _run(kind, fake_endpoint, Few, ungrounded="drop")
    assert result.value.colours == ["octarine", "red"]
    assert sorted(filter(None, _left_out(result))) == ["/colours/2", "/colours/3"]


@pytest.mark.parametrize(
    ("target", "value", "kept"),
    [(int, 12345, 12345), (str, "octarine", "octarine"), (list[str], ["octarine", "red"], ["red"])],
    ids=["int", "str", "list"],
)
def test_the_whole_is_no_optional_value(
    target: Any, value: Any, kept: Any, kind: str, fake_endpoint: FakeEndpoint
) -> None:
    """The value as a whole cannot be left out, and is not said to be."""
    fake_endpoint.answer({"value": value})
    result = _run(kind, fake_endpoint, target, ungrounded="drop")
    assert result.value == kept
    assert ("" in _left_out(result)) is False


def test_a_tuple_keeps_its_places(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An item of a tuple cannot be left out: what is behind it would move."""

    class Pair(BaseModel):
        pair: tuple[str, str]

    fake_endpoint.answer({"pair": ["octarine", "red"]})
    assert _run(kind, fake_endpoint, Pair, ungrounded="drop").value.pair == ("octarine", "red")


def test_keys_of_a_map(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A member of a map is left out with its key."""

    class Map(BaseModel):
        prices: dict[str, float]

    fake_endpoint.answer({"prices": [{"key": "a", "value": 12.5}, {"key": "b", "value": 99}]})
    assert _run(kind, fake_endpoint, Map, ungrounded="drop").value.prices == {"a": 12.5}


def test_dropping_while_a_required_field_is_absent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Invented values are left out of a value that lacks a required field, too."""
    fake_endpoint.answer({"vendor": None, "city": "Atlantis", "colours": ["red", "octarine"]})
    result = _run(kind, fake_endpoint, ungrounded="drop", absent="allow")
    assert result.outcome is Outcome.INCOMPLETE
    assert (result.data["city"], result.data["colours"]) == (None, ["red"])


def test_dropping_while_something_else_is_wrong(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What was wrong elsewhere is still asked for again, and what was left out stays out."""
    lines = [{"item": "hand saw", "price": "a lot"}]
    fake_endpoint.script = [{**GOOD, "city": "Atlantis", "lines": lines}, _priced]
    result = _run(kind, fake_endpoint, ungrounded="drop")
    assert (result.value.city, result.value.lines[0].price) == (None, 8.0)


def _priced(request: Recorded) -> Any:
    (name,) = request.body["response_format"]["json_schema"]["schema"]["properties"]
    return {name: 8.0}


def test_drop_does_not_drop_what_must_stand_there(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What is marked as grounded is asked for again with "drop", too."""
    fake_endpoint.answer({**GOOD, "vendor": "Bolt Works", "city": "Atlantis"}, {"vendor": "ACME TOOLS"})
    result = _run(kind, fake_endpoint, ungrounded="drop")
    assert (result.value.vendor, result.value.city) == ("ACME TOOLS", None)


@pytest.mark.parametrize("wrong", ["forget", None, True, 1])
def test_a_wrong_word(wrong: Any, fake_endpoint: FakeEndpoint) -> None:
    """A word that is none of those is refused before anything is sent."""
    with pytest.raises(OptionError, match="but must be one of keep, drop, ask") as caught:
        _run("sync", fake_endpoint, ungrounded=wrong)
    assert caught.value.option == "ungrounded"
    assert not fake_endpoint.requests


def test_a_default_and_a_call(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """The setting of a call wins over that of the extractor."""
    fake_endpoint.script, fake_endpoint.repeat = [{**GOOD, "city": "Atlantis"}], True
    assert _run(kind, fake_endpoint, settings={"ungrounded": "drop"}).value.city is None
    assert _run(kind, fake_endpoint, settings={"ungrounded": "drop"}, ungrounded="keep").value.city == "Atlantis"
