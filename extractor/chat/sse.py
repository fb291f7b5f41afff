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
    `[DONE]`); `error` is the chunk that carried an error, if one did. What has a wrong type is passed over.
    """

    def __init__(self) -> None:
        self._body: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}
        self._done = False
        self.error: Any = None

    @property
    def finished(self) -> bool:
        """Whether nothing is missing."""
        closed = bool(self._choices) and all(each.fields.get("finish_reason") for each in self._choices.values())
        return self._done or closed

    @property
    def body(self) -> dict[str, Any]:
        """What has been collected so far, in the shape of a reply that was not streamed."""
        choices = [self._choices[index].whole(index) for index in sorted(self._choices)]
        return {**self._body, "object": "chat.completion", "choices": choices}

    def add(self, data: str) -> None:
        """Take the data of one event. Raises `ValueError` where it is no JSON object."""
        if data.strip() in ("[DONE]", ""):  # some keep the connection alive by empty events
            self._done = self._done or bool(data.strip())
            return
        chunk = json.loads(data)
        if not isinstance(chunk, dict):
            raise ValueError("an event's data is no JSON object")  # noqa: TRY004  # as for what is no JSON
        if chunk.get("error") or chunk.get("object") == "error":
            self.error = chunk
        for key, value in chunk.items():
            if key != "choices" and value is not None:
                self._body[key] = value
        for number, choice in enumerate(_dicts(chunk.get("choices"))):
            self._choices.setdefault(_index(choice, number), _Choice()).add(choice)


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _index(item: Mapping[str, Any], number: int) -> int:
    index = item.get("index")
    return index if isinstance(index, int) else number


class _Choice:
    """One candidate. Pieces of text are kept in lists and joined at the end: adding strings up would take
    quadratic time.
    """

    def __init__(self) -> None:
        self.fields: dict[str, Any] = {}
        self._message: dict[str, Any] = {"role": "assistant"}
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[int, _Call] = {}
        self._logprobs: list[Any] = []

    def add(self, choice: Mapping[str, Any]) -> None:
        delta, logprobs = choice.get("delta"), choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            self._logprobs += logprobs["content"]
        passed = {"delta", "logprobs", "index"}
        self.fields.update({k: v for k, v in choice.items() if k not in passed and v is not None})
        for key, value in delta.items() if isinstance(delta, dict) else ():
            self._add(key, value)

    def _add(self, key: str, value: Any) -> None:
        if key == "tool_calls":
            for number, call in enumerate(_dicts(value)):
                self._calls.setdefault(_index(call, number), _Call()).add(call)
        elif isinstance(value, str) and key != "role":
            self._texts.setdefault(key, []).append(value)
        elif key == "content" and isinstance(value, list):
            self._texts.setdefault(key, []).extend(str(part.get("text") or "") for part in _dicts(value))
        elif isinstance(value, list):
            known = self._message.get(key)
            self._message[key] = [*known, *value] if isinstance(known, list) else value
        elif value is not None:
            self._message[key] = value

    def whole(self, index: int) -> dict[str, Any]:
        texts = {key: "".join(pieces) for key, pieces in self._texts.items()}
        calls = {"tool_calls": [self._calls[n].whole() for n in sorted(self._calls)]} if self._calls else {}
        logprobs = {"logprobs": {"content": self._logprobs}} if self._logprobs else {}
        return {"index": index, **self.fields, **logprobs, "message": {**self._message, **texts, **calls}}


class _Call:
    """One tool call: its id and name come in any piece, its arguments in many."""

    def __init__(self) -> None:
        self._id = ""
        self._name = ""
        self._arguments: list[str] = []

    def add(self, call: Mapping[str, Any]) -> None:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        self._id = self._id or str(call.get("id") or "")
        self._name = self._name or str(function.get("name") or "")
        arguments = function.get("arguments")
        if arguments:
            self._arguments.append(arguments if isinstance(arguments, str) else json.dumps(arguments))

    def whole(self) -> dict[str, Any]:
        function = {"name": self._name, "arguments": "".join(self._arguments)}
        return {"id": self._id, "type": "function", "function": function}
