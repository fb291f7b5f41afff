"""Whether every documented request field reaches the wire, and every value out of range is refused before.

    python benchmarks/wire.py

Sends each request field of the reference endpoint once, at the ends of its range where it has one, to a fake
endpoint and looks it up in the body that arrived; likewise several turns, images, audio and files, and the
headers. Then tries values that the documentation does not allow: each must raise a `CallerError`, and nothing
may arrive.

Prints one line for each: what was given and what was on the wire, or the error. Exits with 1 where a field is
missing or another than given, or a bad value got through.

It measures nothing and compares with nobody, so that it is none of the questions of `bench.py`: it is for whoever wants
to see each field with their own eyes.
"""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from extractor import Audio, CallerError, Extractor, File, Image
from extractor.testing import FakeEndpoint, Recorded

PNG, WAV, PDF = b"\x89PNG", b"RIFF", b"%PDF-1.7"
TEXT = "Ann is 41."


class Person(BaseModel):
    """What is extracted."""

    name: str


@dataclass(frozen=True, kw_only=True)
class Good:
    """A call, and what must be on the wire: `expected` at the `path` in the body."""

    what: str
    call: Mapping[str, Any]
    path: Sequence[str | int | slice]
    expected: Any
    document: Any = TEXT


def field(name: str, value: Any, **companions: Any) -> Good:
    """One request field, which must arrive as given."""
    call = {name: value, **companions}
    return Good(what=name, call=call, path=[name], expected=value)


def _part(what: str, part: Any, expected: Any) -> Good:
    """Make a document of a text and one part."""
    return Good(what=what, call={}, document=[TEXT, part], path=["messages", -1, "content", 1], expected=expected)


def _data_url(media_type: str, data: bytes) -> str:
    return f"data:{media_type};base64,{base64.b64encode(data).decode()}"


_TOOL = {
    "type": "function",
    "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}},
}
_TURNS = [
    {"role": "user", "content": "Who is it?"},
    {"role": "assistant", "content": "Who is meant?"},
    {"role": "user", "content": [{"type": "text", "text": "The one here:"}]},
]
_GEMINI = {"google": {"thinking_config": {"thinking_budget": 128, "include_thoughts": True}}}

FIELDS: Sequence[Good] = [
    field("model", "another-model"),
    field("stream", True),
    field("stream", False),
    field("stream_options", {"include_usage": True}, stream=True),
    *(field("max_completion_tokens", value) for value in (1, 65_536)),
    *(field("max_tokens", value) for value in (1, 65_536)),
    *(field("temperature", value) for value in (0, 0.7, 2)),
    *(field("top_p", value) for value in (0, 0.9, 1)),
    *(field("frequency_penalty", value) for value in (-2, 0.5, 2)),
    *(field("presence_penalty", value) for value in (-2, 0.5, 2)),
    field("stop", "END"),
    field("stop", ["END", "STOP"]),
    *(field("n", value) for value in (1, 3)),
    *(field("reasoning_effort", value) for value in ("none", "low", "medium", "high")),
    field("seed", 7),
    field("logprobs", True),
    *(field("top_logprobs", value, logprobs=True) for value in (0, 20)),
    field("response_format", {"type": "json_object"}),
    field("tools", [_TOOL]),
    *(field("tool_choice", value, tools=[_TOOL]) for value in ("none", "auto", "required")),
    field("extra_body", _GEMINI),
]
"""Every field of the documented request body but `messages`."""

MESSAGES: Sequence[Good] = [
    Good(
        what="messages: the document",
        call={},
        path=["messages", -1],
        expected={"role": "user", "content": TEXT},
    ),
    Good(
        what="messages: several turns",
        call={"messages": _TURNS},
        path=["messages", slice(-4, None)],  # the task comes before them
        expected=[*_TURNS, {"role": "user", "content": TEXT}],
    ),
    _part(
        "image by URL",
        Image(url="https://example.com/a.png", detail="low"),
        {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": "low"}},
    ),
    _part(
        "image by bytes",
        Image(data=PNG, media_type="image/png"),
        {"type": "image_url", "image_url": {"url": _data_url("image/png", PNG)}},
    ),
    _part(
        "audio",
        Audio(data=WAV, format="wav"),
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(WAV).decode(), "format": "wav"}},
    ),
    _part(
        "file",
        File(data=PDF, filename="a.pdf"),
        {"type": "file", "file": {"filename": "a.pdf", "file_data": _data_url("application/pdf", PDF)}},
    ),
    _part("a part as on the wire", {"type": "text", "text": "b"}, {"type": "text", "text": "b"}),
]

HEADERS: Mapping[str, str] = {
    "content-type": "application/json",
    "authorization": "Bearer a-key",
    "x-trace": "42",
}

_MISSING = object()
UNSENT: Sequence[Good] = [
    Good(what=f"{name} left unset", call={name: None}, path=[name], expected=_MISSING)
    for name in sorted({good.what for good in FIELDS} - {"model", "response_format"})
]
"""None means the endpoint's default: the field must not be sent, not even as null."""


