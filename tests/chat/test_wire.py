"""Requests encoded and replies decoded, whatever an endpoint makes of them."""

from __future__ import annotations

import json
from functools import reduce
from operator import add
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.chat.wire import (
    ChatReply,
    ChatRequest,
    Choice,
    CompletionTokensDetails,
    Prefix,
    PromptTokensDetails,
    ReplyMessage,
    TokenLogprob,
    ToolCall,
    Usage,
    decode_reply,
)

few = settings(max_examples=60)
DOCUMENTED = [
    "id",
    "model",
    "object",
    "created",
    "choices",
    "usage",
    "index",
    "message",
    "finish_reason",
    "logprobs",
    "role",
    "content",
    "tool_calls",
    "refusal",
    "reasoning_content",
    "reasoning",
    "type",
    "function",
    "name",
    "arguments",
    "text",
    "token",
    "logprob",
    "bytes",
    "top_logprobs",
    "prompt_tokens",
    "completion_tokens",
    "total_tokens",
    "prompt_tokens_details",
    "completion_tokens_details",
    "cached_tokens",
    "text_tokens",
    "audio_tokens",
    "image_tokens",
    "reasoning_tokens",
    "input_tokens",
    "output_tokens",
    "input_tokens_details",
]
numbers = st.integers() | st.just(10**400) | st.floats()
values = st.recursive(
    st.none() | st.booleans() | numbers | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(DOCUMENTED) | st.text(max_size=3), inner, max_size=6)
    ),
    max_leaves=20,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
turns = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": texts})

# The example of the reference endpoint, with every documented field.
REFERENCE: dict[str, Any] = {
    "id": "chatcmpl-20251010015944503180122WJNB8Eid",
    "model": "gemini-2.5-flash-lite",
    "object": "chat.completion",
    "created": 1_760_032_810,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hello!",
                "tool_calls": [
                    {"id": "call_1", "type": "function", "function": {"name": "save", "arguments": '{"a":1}'}}
                ],
            },
            "logprobs": {
                "content": [
                    {
                        "token": "Hello",
                        "logprob": -0.25,
                        "bytes": [72, 101],
                        "top_logprobs": [{"token": "Hi", "logprob": -1.5, "bytes": [72, 105]}],
                    },
                    {"token": "!", "logprob": None, "bytes": None, "top_logprobs": None},
                ]
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {
        "prompt_tokens": 13,
        "completion_tokens": 1891,
        "total_tokens": 1904,
        "prompt_tokens_details": {
            "cached_tokens": 1,
            "text_tokens": 13,
            "audio_tokens": 2,
            "image_tokens": 3,
        },
        "completion_tokens_details": {"text_tokens": 4, "audio_tokens": 5, "reasoning_tokens": 1480},
        "input_tokens": 6,
        "output_tokens": 7,
        "input_tokens_details": None,
    },
}
DECODED = ChatReply(
    id="chatcmpl-20251010015944503180122WJNB8Eid",
    model="gemini-2.5-flash-lite",
    object="chat.completion",
    created=1_760_032_810,
    choices=(
        Choice(
            index=0,
            message=ReplyMessage(
                role="assistant",
                content="Hello!",
                tool_calls=(ToolCall(id="call_1", name="save", arguments='{"a":1}'),),
            ),
            finish_reason="stop",
            logprobs=(
                TokenLogprob(
                    token="Hello",  # no password
                    logprob=-0.25,
                    bytes=(72, 101),
                    top_logprobs=(TokenLogprob(token="Hi", logprob=-1.5, bytes=(72, 105)),),
                ),
                TokenLogprob(token="!", logprob=None),
            ),
        ),
    ),
    usage=Usage(
        prompt_tokens=13,
        completion_tokens=1891,
        total_tokens=1904,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=1, text_tokens=13, audio_tokens=2, image_tokens=3),
        completion_tokens_details=CompletionTokensDetails(text_tokens=4, audio_tokens=5, reasoning_tokens=1480),
        input_tokens=6,
        output_tokens=7,
    ),
)


# ------------------------------------------------------------------------------------- the request


@few
@given(
    fields=st.dictionaries(texts.filter(lambda key: key != "messages"), texts | st.integers() | st.none(), max_size=4),
    first=st.lists(turns, max_size=3),
    tail=st.lists(turns, max_size=3),
)
def test_encoding_is_the_body_as_json(
    fields: dict[str, Any], first: list[dict[str, Any]], tail: list[dict[str, Any]]
) -> None:
    """What is sent is the body as JSON in UTF-8, whatever the texts and however many messages."""
    request = ChatRequest(prefix=Prefix(fields=fields, messages=tuple(first)), tail=tuple(tail))
    assert request.body == {**fields, "messages": [*first, *tail]}
    assert json.loads(request.encode().decode("utf-8")) == request.body
    assert request.messages == (*first, *tail)


