"""What is known of the fields of a result, put together."""

from __future__ import annotations

import json
import re
import sys
import types
from typing import Annotated, Any, Literal

import pytest
from either_kind import run_once
from pydantic import BaseModel

from extractor import Calibration, Extraction, Image, Inferred, calibrate
from extractor.errors import MissingExtra, OptionError
from extractor.testing import FakeEndpoint, Recorded, Reply

TEXT = "Ann is 34 and lives in Bonn. Ann has a dog and a cat."


class Person(BaseModel):
    name: str
    age: int
    city: str | None = None
    pets: list[str] = []
    kind: Literal["person", "firm"] = "person"
    summary: Annotated[str, Inferred()] = ""


ANN: dict[str, Any] = {"name": "Ann", "age": 34, "city": None, "pets": ["dog", "cat"], "kind": "person", "summary": "s"}


def _run(
    kind: str, fake: FakeEndpoint, target: Any = Person, document: Any = TEXT, *, settings: Any = None, **call: Any
) -> Extraction[Any]:
    made = {"base_url": fake.base_url, **(settings or {})}
    return run_once(kind, made, target, document, **call)


def _likely(value: Any, logprob: float = -0.1, **choice: Any) -> Reply:
    """A reply with the log-probability of each token."""
    text = value if isinstance(value, str) else json.dumps(value)
    tokens = [
        {"token": token, "logprob": logprob, "bytes": list(token.encode())} for token in re.findall(r"\w+|\W", text)
    ]
    return Reply(content=text, choice={"logprobs": {"content": tokens}, **choice})


# ------------------------------------------------------------------------------- what is known


