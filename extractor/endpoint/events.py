"""A streamed answer as it arrives: bytes → what each event adds → a chat completion. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extractor.chat.sse import EventReader, Piece, ReplyCollector
from extractor.chat.wire import ChatReply, Choice, decode_reply

__all__ = ["Events"]


class Events:
    """A stream: `feed` its bytes as they come, then `close` it. What is then there is its `reply`, or its `error`."""

    def __init__(self) -> None:
        self._reader = EventReader()
        self._collector = ReplyCollector()
        self._readable = True

    def feed(self, chunk: bytes) -> Iterator[Piece]:
        """What each event adds that these bytes complete."""
        return self._collected(self._reader.feed(chunk))

    def close(self) -> Iterator[Piece]:
        """What an event adds that the stream ended without closing. Half of one adds nothing: the stream broke off."""
        readable = self._readable
        yield from self._collected(self._reader.close())
        self._readable = readable

    def _collected(self, events: Iterator[str]) -> Iterator[Piece]:
        try:
            for data in events:
                if self._readable:
                    yield self._collector.add(data)
        except (ValueError, RecursionError):  # no chunk of a completion
            self._readable = False

    @property
    def reply(self) -> ChatReply | None:
        """The completion; None where there is none. Where the stream stopped early, candidates are not `complete`,
        and anything must have been said.
        """
        collector = self._collector
        if collector.error is not None or not self._readable:
            return None
        reply = decode_reply(collector.body, ended=collector.finished)
        said = collector.finished or any(map(_says_something, reply.choices))
        return reply if reply.choices and said else None

    @property
    def body(self) -> Any:
        """What has been collected, in the shape of a reply that was not streamed."""
        return self._collector.body

    @property
    def error(self) -> Any:
        """The chunk that carried an error, if one did."""
        return self._collector.error if self._readable else None


def _says_something(choice: Choice) -> bool:
    message = choice.message
    return bool(message.content or message.reasoning_content or any(call.arguments for call in message.tool_calls))
