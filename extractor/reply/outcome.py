"""What a reply turned out to be, before anybody looks at its JSON."""

from __future__ import annotations

from enum import StrEnum

from extractor.chat.wire import Choice

__all__ = ["Outcome", "outcome_of", "text_of", "was_cut"]


class Outcome(StrEnum):
    """How one request ended."""

    CONFORMING = "conforming"
    INCOMPLETE = "incomplete"
    """Conforming but for required fields that the document lacks; only with `absent="allow"`."""
    INVALID = "invalid"
    """JSON that the target does not accept."""
    MALFORMED = "malformed"
    """Text that is no JSON."""
    CUT_OFF = "cut_off"
    """The token limit came before the end; thinking alone may have used it up."""
    EMPTY = "empty"
    REFUSED = "refused"
    FILTERED = "filtered"


def text_of(choice: Choice, tool: str = "") -> str:
    """The text in which the answer should be: the content, else the arguments of the tool call.

    Where the function `tool` was to be called, its arguments come first.
    """
    message = choice.message
    calls = message.tool_calls
    if tool and calls:
        for call in calls:
            if call.name == tool:
                return call.arguments
    if message.content and message.content.strip():
        return message.content
    return calls[0].arguments if calls else ""


def outcome_of(choice: Choice, tool: str = "") -> Outcome | None:
    """What is known without reading the text; None where it has to be read. For `tool` see `text_of`."""
    finish_reason = choice.finish_reason or ""
    if "content_filter" in finish_reason:  # also composite: "content_filter: RECITATION"
        return Outcome.FILTERED
    if choice.message.refusal:
        return Outcome.REFUSED
    if not text_of(choice, tool).strip():
        return Outcome.CUT_OFF if was_cut(choice) else Outcome.EMPTY
    return None


def was_cut(choice: Choice) -> bool:
    """Whether the token limit ended the reply. Its JSON may be complete all the same."""
    reason = (choice.finish_reason or "").casefold()
    return "length" in reason or "max_tokens" in reason  # also composite, and in Gemini's own words
