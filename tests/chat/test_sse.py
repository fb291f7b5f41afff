"""Event streams, however they are cut, and the reply put together from them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.chat.sse import MOST_CHOICES, EventReader, ReplyCollector
from extractor.chat.wire import decode_reply

few = settings(max_examples=60)
lines = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"), max_size=12)
events = st.lists(st.lists(lines, min_size=1, max_size=3), max_size=5)
noise = st.lists(st.sampled_from([": keep-alive", ":", "event: x", "id: 7", "retry: 10", "nonsense"]), max_size=2)


def read(*chunks: bytes) -> list[str]:
    """Read the events of a whole stream."""
    reader = EventReader()
    found = [data for chunk in chunks for data in reader.feed(chunk)]
    return [*found, *reader.close()]


def cut(stream: bytes, places: list[int]) -> list[bytes]:
    """Cut a stream at some places."""
    bounds = sorted({place % (len(stream) + 1) for place in places})
    return [stream[a:b] for a, b in zip([0, *bounds], [*bounds, len(stream)], strict=True)]


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[str]]:
    """Draw a stream with comments and either end of line, and the data of its events."""
    wanted = draw(events)
    end = draw(st.sampled_from(["\n", "\r\n"]))
    space = draw(st.sampled_from([" ", ""])) or ("" if not any(x.startswith(" ") for y in wanted for x in y) else " ")
    written = [
        line
        for event in wanted
        for line in [*draw(noise), *(f"data:{space}{line}" for line in event), *draw(noise), ""]
    ]
    mark = draw(st.sampled_from(["", "\ufeff"]))
    return (mark + "".join(line + end for line in written)).encode(), ["\n".join(event) for event in wanted]


@settings(max_examples=200)
@given(streams(), st.lists(st.integers(min_value=0, max_value=10**6), max_size=30))
def test_any_split_gives_the_same_events(stream: tuple[bytes, list[str]], places: list[int]) -> None:
    """Where the network cuts a stream, even within a character, makes no difference."""
    encoded, expected = stream
    assert read(encoded) == expected
    assert read(*cut(encoded, places)) == expected
    assert read(*(bytes([byte]) for byte in encoded)) == expected


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"", []),
        (b"\n\n\n", []),
        (b": ping\n\n", []),
        (b": ping\n\ndata: 1\n\n", ["1"]),
        (b"data: 1\n: between\ndata: 2\n\n", ["1\n2"]),
        (b"data:1\n\n", ["1"]),
        (b"data:  1\n\n", [" 1"]),
        (b"data: 1\r\n\r\ndata: 2\r\n\r\n", ["1", "2"]),
        (b"data: 1\n\ndata: 2", ["1", "2"]),
        (b"data: 1\n\ndata: 2\n", ["1", "2"]),
        (b"\xef\xbb\xbfdata: 1\n\n", ["1"]),
        (b"event: e\nid: 1\nretry: 5\ndata: 1\n\n", ["1"]),
        (b"data: \xff\n\n", ["\ufffd"]),
        (b"data: [DONE]\n\n", ["[DONE]"]),
        (b"database: 1\n\n", []),
        ('data: "a\u2028b\x85c\x0bd"\n\n'.encode(), ['"a\u2028b\x85c\x0bd"']),
    ],
)
def test_events(stream: bytes, expected: list[str]) -> None:
    """Comments and other fields are passed over; an event that the stream did not close still counts."""
    assert read(stream) == expected
    assert read(*(bytes([byte]) for byte in stream)) == expected


# ------------------------------------------------------------------------------- the reply collected


def collected(*chunks: Any) -> ReplyCollector:
    """Collect chunks, given as objects or as the text of their data."""
    collector = ReplyCollector()
    for chunk in chunks:
        collector.add(chunk if isinstance(chunk, str) else json.dumps(chunk))
    return collector


def piece(delta: Any, **more: Any) -> dict[str, Any]:
    """One chunk with one choice."""
    return {"id": "c1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, **more}]}


@st.composite
def replies(draw: st.DrawFn) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Draw a reply and the chunks in which it can be streamed."""
    head = {"id": "c1", "model": "m", "created": 5, "system_fingerprint": "f"}
    choices, chunks = [], []
    for index in range(draw(st.integers(1, 3))):
        message: dict[str, Any] = {"role": "assistant"}
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": draw(st.sampled_from(["", None]))}]
        for key in ("reasoning_content", "content"):
            pieces = draw(st.lists(st.text(max_size=6), max_size=4))
            if key == "content" or pieces:
                message[key] = "".join(pieces) if pieces or deltas[0]["content"] == "" else None
            deltas += [{key: each} for each in pieces]
        calls = []
        for number in range(draw(st.integers(0, 2))):
            arguments = draw(st.lists(st.text(max_size=6), max_size=3))
            named = {"name": f"f{number}", "arguments": ""}
            deltas.append({"tool_calls": [{"index": number, "id": f"t{number}", "function": named}]})
            deltas += [{"tool_calls": [{"index": number, "function": {"arguments": a}}]} for a in arguments]
            function = {"name": f"f{number}", "arguments": "".join(arguments)}
            calls.append({"id": f"t{number}", "type": "function", "function": function})
        if calls:
            message["tool_calls"] = calls
        tokens: list[Any] = [{"token": "a", "logprob": -0.5}] * draw(st.integers(0, 2))
        choice: dict[str, Any] = {"index": index, "message": message, "finish_reason": "stop"}
        choices.append({**choice, "logprobs": {"content": tokens}} if tokens else choice)
        mine: list[dict[str, Any]] = [
            {"index": index, "delta": delta, "finish_reason": None, "logprobs": None} for delta in deltas
        ]
        mine += [{"index": index, "delta": {}, "logprobs": {"content": [token]}} for token in tokens]
        mine.append({"index": index, "delta": {}, "finish_reason": "stop"})
        chunks += [{**head, "object": "chat.completion.chunk", "choices": [each], "usage": None} for each in mine]
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    chunks.append({**head, "choices": [], "usage": usage})
    return {**head, "object": "chat.completion", "choices": choices, "usage": usage}, chunks


