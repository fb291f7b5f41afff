"""Server-sent events: bytes → events → one reply. No I/O.

`EventReader` takes bytes split anywhere and gives the data of each event. `ReplyCollector` puts the
chunks of a streamed completion together into the body that the endpoint would have sent at once.
Source: the event stream format of the HTML standard, and the chunks of chat completions.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["EventReader", "ReplyCollector"]


class EventReader:
    """Bytes in, the data of complete events out. Comments (keep-alives) and other fields are passed over."""

    def __init__(self) -> None:
        # An incremental decoder, since a chunk may end inside a character.
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")("replace")
        self._tail: list[str] = []
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of every event that `chunk` completes."""
        return self._lines(self._decoder.decode(chunk))

    def close(self) -> Iterator[str]:
        """The data of an event that the stream ended without closing."""
        yield from self._lines(self._decoder.decode(b"", True) + "\n\n")

    def _lines(self, text: str) -> Iterator[str]:
        # Only \n ends a line here, with an \r before it dropped: a lone \r as line end, which the standard
        # also knows, is sent by no endpoint, and a chunk may end between the two.
        first, *rest = text.split("\n")
        self._tail.append(first)
        for following in rest:
            line = "".join(self._tail).removesuffix("\r")
            self._tail = [following]
            if line.startswith("data:"):
                self._data.append(line[5:].removeprefix(" "))
            elif not line and self._data:
                yield "\n".join(self._data)
                self._data = []


class ReplyCollector:
    """Chunks of one streamed completion in, the whole body out.

    `finished` says whether the stream came to its end (a `finish_reason` for every candidate, or
    `[DONE]`); `error` is the error object that came inside the stream, if one did.
    """

    def __init__(self) -> None:
        self._body: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._done = False
        self.error: Any = None

    @property
    def finished(self) -> bool:
        """Whether nothing is missing."""
        closed = bool(self._choices) and all(c.get("finish_reason") for c in self._choices.values())
        return self._done or closed

    @property
    def body(self) -> dict[str, Any]:
        """What has been collected so far, in the shape of a reply that was not streamed."""
        choices = [self._choices[index] for index in sorted(self._choices)]
        return {**self._body, "object": "chat.completion", "choices": [_closed(choice) for choice in choices]}

    def add(self, data: str) -> None:
        """Take the data of one event. Raises `ValueError` where it is no JSON object."""
        if data.strip() == "[DONE]":
            self._done = True
            return
        chunk = json.loads(data)
        if not isinstance(chunk, dict):
            raise ValueError("an event's data is no JSON object")
        if chunk.get("error"):
            self.error = chunk
        for key, value in chunk.items():
            if key == "choices":
                for number, choice in enumerate(value or ()):
                    self._add_choice(choice, number)
            elif value is not None:
                self._body[key] = value

    def _add_choice(self, choice: Mapping[str, Any], number: int) -> None:
        index = choice.get("index", number)
        known = self._choices.setdefault(index, {"index": index, "message": {"role": "assistant"}})
        for key, value in choice.items():
            if key == "delta" and value:
                _add_delta(known["message"], value)
            elif key == "logprobs" and value:
                known.setdefault("logprobs", {"content": []})["content"] += value.get("content") or []
            elif key not in ("delta", "logprobs", "index") and value is not None:
                known[key] = value


def _add_delta(message: dict[str, Any], delta: Mapping[str, Any]) -> None:
    for key, value in delta.items():
        if key == "tool_calls":
            for number, call in enumerate(value or ()):
                _add_call(message.setdefault("tool_calls", {}), call, number)
        elif isinstance(value, str) and key != "role":
            # Pieces are kept in a list and joined at the end: adding strings would take quadratic time.
            message.setdefault(key, []).append(value)
        elif value is not None:
            message[key] = value


def _add_call(calls: dict[int, dict[str, Any]], call: Mapping[str, Any], number: int) -> None:
    known = calls.setdefault(call.get("index", number), {"function": {"arguments": []}})
    function = call.get("function") or {}
    known["function"]["arguments"].append(function.get("arguments") or "")
    known["function"].setdefault("name", function.get("name"))
    known.setdefault("id", call.get("id"))


def _closed(choice: Mapping[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {}
    for key, value in choice["message"].items():
        if key == "tool_calls":
            message[key] = [_closed_call(value[index]) for index in sorted(value)]
        else:
            message[key] = "".join(value) if isinstance(value, list) else value
    return {**choice, "message": message}


def _closed_call(call: Mapping[str, Any]) -> dict[str, Any]:
    function = call["function"]
    return {**call, "type": "function", "function": {**function, "arguments": "".join(function["arguments"])}}