def test_encoding_is_compact_utf_8() -> None:
    """No spaces, no escapes of letters, nothing that was not set."""
    prefix = Prefix(fields={"model": "m", "seed": 0}, messages=({"role": "system", "content": "Größe"},))
    request = ChatRequest(prefix=prefix, tail=({"role": "user", "content": "日本 🎉"},))
    expected = (
        '{"model":"m","seed":0,"messages":[{"role":"system","content":"Größe"},{"role":"user","content":"日本 🎉"}]}'
    )
    assert request.encode() == expected.encode()


def test_nothing_unset_is_sent() -> None:
    """A request without fields is only its messages."""
    request = ChatRequest(prefix=Prefix(fields={}), tail=({"role": "user", "content": "x"},))
    assert request.encode() == b'{"messages":[{"role":"user","content":"x"}]}'


@pytest.mark.parametrize("where", ["prefix", "tail"])
def test_lone_surrogates_do_no_harm(where: str) -> None:
    """A half of a surrogate pair, as broken decoders leave them, is sent as a question mark."""
    turn = ({"role": "user", "content": "a\ud83db"},)
    prefix = Prefix(fields={"model": "m"}, messages=turn if where == "prefix" else ())
    request = ChatRequest(prefix=prefix, tail=turn if where == "tail" else ({"role": "user", "content": "x"},))
    assert "a?b" in {message["content"] for message in json.loads(request.encode())["messages"]}


def test_the_stable_part_comes_first() -> None:
    """Two requests with one prefix begin with the same bytes, the prefix's."""
    prefix = Prefix(fields={"model": "m"}, messages=({"role": "system", "content": "s"},))
    for text in ("one", "two"):
        body = ChatRequest(prefix=prefix, tail=({"role": "user", "content": text},)).encode()
        assert body.startswith(prefix.encoded)
    assert prefix.encoded == b'{"model":"m","messages":[{"role":"system","content":"s"}'


# --------------------------------------------------------------------------------------- the reply


def test_the_reference_reply() -> None:
    """The reference endpoint's reply decodes completely, and nothing of it is left over."""
    assert decode_reply(REFERENCE) == DECODED


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from(DOCUMENTED) | st.text(max_size=3), values, max_size=6))
def test_decoding_never_raises(data: dict[str, Any]) -> None:
    """Any JSON object decodes into a reply whose fields have their types."""
    reply = decode_reply(data)
    assert {type(reply.id), type(reply.model), type(reply.object)} == {str}
    assert type(reply.created) is int
    assert all(key in data for key in reply.extra)
    for choice in reply.choices:
        assert isinstance(choice.index, int)
        assert isinstance(choice.message.content, str | None)
        assert isinstance(choice.finish_reason, str | None)
        assert all(isinstance(call.arguments, str) for call in choice.message.tool_calls)
        assert all(isinstance(item.logprob, float | None) for item in choice.logprobs)


@settings(max_examples=150)
@given(st.dictionaries(st.sampled_from(DOCUMENTED), values, max_size=8))
def test_any_choice_decodes(choice: dict[str, Any]) -> None:
    """A choice is there whatever its fields are."""
    assert len(decode_reply({"choices": [choice]}).choices) == 1


def test_an_empty_reply() -> None:
    """An empty object is a reply without choices, and without usage."""
    assert decode_reply({}) == ChatReply(choices=())
    assert decode_reply({"usage": None, "choices": None, "id": None, "created": None}) == ChatReply(choices=())


@pytest.mark.parametrize("wrong", [None, 5, "text", [], {}, True, [None], [5], {"content": 5}, {"content": [None]}])
def test_wrong_types_read_as_absent(wrong: Any) -> None:
    """Where a message or log-probabilities should be and something else is, there are none."""
    choice = decode_reply({"choices": [{"message": wrong, "logprobs": wrong}]}).choices[0]
    assert choice == Choice(index=0, message=ReplyMessage())


@pytest.mark.parametrize("logprob", [10**400, -(10**400), "x", [], None], ids=lambda value: str(value)[:5])
def test_log_probabilities_of_no_use(logprob: Any) -> None:
    """A log-probability that is no number a float can hold does not stop the reply."""
    item = {"token": "a", "logprob": logprob, "bytes": "x"}
    found = decode_reply({"choices": [{"logprobs": {"content": [item]}}]}).choices[0].logprobs[0]
    assert found.token == "a"  # no password
    assert not isinstance(found.logprob, int)
    assert found.bytes is None


