"""What is asked again after a reply that did not conform."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.loop.feedback import (
    LINE_CHARACTERS,
    LISTED_ERRORS,
    QUOTED_CHARACTERS,
    QUOTED_WITHOUT_END,
    REQUEST_CHARACTERS,
    ask_afresh,
    ask_again,
    ask_fields,
    ask_rest,
)
from extractor.reply.outcome import Outcome
from extractor.schema.checked import FieldError, and_more
from extractor.schema.scope import Place, Scope

NOT_CONFORMING = [outcome for outcome in Outcome if outcome not in (Outcome.CONFORMING, Outcome.INCOMPLETE)]


def wrong(number: int) -> FieldError:
    """Make an error of a field."""
    return FieldError(pointer=f"/f{number}", message="Field required", found="nothing", kind="missing")


def test_invalid() -> None:
    """The wrong reply is quoted, then each place, what is expected there and what was found."""
    errors = [wrong(0), FieldError(pointer="", message="Input should be an object", found="[1]", kind="type")]
    assert ask_again(Outcome.INVALID, '{"a": 1}', errors) == (
        {"role": "assistant", "content": '{"a": 1}'},
        {
            "role": "user",
            "content": "This does not conform:\n- /f0: Field required (found nothing)\n"
            "- the whole: Input should be an object (found [1])\n"
            "Reply with the whole JSON object again, corrected.",
        },
    )


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Outcome.INVALID, "does not conform"),
        (Outcome.MALFORMED, "not valid JSON"),
        (Outcome.CUT_OFF, "cut off"),
        (Outcome.EMPTY, "empty"),
        (Outcome.REFUSED, "null for what is not there"),
        (Outcome.FILTERED, "stopped"),
    ],
)
def test_each_outcome_has_its_request(outcome: Outcome, words: str) -> None:
    """Each way not to conform is told, and JSON is asked for again."""
    _, request = ask_again(outcome, "x", [wrong(0)])
    assert words in request["content"]
    assert "JSON" in request["content"]


@pytest.mark.parametrize("text", ["", " \n"])
def test_no_turn_is_empty(text: str) -> None:
    """An empty reply is quoted as nothing in words, since endpoints refuse empty turns."""
    assert ask_again(Outcome.EMPTY, text, ())[0] == {"role": "assistant", "content": "(nothing)"}


@pytest.mark.parametrize("length", [QUOTED_CHARACTERS - 1, QUOTED_CHARACTERS])
def test_short_replies_are_quoted_whole(length: int) -> None:
    """Up to the limit a reply is quoted as it is."""
    assert ask_again(Outcome.INVALID, "x" * length, ())[0]["content"] == "x" * length


def test_long_replies_are_quoted_in_part() -> None:
    """Of a reply of a million characters only the first 2,000 are sent back."""
    assert QUOTED_CHARACTERS == 2_000
    assert ask_again(Outcome.INVALID, "ab" * 500_000, ())[0]["content"] == "ab" * 1_000 + " …"


@pytest.mark.parametrize(
    ("number", "listed", "more"), [(20, 20, None), (21, 20, "- and 1 more"), (500, 20, "- and 480 more")]
)
def test_errors_are_counted(number: int, listed: int, more: str | None) -> None:
    """At most 20 errors are listed, and the number of the others is told."""
    assert LISTED_ERRORS == 20
    lines = ask_again(Outcome.INVALID, "{}", [wrong(n) for n in range(number)])[1]["content"].splitlines()
    assert lines[1 : listed + 1] == [f"- /f{n}: Field required (found nothing)" for n in range(listed)]
    assert lines[listed + 1 : -1] == ([more] if more else [])


def test_errors_that_stand_for_others_are_counted() -> None:
    """What was found wrong beyond the errors that are listed is counted too."""
    errors = [*map(wrong, range(1_000)), and_more(9_000)]
    assert "\n- and 9980 more\n" in ask_again(Outcome.INVALID, "{}", errors)[1]["content"]
    assert "- the whole: does not conform" in ask_again(Outcome.INVALID, "{}", [and_more(None)])[1]["content"]


@pytest.mark.parametrize("outcome", [Outcome.CUT_OFF, Outcome.BROKEN_OFF])
def test_replies_without_an_end_are_quoted_shortly(outcome: Outcome) -> None:
    """Of a reply without an end, in which the model may have run in circles, only a little is sent back."""
    assert QUOTED_WITHOUT_END == 300
    assert ask_again(outcome, "ab" * 500_000, ())[0]["content"] == "ab" * 150 + " …"


LONG = FieldError(pointer="/" + "k" * 60_000, message="m" * 60_000, found="f" * 201, kind="k")


def test_long_lines_are_cut() -> None:
    """Of a place with a very long key and of a very long message the beginnings are listed."""
    for asking in (
        ask_again(Outcome.INVALID, "{}", [LONG] * 2_000)[1]["content"],
        ask_afresh([{"role": "user", "content": "x"}], [LONG] * 2_000)[0]["content"],
        ask_fields(asked("/lines", "/title"), DATA, [replace(LONG, pointer="/lines" + LONG.pointer)] * 30)[1][
            "content"
        ],
        ask_rest(asked("/lines", append=True), {"lines": ["x" * 60_000]}, {"/lines": 1})[1]["content"],
    ):
        assert max(map(len, asking.splitlines())) <= LINE_CHARACTERS
        assert len(asking) <= REQUEST_CHARACTERS
    line = ask_again(Outcome.INVALID, "{}", [LONG])[1]["content"].splitlines()[1]
    assert line.startswith("- /kkk")
    assert "mmm" in line
    assert line.endswith("fff)")


def test_many_places_are_bounded() -> None:
    """Of hundreds of places about which there is much to say, those for which there is room are told."""
    pointers = [f"/p{number}" for number in range(200)]
    request = ask_fields(asked(*pointers), {}, [replace(LONG, pointer=pointer) for pointer in pointers])[1]["content"]
    assert REQUEST_CHARACTERS - 2 * LINE_CHARACTERS < len(request) <= REQUEST_CHARACTERS
    told = request.count("\n- p")
    assert f"\n- and {200 - told} more\n" in request


@settings(max_examples=50)
@given(outcome=st.sampled_from(NOT_CONFORMING), text=st.text(), message=st.text("{}ab%\\", max_size=9))
def test_any_text_can_be_quoted(outcome: Outcome, text: str, message: str) -> None:
    """Whatever the reply and the errors say, there are two turns that alternate, and neither is empty."""
    error = FieldError(pointer="/{x}", message=message, found="{0}", kind="k")
    reply, request = ask_again(outcome, text, [error])
    assert (reply["role"], request["role"]) == ("assistant", "user")
    assert reply["content"].strip()
    assert request["content"].strip()
    if outcome in (Outcome.INVALID, Outcome.MALFORMED):
        assert f"- /{{x}}: {message} (found {{0}})" in request["content"]


# ------------------------------------------------------------------------------------------- some fields

DATA: dict[str, Any] = {
    "title": "T",
    "lines": [
        {"name": "bolt", "price": "dear", "note": None, "paid": False, "tags": ["x"], "text": "x" * 40, "size": 8},
        {"name": "nut", "price": 5},
    ],
}


def asked(*pointers: str, append: bool = False) -> Scope:
    """Ask for some places."""
    names = [pointer.strip("/").replace("/", "_") or "value" for pointer in pointers]
    places = (Place(pointer=pointer, name=name, append=append) for pointer, name in zip(pointers, names, strict=True))
    return Scope(places=tuple(places), schema={})


def error(pointer: str, message: str = "Wrong", found: str = '"dear"') -> FieldError:
    """Make an error of a place."""
    return FieldError(pointer=pointer, message=message, found=found, kind="k")


def test_fields() -> None:
    """Of some fields the wrong values are quoted, then what is wrong with each, and what stands beside it."""
    errors = [error("/lines/0/price", "Value error, no number"), error("/title", "Assertion failed, too short", '"T"')]
    assert ask_fields(asked("/lines/0/price", "/title"), DATA, errors) == (
        {"role": "assistant", "content": '{"lines_0_price": "dear", "title": "T"}'},
        {
            "role": "user",
            "content": "These do not conform:\n"
            "- lines_0_price: no number, beside name bolt, size 8\n"
            "- title: too short\n"
            "Reply with these alone, corrected.",
        },
    )


@pytest.mark.parametrize(
    ("pointer", "errors", "said"),
    [
        ("/lines/0/price", [error("/lines/0/price"), error("/lines/0/price", "Odd")], "Wrong; Odd, beside"),
        ("/lines/0/other", [error("/lines/0/other", found="nothing")], "Wrong (found nothing), beside"),
        ("/lines/0", [error("/lines/0/name"), error("/lines/0")], '/name: Wrong (found "dear"); Wrong\n'),
        ("/lines/1", [error("/lines/0/price")], "- lines_1: \n"),
        ("/lines/0/pricey", [error("/lines/0/price")], "- lines_0_pricey: , beside name bolt, price dear\n"),
        ("/lines", [error("/lines/1/name")], "- lines: /1/name: Wrong"),
        ("/gone/x", [error("/gone/x", found="nothing")], "- gone_x: Wrong (found nothing)\n"),
    ],
)
def test_what_is_said_of_a_field(pointer: str, errors: list[FieldError], said: str) -> None:
    """Each error in a place is told with the way to it, and what was found where that is not quoted already."""
    assert said in ask_fields(asked(pointer), DATA, errors)[1]["content"]


def test_fields_that_are_not_there() -> None:
    """Where nothing is there to be quoted, an empty object is; a turn is never empty."""
    assert ask_fields(asked("/new"), DATA, [error("/new", found="nothing")])[0]["content"] == "{}"


def test_long_values_are_quoted_in_part() -> None:
    """Where the wrong values are too long to be quoted whole, what was found is told with each."""
    data = {"a": "x" * 5_000, "b": {str(number): "y" * 100 for number in range(5_000)}}
    reply, request = ask_fields(asked("/a", "/b"), data, [error("/a", found='"xxx…'), error("/b", found="{…")])
    assert len(reply["content"]) == QUOTED_CHARACTERS + 2
    assert '- a: Wrong (found "xxx…)\n- b: Wrong (found {…)\n' in request["content"]


def test_errors_of_a_field_are_bounded() -> None:
    """Of thousands of errors inside of one field, the first 20 are told."""
    errors = [error(f"/lines/{number}", "Wrong", "1") for number in range(5_000)]
    assert ask_fields(asked("/lines"), DATA, errors)[1]["content"].count("Wrong") == LISTED_ERRORS


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=5), st.none() | st.booleans() | st.integers() | st.text(max_size=40)))
def test_a_field_is_one_line(beside: dict[str, Any]) -> None:
    """Whatever stands beside a field, what is said of it stays on its line."""
    request = ask_fields(asked("/item/x"), {"item": {**beside, "x": 5}}, [error("/item/x")])[1]["content"]
    assert len(request.split("\n")) == 3


# ---------------------------------------------------------------------------------------------- the rest


def test_the_rest() -> None:
    """Of a cut-off reply what is kept is quoted, then what is missing is named, with the last item of a list."""
    scope = Scope(places=(*asked("/lines", append=True).places, *asked("/total").places), schema={})
    data = {"lines": [{"name": "bolt"}, {"name": "nut"}]}
    assert ask_rest(scope, data, {"/lines": 2}) == (
        {"role": "assistant", "content": json.dumps(data)},
        {
            "role": "user",
            "content": "The reply was cut off there; what came before is kept. "
            "Reply with the rest alone, nothing of it again:\n"
            '- lines: what follows the first 2, the last of which is {"name": "nut"}\n'
            "- total",
        },
    )


def test_the_rest_of_what_has_not_begun() -> None:
    """Of a list or a map without items there is no last one."""
    for there, count in (([], 0), ({}, 0), ({"a": 1}, 1)):
        request = ask_rest(asked("/x", append=True), {"x": there}, {"/x": count})[1]["content"]
        assert request.endswith(f"- x: what follows the first {count}")


def test_the_end_of_what_is_kept_is_quoted() -> None:
    """Of a long reply its end is quoted, since what is missing follows it."""
    data = ["x" * 50] * 1_000
    reply, request = ask_rest(asked("", append=True), data, {"": 1_000})
    assert reply["content"] == "… " + json.dumps(data)[-QUOTED_CHARACTERS:]
    assert f'what follows the first 1000, the last of which is "{"x" * 50}"' in request["content"]
    long = ask_rest(asked("", append=True), ["x" * 5_000], {"": 1})[1]["content"]
    assert len(long) < 1_000


# ------------------------------------------------------------------------------------------------ afresh


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("The document.", "The document.\n\nMind these rules:\n- /a: Wrong\n- the whole: Odd"),
        (
            [{"type": "text", "text": "The document."}],
            [
                {"type": "text", "text": "The document."},
                {"type": "text", "text": "Mind these rules:\n- /a: Wrong\n- the whole: Odd"},
            ],
        ),
        (None, [{"type": "text", "text": "Mind these rules:\n- /a: Wrong\n- the whole: Odd"}]),
    ],
)
def test_afresh(content: Any, expected: Any) -> None:
    """The rules that were broken go with the document, in text or as a part, and nothing of what was found."""
    before = {"role": "user", "content": "first"}
    last = {"role": "user", "content": content, "name": "n"}
    made = ask_afresh([before, last], [error("/a"), error("", "Odd")])
    assert made == (before, {"role": "user", "content": expected, "name": "n"})
    assert last["content"] == content
