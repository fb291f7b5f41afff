"""What was wrong with a reply → the turns that ask again.

A wrong reply stays in the conversation (its beginning, where it is long; its failing places, where only these
are asked for), followed by what is wrong with it: the place, what was expected there, what was found.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate, islice
from typing import Any

from extractor.chat.content import Message
from extractor.reply.outcome import Outcome
from extractor.schema.checked import FOUND_LENGTH, FieldError
from extractor.schema.pointers import unescaped, value_at
from extractor.schema.scope import Place, Scope

__all__ = ["ask_afresh", "ask_again", "ask_fields", "ask_rest"]

# A re-ask quotes no more than this of a wrong reply: a reply may be megabytes long.
QUOTED_CHARACTERS = 2_000
QUOTED_WITHOUT_END = 300  # of one without an end: the model may have run in circles, and would go on with them
LINE_CHARACTERS = 500  # of what is said of one error or place
POINTER_CHARACTERS = 150  # of these: keys may be a model's
_LINE = LINE_CHARACTERS - len(" …")
REQUEST_CHARACTERS = 20_000
LAST_CHARACTERS = 400  # of the last item of a list that is to go on
BESIDE_MEMBERS, BESIDE_CHARACTERS = 2, 32  # of what stands beside a wrong value: enough to tell which one is meant
LOOKED_AT = 50  # members, for those
_PREFIXES = ("Value error, ", "Assertion failed, ")  # pydantic's, which say nothing to a model
LISTED_ERRORS = 20
_MORE = re.compile(r"and (\d{1,9}) more")

_REQUESTS: Mapping[Outcome, str] = {
    Outcome.INVALID: "This does not conform:\n{errors}\nReply with the whole JSON object again, corrected.",
    Outcome.MALFORMED: "This is not valid JSON:\n{errors}\nReply with the JSON object alone, nothing around it.",
    Outcome.CUT_OFF: "The reply was cut off before its end. Reply with the whole JSON object, as short as it can be.",
    Outcome.BROKEN_OFF: "The reply broke off before its end. Reply with the whole JSON object again.",
    Outcome.EMPTY: "The reply was empty. Reply with the JSON object.",
    Outcome.REFUSED: "Only the document's data is asked for. Reply with the JSON object; null for what is not there.",
    Outcome.FILTERED: "The reply was stopped. Reply with the JSON object, with no more of the text than it needs.",
}


def ask_again(outcome: Outcome, text: str, errors: Sequence[FieldError]) -> tuple[dict[str, Any], ...]:
    """The turns to add after a reply that did not conform, asking for the whole."""
    length = QUOTED_WITHOUT_END if outcome in (Outcome.CUT_OFF, Outcome.BROKEN_OFF) else QUOTED_CHARACTERS
    return _turns(_cut(text, length), _REQUESTS[outcome].format(errors=_listed(errors)))


def ask_afresh(messages: Sequence[Message], errors: Sequence[FieldError]) -> tuple[Message, ...]:
    """The document's turns, with what to mind added to the last: for where being corrected has not helped."""
    *before, last = messages
    said = f"Mind these rules:\n{_listed(errors, found=False)}"
    content = last.get("content")
    if isinstance(content, str):
        return (*before, {**last, "content": f"{content}\n\n{said}"})
    return (*before, {**last, "content": [*(content or ()), {"type": "text", "text": said}]})


def ask_fields(scope: Scope, data: Any, errors: Sequence[FieldError]) -> tuple[dict[str, Any], ...]:
    """The turns to add where only the places of a scope are asked for again: their wrong values, and the errors."""
    wrong = {place.name: found for place in scope.places if (found := value_at(data, place.pointer)) is not None}
    quoted = _written(wrong)
    lines = [_failing(place, data, errors, quoted=len(quoted) <= QUOTED_CHARACTERS) for place in scope.places]
    request = f"These do not conform:\n{_bounded(lines)}\nReply with these alone, corrected."
    return _turns(_cut(quoted, QUOTED_CHARACTERS), request)