def test_every_scalar_has_a_field(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Every value that is no object and no list has a field, with its place."""
    fake_endpoint.answer(ANN)
    fields = _run(kind, fake_endpoint).fields
    assert {pointer: field.status for pointer, field in fields.items()} == {
        "/name": "exact",
        "/age": "exact",
        "/city": "absent",
        "/pets/0": "exact",
        "/pets/1": "exact",
        "/kind": "inferred",
        "/summary": "inferred",
    }
    span = fields["/age"].span
    assert span is not None
    assert TEXT[span.start : span.end] == "34"


@pytest.mark.parametrize(
    "document", [None, Image(data=b"png"), [Image(data=b"png"), TEXT]], ids=["none", "image", "both"]
)
def test_without_a_text(document: Any, kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where there is no text to look in, nobody knows where a value stands; what is absent is absent."""
    fake_endpoint.answer(ANN)
    turns = [{"role": "user", "content": TEXT}] if document is None else None
    result = _run(kind, fake_endpoint, document=document, messages=turns)
    assert result.document is None
    assert (result.fields["/name"].status, result.fields["/name"].spans) == (None, ())
    assert result.fields["/city"].status == "absent"
    assert result.fields["/summary"].status == "inferred"
    assert result.lists == ()
    assert "Ann" in result.to_html()


def test_a_document_in_parts(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Of a document in parts of text, the places are in the text that they make."""
    fake_endpoint.answer(ANN)
    result = _run(kind, fake_endpoint, document=["Ann is", "34."])
    assert result.document == "Ann is\n34."
    span = result.fields["/age"].span
    assert span is not None
    assert result.document[span.start : span.end] == "34"


def test_what_is_absent(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """A required field that is absent has a field that says so."""
    fake_endpoint.answer({**ANN, "age": None})
    result = _run(kind, fake_endpoint, absent="allow")
    assert "age" not in result.data
    assert result.fields["/age"].status == "absent"


def test_it_is_worked_out_once(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What is known is worked out when it is first wanted, and is the same from then on."""
    fake_endpoint.answer(ANN)
    result = _run(kind, fake_endpoint)
    assert result.fields is result.fields
    assert result.lists is result.lists


def test_a_value_that_is_null(fake_endpoint: FakeEndpoint) -> None:
    """A value that is null as a whole is absent."""
    fake_endpoint.answer({"value": None})
    result = _run("sync", fake_endpoint, int | None)
    assert (result.value, result.fields[""].status) == (None, "absent")


# ------------------------------------------------------------------------------- tokens


def test_confidence_asks_for_them(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """With `confidence` the endpoint is asked for its log-probabilities, and a field has those of its own tokens."""
    fake_endpoint.answer(_likely(ANN))
    result = _run(kind, fake_endpoint, confidence=True)
    assert fake_endpoint.requests[0].body["logprobs"] is True
    assert result.fields["/age"].logprob == pytest.approx(-0.1)
    assert 0 < (result.fields["/age"].confidence or 0) < 1


def test_an_endpoint_without_them(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """An endpoint that refuses them is asked without; one that passes over them has none."""
    said = '{"error": {"message": "Unsupported parameter: \'logprobs\'", "param": "logprobs"}}'
    fake_endpoint.answer(Reply(status=400, raw=said), ANN)
    result = _run(kind, fake_endpoint, confidence=True)
    assert "logprobs" not in fake_endpoint.requests[1].body
    assert result.fields["/age"].logprob is None
    assert "logprobs" in result.dropped


def test_the_callers_own_logprobs(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What the caller says of `logprobs` is kept."""
    fake_endpoint.answer(ANN, ANN)
    _run(kind, fake_endpoint, confidence=True, logprobs=True, top_logprobs=3)
    _run(kind, fake_endpoint, settings={"confidence": True}, confidence=False)
    first, second = (request.body for request in fake_endpoint.requests)
    assert (first["logprobs"], first["top_logprobs"]) == (True, 3)
    assert "logprobs" not in second


def test_tokens_after_a_field_was_asked_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What the first reply says of the others stays; the field that was asked again has the tokens of its answer."""
    fake_endpoint.answer(_likely({**ANN, "age": "old"}, -0.2), _likely({"age": 34}, -0.7))
    result = _run(kind, fake_endpoint, confidence=True)
    assert result.attempts[1].asked == ("/age",)
    assert result.fields["/name"].logprob == pytest.approx(-0.2)
    assert result.fields["/age"].logprob == pytest.approx(-0.7)
    assert result.fields["/pets/1"].logprob == pytest.approx(-0.2)


def test_tokens_after_the_whole_was_asked_again(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the whole was asked for again, only the tokens of the last reply count."""
    fake_endpoint.answer(_likely("no json", -0.2), _likely(ANN, -0.7))
    result = _run(kind, fake_endpoint, confidence=True)
    assert {round(field.logprob or 0.0, 3) for field in result.fields.values()} == {-0.7}


def test_tokens_after_a_reply_was_cut_off(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Items that came after a reply was cut off have the tokens of the continuation, at their places."""

    class Pets(BaseModel):
        pets: list[str]

    def rest(request: Recorded) -> Any:
        (name,) = request.body["response_format"]["json_schema"]["schema"]["properties"]
        return _likely({name: ["cat"]}, -0.7)

    fake_endpoint.script = [_likely('{"pets": ["dog", ', -0.2, finish_reason="length"), rest]
    result = _run(kind, fake_endpoint, Pets, confidence=True)
    assert result.value.pets == ["dog", "cat"]
    assert result.fields["/pets/1"].logprob == pytest.approx(-0.7)
    assert result.fields["/pets/0"].logprob in (None, pytest.approx(-0.2))


def test_tokens_of_what_was_rewritten(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """Where the endpoint was asked in another shape, the tokens belong to the places of the target's own."""

    class Map(BaseModel):
        prices: dict[str, float]

    fake_endpoint.answer(_likely({"prices": [{"key": "a", "value": 12.5}]}))
    result = _run(kind, fake_endpoint, Map, "a costs 12.5", confidence=True)
    assert result.value.prices == {"a": 12.5}
    assert result.fields["/prices/a"].logprob == pytest.approx(-0.3)


# ------------------------------------------------------------------------------- calibration


def _calibration(fake: FakeEndpoint) -> Calibration:
    fake.script, fake.repeat = [ANN, {**ANN, "age": 43}], True
    corrected = [(_run("sync", fake), Person(**ANN)) for _ in range(20)]
    fake.requests.clear()
    return calibrate(corrected)


def test_a_calibration(kind: str, fake_endpoint: FakeEndpoint) -> None:
    """What was learned from corrected records is applied once, also to what was voted or put together."""
    calibration = _calibration(fake_endpoint)
    fake_endpoint.script = [ANN]
    plain = _run(kind, fake_endpoint)
    sure = _run(kind, fake_endpoint, calibration=calibration)
    for pointer, field in plain.fields.items():
        own = sure.fields[pointer].confidence
        assert own == (None if field.confidence is None else pytest.approx(calibration.apply(field.confidence)))
    voted, unvoted = (_run(kind, fake_endpoint, candidates=2, calibration=each) for each in (calibration, None))
    for pointer, field in unvoted.fields.items():
        own = voted.fields[pointer].confidence
        assert own == (None if field.confidence is None else pytest.approx(calibration.apply(field.confidence)))


@pytest.mark.parametrize("wrong", [0.5, "calibration.json", {"steps": []}, Calibration])
def test_what_is_no_calibration(wrong: Any, fake_endpoint: FakeEndpoint) -> None:
    """Anything else is refused before anything is sent."""
    with pytest.raises(OptionError, match="calibration must be a Calibration"):
        _run("sync", fake_endpoint, calibration=wrong)
    assert not fake_endpoint.requests


# ------------------------------------------------------------------------------- shown


def test_there_is_no_notebook(fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without IPython there is an error that says what to do instead."""
    fake_endpoint.answer(ANN)
    result = _run("sync", fake_endpoint)
    monkeypatch.setitem(sys.modules, "IPython", None)
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(MissingExtra, match="IPython") as caught:
        result.show()
    assert "to_html" in caught.value.hint


def test_a_notebook(fake_endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a notebook the page is displayed."""
    fake_endpoint.answer(ANN)
    result = _run("sync", fake_endpoint)
    shown: list[str] = []
    notebook = types.ModuleType("IPython.display")
    notebook.HTML = str  # type: ignore[attr-defined]
    notebook.display = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", types.ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", notebook)
    result.show()
    assert "Ann" in shown[0]
