"""What is asked again after a reply that did not conform."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.feedback import LISTED_ERRORS, QUOTED_CHARACTERS, ask_again
from extractor.reply.outcome import Outcome
from extractor.schema.target import FieldError

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


@settings(max_examples=50, deadline=None)
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
