"""What was wrong with a reply → what to ask again.

The wrong reply stays in the conversation (its beginning, where it is long), followed by what is wrong
with it: the place, what was expected there, what was found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from extractor.reply.outcome import Outcome
from extractor.schema.target import FieldError

__all__ = ["ask_again"]

# A re-ask quotes no more than this of a wrong reply: a reply may be megabytes long.
QUOTED_CHARACTERS = 2_000
LISTED_ERRORS = 20

_REQUESTS: Mapping[Outcome, str] = {
    Outcome.INVALID: "This does not conform:\n{errors}\nReply with the whole JSON object again, corrected.",
    Outcome.MALFORMED: "This is not valid JSON:\n{errors}\nReply with the JSON object alone, nothing around it.",
    Outcome.CUT_OFF: "The reply was cut off before its end. Reply with the whole JSON object, as short as it can be.",
    Outcome.EMPTY: "The reply was empty. Reply with the JSON object.",
    Outcome.REFUSED: "Only the document's data is asked for. Reply with the JSON object; null for what is not there.",
    Outcome.FILTERED: "The reply was stopped. Reply with the JSON object, with no more of the text than it needs.",
}


def ask_again(outcome: Outcome, text: str, errors: Sequence[FieldError]) -> tuple[dict[str, Any], ...]:
    """The turns to add after a reply that did not conform."""
    wrong = text if len(text) <= QUOTED_CHARACTERS else text[:QUOTED_CHARACTERS] + " …"
    listed = [f"- {error}" for error in errors[:LISTED_ERRORS]]
    if len(errors) > LISTED_ERRORS:
        listed.append(f"- and {len(errors) - LISTED_ERRORS} more")
    # An empty assistant turn is refused by some endpoints, and two user turns in a row by others.
    return (
        {"role": "assistant", "content": wrong.strip() or "(nothing)"},
        {"role": "user", "content": _REQUESTS[outcome].format(errors="\n".join(listed))},
    )
