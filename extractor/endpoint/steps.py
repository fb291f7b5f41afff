"""What a delivery asks of those who do the I/O, one thing after the other."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import httpx

from extractor.chat.wire import ChatReply
from extractor.endpoint.turns import Turn
from extractor.errors import ExtractorError

if TYPE_CHECKING:
    from extractor.endpoint.delivery import Body

__all__ = ["Outcome", "Pause", "Post", "Step", "Steps", "Wait", "Work"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Post:
    """Send this, and receive the answer in `body` until `expires`. To be sent: None, or the exception that ended it."""

    request: httpx.Request = field(repr=False)
    body: Body = field(repr=False)
    expires: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Pause:
    """Do nothing for so many seconds."""

    seconds: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Wait:
    """Wait until somebody wakes the `turn`, for so many `seconds` at most (None: however long)."""

    turn: Turn
    seconds: float | None
    not_before: float  # of the turn, when `seconds` was found: another by now means to look again


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """Call this, which may take a moment (it reads a file). To be sent: what it gives."""

    call: Callable[[], Any] = field(repr=False)


Step: TypeAlias = Post | Pause | Wait | Work
Outcome: TypeAlias = ChatReply | ExtractorError
Steps: TypeAlias = "Generator[Step, Any, Outcome]"
"""What to do, one step after the other; in the end the reply or the error."""
