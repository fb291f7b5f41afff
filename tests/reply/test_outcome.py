"""What a reply turned out to be."""

from __future__ import annotations

from typing import Any

import pytest

from extractor.chat.wire import Choice, decode_reply
from extractor.reply.outcome import Outcome, outcome_of, text_of, was_cut

CALL = {"id": "1", "function": {"name": "save", "arguments": '{"a": 1}'}}


def choice(finish_reason: str | None = "stop", **message: Any) -> Choice:
    """Decode a reply of one choice with this message."""
    return decode_reply({"choices": [{"message": message, "finish_reason": finish_reason}]}).choices[0]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "{}"}, "{}"),
        ({"content": " {} "}, " {} "),
        ({"content": "{}", "tool_calls": [CALL]}, "{}"),
        ({"content": None, "tool_calls": [CALL]}, '{"a": 1}'),
        ({"content": " \n", "tool_calls": [CALL, {"function": {"arguments": "2"}}]}, '{"a": 1}'),
        ({"content": "", "tool_calls": []}, ""),
        ({"reasoning_content": "thinking"}, ""),
        ({}, ""),
    ],
)
def test_text(message: dict[str, Any], text: str) -> None:
    """The answer is the content, else the arguments of the first tool call; thoughts are none."""
    assert text_of(choice(**message)) == text


@pytest.mark.parametrize(
    ("finish_reason", "message", "outcome"),
    [
        ("stop", {"content": "{}"}, None),
        (None, {"content": "{}"}, None),
        ("length", {"content": '{"a":'}, None),
        ("tool_calls", {"content": None, "tool_calls": [CALL]}, None),
        ("stop", {"content": ""}, Outcome.EMPTY),
        ("stop", {"content": None}, Outcome.EMPTY),
        (None, {}, Outcome.EMPTY),
        ("stop", {"content": " \n\t"}, Outcome.EMPTY),
        ("stop", {"reasoning_content": "hm"}, Outcome.EMPTY),
        ("length", {"content": ""}, Outcome.CUT_OFF),
        ("length", {"reasoning_content": "hm"}, Outcome.CUT_OFF),
        ("length", {}, Outcome.CUT_OFF),
        ("stop", {"refusal": "I cannot"}, Outcome.REFUSED),
        ("stop", {"content": "{}", "refusal": "I cannot"}, Outcome.REFUSED),
        ("stop", {"content": "{}", "refusal": ""}, None),
        ("content_filter", {"content": '{"a":'}, Outcome.FILTERED),
        ("content_filter", {}, Outcome.FILTERED),
        ("content_filter: RECITATION", {"role": "assistant"}, Outcome.FILTERED),
        ("content_filter", {"refusal": "I cannot"}, Outcome.FILTERED),
    ],
)
def test_outcomes(finish_reason: str | None, message: dict[str, Any], outcome: Outcome | None) -> None:
    """Without reading is known what was filtered, refused, empty; a cut text may still be complete."""
    assert outcome_of(choice(finish_reason, **message)) is outcome


@pytest.mark.parametrize(("reason", "cut"), [("length", True), ("stop", False), (None, False), ("tool_calls", False)])
def test_cut(reason: str | None, cut: bool) -> None:
    """Only the token limit cuts a reply."""
    assert was_cut(choice(reason, content="{}")) is cut


def test_outcomes_are_words() -> None:
    """An outcome is its word, for logs and stores."""
    assert [f"{each}" for each in Outcome] == [
        "conforming", "incomplete", "invalid", "malformed", "cut_off", "empty", "refused", "filtered",
    ]  # fmt: skip
