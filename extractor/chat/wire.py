"""The typed request and reply of `POST /v1/chat/completions`: encode, decode. No I/O.

Sending: nothing that was not set; the part that stays the same from document to document (the
`Prefix`) is encoded once. Reading: every documented field may be null, missing or of a wrong type
and then reads as absent; what is not documented is kept in `extra`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Final

from extractor.chat.content import Message

if TYPE_CHECKING:
    from extractor.errors import EndpointError

__all__ = [
    "ChatReply",
    "ChatRequest",
    "Choice",
    "CompletionTokensDetails",
    "Prefix",
    "PromptTokensDetails",
    "ReplyMessage",
    "TokenLogprob",
    "ToolCall",
    "Usage",
    "decode_reply",
    "usage_of",
]

# ------------------------------------------------------------------------------------- the request


def encode(value: Any) -> bytes:
    """Compact JSON in UTF-8. A lone surrogate, which UTF-8 cannot carry, is sent as `?`."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.encode("utf-8", "replace")


@dataclass(frozen=True, kw_only=True, slots=True)
class Prefix:
    """What is the same in every request for one target: all `fields` but the messages, by their wire
    names, and the `messages` that come before the document. `encoded` is the body up to there.

    Raises `TypeError` or `ValueError` for what is no JSON.
    """

    fields: Mapping[str, Any]
    messages: tuple[Message, ...] = ()
    encoded: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        head = encode(dict(self.fields))[:-1]
        comma = b"," if self.fields else b""
        messages = b",".join(map(encode, self.messages))
        object.__setattr__(self, "encoded", head + comma + b'"messages":[' + messages)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatRequest:
    """One request: the prefix, then the messages that follow it (the document, and what was said since), then the
    `fields` that only this document has.
    """

    prefix: Prefix
    tail: tuple[Message, ...]
    fields: Mapping[str, Any] = field(default_factory=dict)

    @property
    def messages(self) -> tuple[Message, ...]:
        """All messages, in order."""
        return self.prefix.messages + self.tail

    @property
    def has_media(self) -> bool:
        """Whether any message carries something other than text."""
        for message in self.messages:
            parts = message.get("content")
            if isinstance(parts, list) and any(part.get("type") != "text" for part in parts):
                return True
        return False

    @property
    def body(self) -> dict[str, Any]:
        """The whole body, by wire names."""
        return {**self.prefix.fields, "messages": [dict(message) for message in self.messages], **self.fields}

    def encode(self) -> bytes:
        """The body as it is sent."""
        comma = b"," if self.prefix.messages and self.tail else b""
        end = b"]," + encode(dict(self.fields))[1:] if self.fields else b"]}"
        return self.prefix.encoded + comma + b",".join(map(encode, self.tail)) + end