@few
@given(replies())
def test_a_streamed_reply_is_the_reply(drawn: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
    """What was streamed decodes to the same as what is sent at once."""
    reply, chunks = drawn
    collector = collected(*chunks, "[DONE]")
    assert decode_reply(collector.body) == decode_reply(reply)
    assert collector.finished
    assert collector.error is None


def test_usage_comes_last_with_no_choices() -> None:
    """The usage chunk has no choices, and null on the others says nothing."""
    collector = collected(
        {**piece({"content": "x"}), "usage": None},
        {"choices": [], "usage": {"total_tokens": 9}},
        {"choices": [], "usage": None},
    )
    assert collector.body["usage"] == {"total_tokens": 9}
    assert collector.body["choices"][0]["message"]["content"] == "x"


@pytest.mark.parametrize(
    ("chunks", "finished"),
    [
        ([], False),
        ([piece({"content": "x"})], False),
        ([piece({"content": "x"}), "[DONE]"], True),
        ([piece({"content": "x"}), " [DONE] "], True),
        ([piece({"content": "x"}, finish_reason=None)], False),
        ([piece({"content": "x"}, finish_reason="stop")], True),
        ([piece({}, finish_reason="stop"), {"choices": [{"index": 1, "delta": {"content": "y"}}]}], False),
        ([{"choices": [], "usage": {"total_tokens": 1}}], False),
    ],
)
def test_finished(chunks: list[Any], finished: bool) -> None:
    """A stream is finished with `[DONE]`, or when each candidate has said why it ended."""
    assert collected(*chunks).finished is finished


def test_an_empty_stream() -> None:
    """Nothing collected is a reply without choices."""
    assert decode_reply(ReplyCollector().body).choices == ()


@pytest.mark.parametrize("error", [{"message": "overloaded", "code": 503}, "overloaded"])
def test_errors_inside_the_stream(error: Any) -> None:
    """An error that comes in the stream is kept, beside what had come before it."""
    collector = collected(piece({"content": "x"}), {"error": error})
    assert collector.error == {"error": error}
    assert not collector.finished
    assert collector.body["choices"][0]["message"]["content"] == "x"


def test_reading_before_the_end() -> None:
    """What has come so far can be read at any time, and the rest added after."""
    collector = collected(piece({"role": "assistant", "content": None}), piece({"content": '{"a'}))
    assert collector.body["choices"][0]["message"] == {"role": "assistant", "content": '{"a'}
    collector.add(json.dumps(piece({"content": '": 1}'}, finish_reason="stop")))
    assert collector.body["choices"][0]["message"]["content"] == '{"a": 1}'
    assert collector.body["choices"][0]["finish_reason"] == "stop"


def test_thoughts() -> None:
    """Thoughts are joined like content, under the name that the endpoint gives them."""
    reply = decode_reply(collected(piece({"reasoning": "a"}), piece({"reasoning": "b"})).body)
    assert reply.choices[0].message.reasoning_content == "ab"


def test_a_call_whose_name_comes_late() -> None:
    """The name and the id of a tool call may come after its first piece."""
    late = {"index": 0, "id": "t", "function": {"name": "f", "arguments": "1}"}}
    collector = collected(
        piece({"tool_calls": [{"index": 0, "function": {"arguments": '{"a":'}}]}),
        piece({"tool_calls": [late]}),
    )
    calls = collector.body["choices"][0]["message"]["tool_calls"]
    assert calls == [{"id": "t", "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}]


def test_a_call_whose_arguments_are_an_object() -> None:
    """Arguments sent as an object, not as its text, read as they do in a reply sent at once."""
    call = {"index": 0, "id": "t", "function": {"name": "f", "arguments": {"a": 1}}}
    calls = decode_reply(collected(piece({"tool_calls": [call]})).body).choices[0].message.tool_calls
    assert [(each.name, json.loads(each.arguments)) for each in calls] == [("f", {"a": 1})]


@pytest.mark.parametrize("key", ["reasoning_details", "annotations"])
def test_lists_in_deltas(key: str) -> None:
    """A list in a delta, as OpenRouter sends them, is kept and breaks nothing."""
    collector = collected(piece({"content": "x", key: [{"type": "t"}]}), piece({"content": "y"}, finish_reason="stop"))
    message = decode_reply(collector.body).choices[0].message
    assert message.content == "xy"
    assert message.extra[key] == [{"type": "t"}]


def test_content_in_parts() -> None:
    """Content streamed as parts, as Mistral does, is joined like text."""
    parts = [piece({"content": [{"type": "text", "text": text}]}) for text in ("a", "b")]
    assert decode_reply(collected(*parts, piece({"content": "c"})).body).choices[0].message.content == "abc"


@pytest.mark.parametrize("data", ["{", "[]", "5", "null", '"x"', "[DONE"])
def test_what_is_no_object(data: str) -> None:
    """Data that is no JSON object is a `ValueError`."""
    with pytest.raises(ValueError, match=r".+"):
        ReplyCollector().add(data)


KEYS = [
    "choices",
    "index",
    "delta",
    "content",
    "role",
    "tool_calls",
    "function",
    "arguments",
    "name",
    "id",
    "logprobs",
    "finish_reason",
    "error",
    "usage",
    "reasoning_content",
    "object",
]
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5),
    max_leaves=15,
)
deltas = st.dictionaries(st.sampled_from(KEYS), values, max_size=3)
strange_choices = st.fixed_dictionaries({}, optional={"index": values, "delta": deltas | values, "logprobs": values})
strange = st.dictionaries(st.sampled_from(KEYS), values, max_size=4) | st.fixed_dictionaries(
    {"choices": st.lists(strange_choices | values, max_size=2) | values}
)


@settings(max_examples=300)
@given(st.lists(strange, max_size=4))
def test_no_object_breaks_the_collector(chunks: list[dict[str, Any]]) -> None:
    """Whatever objects a stream consists of, there is a body, and it decodes."""
    collector = collected(*chunks)
    decode_reply(collector.body)
    assert collector.finished in (True, False)


def test_empty_events() -> None:
    """An event without data, sent to keep the connection alive, is passed over."""
    collector = ReplyCollector()
    collector.add("")
    assert (collector.finished, collector.error) == (False, None)


def test_candidates_are_bounded() -> None:
    """Of more candidates than any request has, none is kept."""
    collector = collected({"choices": [{"index": index} for index in range(MOST_CHOICES)]})
    collector.add(json.dumps({"choices": [{"index": 0, "delta": {"content": "x"}}]}))
    assert len(collector.body["choices"]) == MOST_CHOICES
    with pytest.raises(ValueError, match="candidates"):
        collector.add(json.dumps({"choices": [{"index": MOST_CHOICES}]}))


def test_the_first_call_is_that_of_the_least_index() -> None:
    """What a piece adds is what it adds to the first call, whichever comes first; lists in deltas are not shared."""
    collector = ReplyCollector()
    said = [
        collector.add(json.dumps(piece({"tool_calls": [{"index": index, "function": {"arguments": text}}]})))
        for index, text in ((2, "a"), (1, "b"), (2, "c"), (1, "d"))
    ]
    calls = collector.body["choices"][0]["message"]["tool_calls"]
    assert [call["function"]["arguments"] for call in calls] == ["bd", "ac"]
    assert [each.arguments for each in said] == ["a", "b", "", "d"]
