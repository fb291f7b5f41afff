"""An object that is nothing but a wrapper of the one that was wanted, by a name that is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from extractor.reply.branches import Fit
from extractor.reply.encoded import parsed
from extractor.reply.meanings import folded
from extractor.reply.notes import NOTHING_SAID, Note, Result, shown
from extractor.reply.shape import Object, Shape

__all__ = ["unwrapped"]


def unwrapped(shape: Shape, data: Any, names: Sequence[str], fit: Fit) -> Result:
    """What an object holds that is nothing but a wrapper: {"Invoice": {…}}, {"name": …, "arguments": {…}}.

    `names` are those of the target and of its tool. What fits the shape as it is, where any key is allowed, is none.
    """
    if not isinstance(data, dict) or len(data) > 2:  # the usual case, and not to be slowed down
        return data, NOTHING_SAID
    known = {key for each in shape.branches if isinstance(each, Object) for key in each.names}
    called = {folded(name) for name in names if name}
    notes: list[Note] = []
    # A type passes over keys that it does not have, so that nothing would be left of what is in the wrapper.
    free = any(isinstance(each, Object) and (each.open or not each.of_type) for each in shape.branches)
    while known and isinstance(data, dict) and 1 <= len(data) <= 2 and not (free and fit(shape, data)):
        key, inner = _held(data, called)
        if not isinstance(inner, dict) or folded(key) in known or known.isdisjoint(map(folded, inner)):
            break
        data = inner
        notes.append(Note(kind="unwrapped", message=f"Taken what {shown(key)} held for the whole."))
    return data, notes


_WRAPPERS = frozenset("data result output response record answer json item value".split())
_ARGUMENTS = ("arguments", "parameters", "input")


def _held(data: dict[str, Any], called: set[str]) -> tuple[str, Any]:
    """The key under which an object may be wrapped, and what it holds there."""
    if len(data) == 1:
        ((key, inner),) = data.items()
        return key, inner if folded(key) in called | _WRAPPERS else None
    name = data.get("name")
    key = next((each for each in _ARGUMENTS if each in data), "")
    if not key or not isinstance(name, str) or folded(name) not in called:
        return "", None
    inner = data[key]
    return key, parsed(inner) if isinstance(inner, str) else inner