def test_unknown_fields_are_kept() -> None:
    """What is not documented stays readable at each level."""
    reply = decode_reply(
        {
            "system_fingerprint": "f",
            "choices": [
                {
                    "native_finish_reason": "STOP",
                    "message": {"content": "x", "annotations": [1], "audio": None},
                }
            ],
            "usage": {"prompt_tokens": 1, "cost": 0.5},
        }
    )
    assert reply.extra == {"system_fingerprint": "f"}
    assert reply.choices[0].extra == {"native_finish_reason": "STOP"}
    assert reply.choices[0].message.extra == {"annotations": [1], "audio": None}
    assert reply.usage is not None
    assert reply.usage.extra == {"cost": 0.5}


@pytest.mark.parametrize(
    ("message", "field", "expected"),
    [
        ({"content": None}, "content", None),
        ({"content": ""}, "content", ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}, "content", "ab"),
        ({"content": [{"type": "image"}]}, "content", None),
        ({"reasoning_content": "hm"}, "reasoning_content", "hm"),
        ({"reasoning": "hm"}, "reasoning_content", "hm"),
        ({"refusal": "no"}, "refusal", "no"),
        ({"refusal": None}, "refusal", None),
        ({"role": None}, "role", "assistant"),
        ({"tool_calls": None}, "tool_calls", ()),
        ({"tool_calls": [None, {}]}, "tool_calls", (ToolCall(id="", name="", arguments=""),)),
        (
            {"tool_calls": [{"id": None, "function": {"name": "f", "arguments": {"a": 1}}}]},
            "tool_calls",
            (ToolCall(id="", name="f", arguments='{"a": 1}'),),
        ),
    ],
)
def test_messages(message: dict[str, Any], field: str, expected: Any) -> None:
    """Contents, thoughts, refusals and tool calls are found in the forms that endpoints give them."""
    reply = decode_reply({"choices": [{"message": message}]})
    assert getattr(reply.choices[0].message, field) == expected


def test_choices_keep_their_index() -> None:
    """A candidate has the index that it says, or that of its place."""
    reply = decode_reply({"choices": [{"index": 1}, {}, {"index": None}]})
    assert [choice.index for choice in reply.choices] == [1, 1, 2]


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        (None, None),
        ([], None),
        ("13", None),
        ({}, Usage()),
        ({"prompt_tokens": None, "completion_tokens": "5"}, Usage()),
        (
            {"prompt_tokens": 2, "completion_tokens": 3},
            Usage(prompt_tokens=2, completion_tokens=3, total_tokens=5),
        ),
        ({"prompt_tokens": 2.0, "total_tokens": 0}, Usage(prompt_tokens=2, total_tokens=2)),
        ({"prompt_tokens": True, "prompt_tokens_details": None, "completion_tokens_details": []}, Usage()),
        (
            {"completion_tokens_details": {"reasoning_tokens": 9, "text_tokens": None}},
            Usage(completion_tokens_details=CompletionTokensDetails(reasoning_tokens=9)),
        ),
        ({"input_tokens_details": {"a": 1}}, Usage(input_tokens_details={"a": 1})),
        ({"total_tokens": 10**400}, Usage(total_tokens=10**12)),
        ({"prompt_tokens": 1e300, "total_tokens": -(10**400)}, Usage(prompt_tokens=10**12, total_tokens=-(10**12))),
    ],
)
def test_usage(usage: Any, expected: Usage | None) -> None:
    """Usage may be null, missing, or have holes; a total that is not said is the sum; no number is beyond reckoning."""
    assert decode_reply({"usage": usage}).usage == expected


counts = st.integers(min_value=0, max_value=10**9)
prompt_details = st.builds(
    PromptTokensDetails, cached_tokens=counts, text_tokens=counts, audio_tokens=counts, image_tokens=counts
)
completion_details = st.builds(
    CompletionTokensDetails, text_tokens=counts, audio_tokens=counts, reasoning_tokens=counts
)
usages = st.builds(
    Usage,
    prompt_tokens=counts,
    completion_tokens=counts,
    total_tokens=counts,
    prompt_tokens_details=prompt_details,
    completion_tokens_details=completion_details,
    input_tokens=counts,
    output_tokens=counts,
)


@few
@given(usages, usages, usages)
def test_usages_add_up(one: Usage, two: Usage, three: Usage) -> None:
    """Adding usages is associative and commutative, and nothing added to nothing is nothing."""
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one
    assert one + Usage() == one


def test_every_count_is_added() -> None:
    """Twice the reference usage is twice each of its numbers."""
    usage = DECODED.usage
    assert usage is not None
    assert reduce(add, [usage, usage]) == Usage(
        prompt_tokens=26,
        completion_tokens=3782,
        total_tokens=3808,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=2, text_tokens=26, audio_tokens=4, image_tokens=6),
        completion_tokens_details=CompletionTokensDetails(text_tokens=8, audio_tokens=10, reasoning_tokens=2960),
        input_tokens=12,
        output_tokens=14,
    )
