"""Server-sent events: bytes → events → one reply. No I/O.

`EventReader` takes bytes split anywhere and gives the data of each event. `ReplyCollector` puts the
chunks of a streamed completion together into the body that the endpoint would have sent at once.
Source: the event stream format of the HTML standard, and the chunks of chat completions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from json.decoder import scanstring  # type: ignore[attr-defined]  # in C, which is what is wanted here
from typing import Any, NamedTuple

from pydantic_core import from_json

__all__ = ["EventReader", "Piece", "ReplyCollector"]


class EventReader:
    """Bytes in, the data of complete events out. Comments (keep-alives) and other fields are passed over."""

    def __init__(self) -> None:
        self._mark = _MARK  # may stand before the first line
        self._tail: list[bytes] = []
        self._data: list[str] = []

    def feed(self, chunk: bytes) -> Iterator[str]:
        """The data of every event that `chunk` completes."""
        # Only \n ends a line here, with an \r before it dropped: a lone \r as line end, which the standard
        # also knows, is sent by no endpoint, and a chunk may end between the two.
        first, *lines = chunk.split(b"\n")
        self._tail.append(first)
        if lines:
            whole, self._tail = b"".join(self._tail), [lines.pop()]
            whole, self._mark = whole.removeprefix(self._mark), b""
            for line in (whole, *lines):
                if line.startswith(b"data:"):
                    # No character has an \n in it: each line is decoded by itself.
                    self._data.append(line[5:].removesuffix(b"\r").decode("utf-8", "replace").removeprefix(" "))
                elif self._data and line in _BLANK:
                    data, self._data = self._data, []
                    yield "\n".join(data)

    def close(self) -> Iterator[str]:
        """The data of an event that the stream ended without closing."""
        return self.feed(b"\n\n")


_MARK = b"\xef\xbb\xbf"  # that it is UTF-8
_BLANK = (b"", b"\r")


class Piece(NamedTuple):
    """What one event adds to the first candidate: to its content, and to the arguments of its first tool call."""

    content: str = ""
    arguments: str = ""


_NOTHING = Piece()
MOST_CHOICES = 1_000  # candidates of one reply: `n` is 128 at most


class ReplyCollector:
    """Chunks of one streamed completion in, the whole body out.

    `finished` says whether the stream came to its end (a `finish_reason` for every candidate, or
    `[DONE]`); `error` is the chunk that carried an error, if one did. What has a wrong type is passed over.
    """

    def __init__(self) -> None:
        self._body: dict[str, Any] = {}
        self._choices: dict[int, _Choice] = {}
        self._done = False
        self._last: dict[str, Any] = {}
        self._usual = _Usual()
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

    def add(self, data: str) -> Piece:
        """Take the data of one event. Raises `ValueError` where it is no JSON object."""
        content = self._usual.content(data)
        if content is not None:  # and nothing else is new
            self._choices[0].content.append(content)
            return Piece(content)
        if data.strip() in ("[DONE]", ""):  # some keep the connection alive by empty events
            self._done = self._done or bool(data.strip())
            return _NOTHING
        chunk = _chunk(data)
        if not isinstance(chunk, dict):
            raise ValueError("an event's data is no JSON object")  # noqa: TRY004  # as for what is no JSON
        if chunk.get("error") or chunk.get("object") == "error":
            self.error = chunk
        choices = chunk.pop("choices", None)
        if chunk != self._last:  # mostly the same from chunk to chunk
            self._last = chunk
            self._body.update({key: value for key, value in chunk.items() if value is not None})
        piece = self._added(choices) if choices else _NOTHING
        self._usual.learn(data, chunk, choices)
        return piece

    def _added(self, choices: Any) -> Piece:
        first = _NOTHING
        for number, choice in enumerate(_dicts(choices)):
            index = _index(choice, number)
            known = self._choices.get(index)
            if known is None:
                if len(self._choices) >= MOST_CHOICES:
                    raise ValueError("more candidates than anybody asks for")
                known = self._choices[index] = _Choice()
            piece = known.add(choice)
            if index == 0:
                first = piece
        return first


class _Usual:
    """What most chunks are: to the letter the same as the last one, but for the content, which alone is decoded then.

    That takes a fourth of the time. What may change between them, from the id to the choices, is so known to be as
    it was: any other chunk is forgotten at once, and the next one learned from.
    """

    def __init__(self) -> None:
        self._before: str | None = None
        self._at = 0  # where the content begins, after its quote
        self._after = ""  # from its other quote on
        self._used = False
        self._tries = _TRIES

    def content(self, data: str) -> str | None:
        """The content of such a chunk; None where it is another one."""
        if self._before is None or not data.startswith(self._before):
            return None
        content: str
        try:
            content, end = scanstring(data, self._at, True)
        except ValueError:
            return None
        if data[end - 1 :] != self._after:
            return None
        self._used = True
        return content

    def learn(self, data: str, chunk: Mapping[str, Any], choices: Any) -> None:
        """Learn what a chunk with these choices is, of which there may be more."""
        self._before = None
        if not _is_usual(choices):
            return
        self._tries = _TRIES if self._used else self._tries - 1
        self._used = False
        match = _CONTENT.search(data) if self._tries > 0 else None
        if match is None:
            return
        at, content = match.end(), choices[0]["delta"]["content"]
        try:
            end = scanstring(data, at, True)[1]
            other = _chunk(f"{data[:at]}{_OTHER}{data[end - 1 :]}")
        except ValueError:
            return
        # Whatever else is called so in it: here another content makes the same chunk with that content.
        if content != _OTHER and other == {**chunk, "choices": [{**choices[0], "delta": {"content": _OTHER}}]}:
            self._before, self._at, self._after = data[:at], at, data[end - 1 :]


_TRIES = 8  # in vain, one after the other: its chunks differ in more than their content
_OTHER = "another content"
_CONTENT = re.compile(r'"content"[ \t\n\r]*+:[ \t\n\r]*+"')


def _is_usual(choices: Any) -> bool:
    """Whether there is one candidate, the first, of which there is content and nothing else to be kept."""
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], dict):
        return False
    choice = choices[0]
    delta = choice.get("delta")
    if not isinstance(delta, dict) or len(delta) != 1 or not isinstance(delta.get("content"), str):
        return False
    return _index(choice, 0) == 0 and not choice.get("logprobs")


def _chunk(data: str) -> Any:
    try:
        return from_json(data)
    except ValueError:
        return json.loads(data)  # half a character, whose other half comes in the next chunk


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
        self.content: list[str] = []
        self._texts: dict[str, list[str]] = {}
        self._calls: dict[int, _Call] = {}
        self._first: int | None = None
        self._logprobs: list[Any] = []

    def add(self, choice: Mapping[str, Any]) -> Piece:
        logprobs = choice.get("logprobs")
        if isinstance(logprobs, dict) and isinstance(logprobs.get("content"), list):
            self._logprobs += logprobs["content"]
        for key, value in choice.items():
            if value is not None and key not in _PASSED:
                self.fields[key] = value
        delta = choice.get("delta")
        if not isinstance(delta, dict) or not delta:
            return _NOTHING
        content = delta.get("content")
        if len(delta) == 1 and isinstance(content, str):  # nearly all of them
            self.content.append(content)
            return Piece(content)
        content, arguments = "", ""
        for key, value in delta.items():
            if key == "tool_calls":
                arguments += self._called(value)
            elif key == "content":
                if value is not None:
                    content = _text(value)
                    self.content.append(content)
            else:
                self._add(key, value)
        return Piece(content, arguments)

    def _called(self, calls: Any) -> str:
        """What tool calls add to the arguments of the first."""
        first = ""
        for number, call in enumerate(_dicts(calls)):
            index = _index(call, number)
            added = self._calls.setdefault(index, _Call()).add(call)
            self._first = index if self._first is None else min(self._first, index)
            first += added if index == self._first else ""
        return first

    def _add(self, key: str, value: Any) -> None:
        if isinstance(value, str) and key != "role":
            self._texts.setdefault(key, []).append(value)
        elif isinstance(value, list):
            known = self._message.get(key)
            if isinstance(known, list):
                known += value
            else:
                self._message[key] = [*value]
        elif value is not None:
            self._message[key] = value

    def whole(self, index: int) -> dict[str, Any]:
        pieces = {**self._texts, **({"content": self.content} if self.content else {})}
        texts = {key: _joined(each) for key, each in pieces.items()}
        calls = {"tool_calls": [self._calls[n].whole() for n in sorted(self._calls)]} if self._calls else {}
        logprobs = {"logprobs": {"content": self._logprobs}} if self._logprobs else {}
        return {"index": index, **self.fields, **logprobs, "message": {**self._message, **texts, **calls}}


_PASSED = frozenset({"delta", "logprobs", "index"})


def _text(content: Any) -> str:
    """The text of a content, also where it comes in parts."""
    if isinstance(content, str):
        return content
    return "".join(str(part.get("text") or "") for part in _dicts(content))


def _joined(pieces: list[str]) -> str:
    """The pieces as one text, where a character may have come in two halves."""
    text = "".join(pieces)
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return text


class _Call:
    """One tool call: its id and name come in any piece, its arguments in many."""

    def __init__(self) -> None:
        self._id = ""
        self._name = ""
        self._arguments: list[str] = []

    def add(self, call: Mapping[str, Any]) -> str:
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        self._id = self._id or str(call.get("id") or "")
        self._name = self._name or str(function.get("name") or "")
        arguments = function.get("arguments")
        if not arguments:
            return ""
        self._arguments.append(arguments if isinstance(arguments, str) else json.dumps(arguments))
        return self._arguments[-1]

    def whole(self) -> dict[str, Any]:
        function = {"name": self._name, "arguments": _joined(self._arguments)}
        return {"id": self._id, "type": "function", "function": function}