# --------------------------------------------------------------------------------------- the reply


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptTokensDetails:
    """What the prompt's tokens were. Numbers of tokens."""

    cached_tokens: int = 0
    text_tokens: int = 0
    audio_tokens: int = 0
    image_tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class CompletionTokensDetails:
    """What the completion's tokens were. Numbers of tokens; `reasoning_tokens` are thinking."""

    text_tokens: int = 0
    audio_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Usage:
    """Numbers of tokens; 0 where the endpoint did not say. Usages can be added."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: PromptTokensDetails = PromptTokensDetails()
    completion_tokens_details: CompletionTokensDetails = CompletionTokensDetails()
    input_tokens: int = 0
    output_tokens: int = 0
    input_tokens_details: Mapping[str, Any] | None = field(default=None, repr=False)
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __add__(self, other: Usage) -> Usage:
        total: Usage = _added(self, other)
        return total


def _added(left: Any, right: Any) -> Any:
    """Two records of numbers and of such records, added field by field; what is not counted is left out."""
    if isinstance(left, int):
        return left + right
    sums: dict[str, Any] = {
        item.name: _added(getattr(left, item.name), getattr(right, item.name))
        for item in fields(left)
        if item.name not in ("extra", "input_tokens_details")
    }
    return type(left)(**sums)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenLogprob:
    """One token with its log-probability (natural logarithm; None where not given) and its bytes."""

    token: str
    logprob: float | None
    bytes: tuple[int, ...] | None = None
    top_logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ToolCall:
    """A call of a function; `arguments` is a JSON string."""

    id: str
    name: str
    arguments: str
    type: str = "function"
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplyMessage:
    """What the model said. `content` is None where there was none; `reasoning_content` are its thoughts."""

    role: str = "assistant"
    content: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    refusal: str | None = None
    reasoning_content: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """One candidate. `finish_reason`: stop, length, content_filter, tool_calls, or what the endpoint says.

    It is not `complete` where a stream ended before the candidate did.
    """

    index: int
    message: ReplyMessage
    finish_reason: str | None = None
    logprobs: tuple[TokenLogprob, ...] = ()
    complete: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatReply:
    """A chat completion. `model` is the one that really answered, `created` in Unix seconds.

    `retries` are the failures of the same request before it was answered. A `cached` one came from the caller's
    cache: nothing was sent, and its `usage` is what it had cost then.
    """

    choices: tuple[Choice, ...]
    id: str = ""
    model: str = ""
    object: str = ""
    created: int = 0
    usage: Usage | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)
    retries: tuple[EndpointError, ...] = ()
    cached: bool = False


# ----------------------------------------------------------------------------------------- decoding
# Each reader takes what is there if it has the right type, else what an absent field reads as.


def _text(data: Mapping[str, Any], key: str, absent: str = "") -> str:
    value = data.get(key)
    return value if isinstance(value, str) else absent


def _maybe_text(data: Mapping[str, Any], key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None


def _count(data: Mapping[str, Any], key: str) -> int:
    value = data.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return max(-_MOST, min(value, _MOST))


_MOST = 10**12  # no reply has more tokens; a number of 400 digits is none that can be reckoned with


def _number(data: Mapping[str, Any], key: str) -> float | None:
    value = data.get(key)
    # A whole number may be too large for a float, and no log-probability is.
    fits = isinstance(value, float) or (isinstance(value, int) and abs(value) < 2**53)
    return float(value) if fits and value is not None and not isinstance(value, bool) else None


def _object(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def _objects(data: Mapping[str, Any], key: str) -> Iterable[Mapping[str, Any]]:
    value = data.get(key)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _extra(data: Mapping[str, Any], known: frozenset[str]) -> dict[str, Any]:
    return {key: data[key] for key in data.keys() - known}


_REPLY: Final = frozenset({"id", "model", "object", "created", "choices", "usage"})
_CHOICE: Final = frozenset({"index", "message", "finish_reason", "logprobs"})
_MESSAGE: Final = frozenset({"role", "content", "tool_calls", "refusal", "reasoning_content"})
_TOOL_CALL: Final = frozenset({"id", "type", "function", "index"})
_USAGE: Final = frozenset(item.name for item in fields(Usage))
_PROMPT_DETAILS: Final = tuple(item.name for item in fields(PromptTokensDetails))
_COMPLETION_DETAILS: Final = tuple(item.name for item in fields(CompletionTokensDetails))


def decode_reply(data: Mapping[str, Any], *, ended: bool = True) -> ChatReply:
    """A chat completion from the body's object. Never raises: what is not there reads as absent.

    Where the stream that it came in has not `ended`, candidates without a `finish_reason` are not complete.
    """
    usage = data.get("usage")
    return ChatReply(
        choices=tuple(_choice(item, number, ended) for number, item in enumerate(_objects(data, "choices"))),
        id=_text(data, "id"),
        model=_text(data, "model"),
        object=_text(data, "object"),
        created=_count(data, "created"),
        usage=_usage(usage) if isinstance(usage, dict) else None,
        extra=_extra(data, _REPLY),
    )


def _choice(data: Mapping[str, Any], number: int, ended: bool) -> Choice:
    index = data.get("index")
    finish_reason = _maybe_text(data, "finish_reason")
    return Choice(
        index=index if isinstance(index, int) else number,
        message=_message(_object(data, "message")),
        finish_reason=finish_reason,
        complete=ended or finish_reason is not None,
        logprobs=tuple(map(_logprob, _objects(_object(data, "logprobs"), "content"))),
        extra=_extra(data, _CHOICE),
    )


def _message(data: Mapping[str, Any]) -> ReplyMessage:
    return ReplyMessage(
        role=_text(data, "role", "assistant"),
        content=_content(data.get("content")),
        tool_calls=tuple(map(_tool_call, _objects(data, "tool_calls"))),
        refusal=_maybe_text(data, "refusal"),
        reasoning_content=_maybe_text(data, "reasoning_content") or _maybe_text(data, "reasoning"),
        extra=_extra(data, _MESSAGE),
    )


def _content(content: Any) -> str | None:
    # Some endpoints answer in parts, as requests are made of.
    if isinstance(content, list):
        texts = [part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)]
        return "".join(texts) if texts else None
    return content if isinstance(content, str) else None


def _tool_call(data: Mapping[str, Any]) -> ToolCall:
    function = _object(data, "function")
    arguments = function.get("arguments")
    if isinstance(arguments, dict):  # some endpoints send the object itself instead of its text
        arguments = json.dumps(arguments)
    return ToolCall(
        id=_text(data, "id"),
        name=_text(function, "name"),
        arguments=arguments if isinstance(arguments, str) else "",
        type=_text(data, "type", "function"),
        extra=_extra(data, _TOOL_CALL),
    )


def _logprob(data: Mapping[str, Any]) -> TokenLogprob:
    raw = data.get("bytes")
    return TokenLogprob(
        token=_text(data, "token"),
        logprob=_number(data, "logprob"),
        bytes=tuple(raw) if isinstance(raw, list) else None,
        top_logprobs=tuple(map(_logprob, _objects(data, "top_logprobs"))),
    )


def _usage(data: Mapping[str, Any]) -> Usage:
    prompt, completion = _count(data, "prompt_tokens"), _count(data, "completion_tokens")
    before, after = _object(data, "prompt_tokens_details"), _object(data, "completion_tokens_details")
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=_count(data, "total_tokens") or prompt + completion,
        prompt_tokens_details=_counts(PromptTokensDetails, _PROMPT_DETAILS, before),
        completion_tokens_details=_counts(CompletionTokensDetails, _COMPLETION_DETAILS, after),
        input_tokens=_count(data, "input_tokens"),
        output_tokens=_count(data, "output_tokens"),
        input_tokens_details=_object(data, "input_tokens_details") or None,
        extra=_extra(data, _USAGE),
    )


def _counts(kind: Any, names: tuple[str, ...], data: Mapping[str, Any]) -> Any:
    return kind(**{name: _count(data, name) for name in names}) if data else kind()


def usage_of(replies: Iterable[ChatReply]) -> Usage:
    """The tokens of all replies; what came from the cache cost none."""
    usages = [reply.usage for reply in replies if reply.usage is not None and not reply.cached]
    return sum(usages[1:], usages[0]) if usages else Usage()