def ask_rest(scope: Scope, data: Any, appended: Mapping[str, int]) -> tuple[dict[str, Any], ...]:
    """The turns to add where the rest of a cut-off reply is asked for: the end of what is kept, and what is missing."""
    written = _written(data)
    kept = written if len(written) <= QUOTED_CHARACTERS else "… " + written[-QUOTED_CHARACTERS:]
    lines = [_open(place, data, appended) for place in scope.places]
    request = (
        "The reply was cut off there; what came before is kept. Reply with the rest alone, nothing of it again:\n"
        + _bounded(lines)
    )
    return _turns(kept, request)


def _turns(wrong: str, request: str) -> tuple[dict[str, Any], ...]:
    # An empty assistant turn is refused by some endpoints, and two user turns in a row by others.
    return (
        {"role": "assistant", "content": wrong.strip() or "(nothing)"},
        {"role": "user", "content": request},
    )


def _listed(errors: Sequence[FieldError], *, found: bool = True) -> str:
    lines = [_line(error, found=found) for error in errors[:LISTED_ERRORS]]
    return "\n".join([*lines, *_and_more(sum(map(_number, errors[LISTED_ERRORS:])))])


def _number(error: FieldError) -> int:
    """How many errors one stands for."""
    more = _MORE.fullmatch(error.message) if error.kind == "more" else None
    return int(more[1]) if more else 1


def _line(error: FieldError, *, found: bool) -> str:
    before = f"- {_cut(error.pointer, POINTER_CHARACTERS) or 'the whole'}: "
    after = f" (found {_cut(error.found, FOUND_LENGTH + 1)})" if found else ""
    return before + _cut(error.message, _LINE - len(before) - len(after)) + after


def _bounded(lines: Sequence[str]) -> str:
    """The lines, as many of them as there is room for."""
    ends = accumulate(len(line) + 1 for line in lines)
    fitting = sum(end <= REQUEST_CHARACTERS - LINE_CHARACTERS for end in ends)
    return "\n".join([*lines[:fitting], *_and_more(len(lines) - fitting)])


def _and_more(number: int) -> list[str]:
    return [f"- and {number} more"] if number > 0 else []


def _failing(place: Place, data: Any, errors: Sequence[FieldError], *, quoted: bool) -> str:
    """What is wrong in one place, and what stands beside it, so that it can be found in the document.

    What was found there is not said again where it has been `quoted`.
    """
    here = [
        error for error in errors if error.pointer == place.pointer or error.pointer.startswith(place.pointer + "/")
    ]
    said = [_inside(place, error, quoted=quoted) for error in here[:LISTED_ERRORS]]
    beside = _beside(place, data)
    return _cut(f"- {place.name}: {'; '.join(said)}", _LINE - len(beside)) + beside


def _inside(place: Place, error: FieldError, *, quoted: bool) -> str:
    """One error of a place, with the way to it where it is further inside."""
    inside = _cut(error.pointer.removeprefix(place.pointer), POINTER_CHARACTERS)
    known = quoted and not inside and error.found != "nothing"
    message = functools.reduce(str.removeprefix, _PREFIXES, error.message)
    said = message if known else f"{message} (found {error.found})"
    return f"{inside}: {said}" if inside else said


def _beside(place: Place, data: Any) -> str:
    """Some plain members beside a place. Those of the root, and other items of a list, do not tell where it is."""
    above, _, key = place.pointer.rpartition("/")
    around = value_at(data, above) if above else None
    if not isinstance(around, dict):
        return ""
    members = islice(around.items(), LOOKED_AT)
    told = [
        f"{_written(name)[1:-1]} {_written(value).strip(chr(34))}"
        for name, value in members
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value and name != unescaped(key)
    ]
    short = [text for text in told if len(text) <= BESIDE_CHARACTERS][:BESIDE_MEMBERS]
    return f", beside {', '.join(short)}" if short else ""


def _open(place: Place, data: Any, appended: Mapping[str, int]) -> str:
    if not place.append:
        return f"- {place.name}"
    there = value_at(data, place.pointer)
    last = _cut(_written(there[-1]), LAST_CHARACTERS) if isinstance(there, list) and there else ""
    after = f", the last of which is {last}" if last else ""
    return _cut(f"- {place.name}: what follows the first {appended.get(place.pointer, 0)}{after}", _LINE)


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + " …"
