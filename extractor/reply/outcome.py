"""What a reply turned out to be."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Outcome"]


class Outcome(StrEnum):
    """How one request ended."""

    CONFORMING = "conforming"
    INCOMPLETE = "incomplete"
    """Conforming but for required fields that the document lacks; only with `absent="allow"`."""
    INVALID = "invalid"
    """JSON that the target does not accept, or that is not clean: NaN, a key given twice, `true` for a number."""
    MALFORMED = "malformed"
    """Text that is no JSON, and cannot be mended without guessing."""
    CUT_OFF = "cut_off"
    """The token limit came before the end; thinking alone may have used it up."""
    BROKEN_OFF = "broken_off"
    """The stream stopped before its end, whatever had come by then."""
    EMPTY = "empty"
    REFUSED = "refused"
    FILTERED = "filtered"