def _each(name: str, *values: Any, **companions: Any) -> list[dict[str, Any]]:
    return [{name: value, **companions} for value in values]


BAD: Sequence[Mapping[str, Any]] = [
    *_each("max_completion_tokens", 0, 65_537, -1, 1.5, True, "9"),
    *_each("max_tokens", 0, 65_537, -1, 1.5, True, "9"),
    *_each("temperature", -0.1, 2.1, float("nan"), float("inf"), "hot", True),
    *_each("top_p", -0.1, 1.1, float("nan"), "all"),
    *_each("frequency_penalty", -2.1, 2.1, "much"),
    *_each("presence_penalty", -2.1, 2.1, "much"),
    *_each("n", 0, -1, 1.5, True),
    *_each("reasoning_effort", "extreme", "", 1),
    *_each("seed", 1.5, "7", True),
    *_each("stream", "yes", 1),
    {"stream_options": {"include_usage": True}},
    {"stream_options": {"include_usage": True}, "stream": False},
    {"stream_options": True, "stream": True},
    *_each("logprobs", 1, "yes"),
    *_each("top_logprobs", -1, 21, 1.5, logprobs=True),
    {"top_logprobs": 5},
    {"top_logprobs": 5, "logprobs": False},
    *_each("stop", 7, [1], []),
    *_each("response_format", "json", []),
    *_each("tools", [], ["look_up"], {}, "look_up"),
    *_each("tool_choice", "maybe", 1),
    *_each("extra_body", "google", []),
    *_each("messages", [], [{"content": "a"}], [{"role": "king", "content": "a"}]),
    {"messages": [{"role": "user", "content": 7}]},
    *_each("document", "", " \n", b"bytes", [], [7], None, Image()),
    {"temprature": 1},
]
"""Calls that must be refused; `document` in place of the text."""


def _at(body: Any, path: Sequence[str | int | slice]) -> Any:
    for step in path:
        try:
            body = body[step]
        except (KeyError, IndexError, TypeError):
            return _MISSING
    return body


def _shown(value: Any) -> str:
    if value is _MISSING:
        return "(not on the wire)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 120 else text[:119] + "…"


def _sent(client: Extractor, fake: FakeEndpoint, document: Any, call: Mapping[str, Any]) -> Recorded:
    fake.answer({"name": "Ann"})
    client.extract(Person, document, **call)
    return fake.requests[-1]


def _arrived(wire: Any, expected: Any) -> bool:
    """Whether it is the same JSON: 1 and true are equal to Python."""
    return bool(wire == expected) and type(wire) is type(expected)


def accepted(client: Extractor, fake: FakeEndpoint, goods: Sequence[Good]) -> Iterator[tuple[bool, str]]:
    """Whether each is on the wire as it must be, and a line about it."""
    for good in goods:
        wire = _at(_sent(client, fake, good.document, good.call).body, good.path)
        yield _arrived(wire, good.expected), f"{good.what:<28} → {_shown(wire)}"


def headers(client: Extractor, fake: FakeEndpoint) -> Iterator[tuple[bool, str]]:
    """Say the same of the headers and the line of the request."""
    request = _sent(client, fake, TEXT, {})
    line = f"{request.method} {request.path}"
    yield line == "POST /v1/chat/completions", f"{'request line':<28} → {line}"
    for name, value in HEADERS.items():
        yield request.headers.get(name) == value, f"{'header ' + name:<28} → {request.headers.get(name)}"


def refused(client: Extractor, fake: FakeEndpoint) -> Iterator[tuple[bool, str]]:
    """Whether each bad call raises and sends nothing, and its error."""
    for bad in BAD:
        before = len(fake.requests)
        call = dict(bad)
        document = call.pop("document", TEXT)
        shown = ", ".join(f"{name}={value!r}" for name, value in bad.items())
        try:
            fake.answer({"name": "Ann"})
            client.extract(Person, document, **call)
        except CallerError as error:
            yield len(fake.requests) == before, f"{shown:<60.60} → {type(error).__name__}: {error}"
        else:
            yield False, f"{shown:<60.60} → got through"


def main() -> int:
    """Send, look, print; the number of failures."""
    failures = 0
    with FakeEndpoint() as fake, _client(fake) as client:
        sections = {
            "Documented fields": accepted(client, fake, FIELDS),
            "Messages": accepted(client, fake, MESSAGES),
            "Headers": headers(client, fake),
            "Fields that are None": accepted(client, fake, UNSENT),
            "Refused before anything is sent": refused(client, fake),
        }
        for title, lines in sections.items():
            print(f"\n{title}")
            for passed, line in lines:
                failures += not passed
                print(f"  {'ok  ' if passed else 'FAIL'} {line}")
    print(f"\n{failures} failures" if failures else "\nAll as documented.")
    return 1 if failures else 0


def _client(fake: FakeEndpoint) -> Extractor:
    extra = {name: value for name, value in HEADERS.items() if name.startswith("x-")}
    return Extractor("fake", base_url=fake.base_url, api_key="a-key", headers=extra)


if __name__ == "__main__":
    sys.exit(main())
