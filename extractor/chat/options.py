"""The request fields that a caller may set, and the range of each.

`RULES` is the table; `checked` holds a call against it before anything is sent. The names are those
on the wire. A field that is None or missing is not sent at all: an explicit null breaks some endpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from extractor.errors import OptionError

__all__ = ["RULES", "Options", "Rule", "checked"]


class Options(TypedDict, total=False):
    """Keywords of `Extractor(…)` (the default for its calls) and of every call.

    Ranges are those of the reference endpoint and are checked before anything is sent. `top_p` is
    best not set together with `temperature`. `response_format` replaces the one made from the target.
    `extra_fields` are put into the body as they stand, unchecked: for what only one endpoint knows.
    """

    stream: bool | None
    """Have the reply sent in chunks; the call returns the same, when it is complete."""
    stream_options: Mapping[str, Any] | None
    """Only with `stream`; e.g. `{"include_usage": True}`."""
    max_completion_tokens: int | None
    """1 to 65,536. Thinking counts."""
    max_tokens: int | None
    """1 to 65,536. The older name of the same."""
    temperature: float | None
    """0 to 2."""
    top_p: float | None
    """0 to 1."""
    frequency_penalty: float | None
    """-2 to 2."""
    presence_penalty: float | None
    """-2 to 2."""
    stop: str | Sequence[str] | None
    n: int | None
    """At least 1: the number of candidates."""
    reasoning_effort: Literal["none", "low", "medium", "high"] | None
    seed: int | None
    logprobs: bool | None
    top_logprobs: int | None
    """0 to 20. Only with `logprobs`."""
    response_format: Mapping[str, Any] | None
    tools: Sequence[Mapping[str, Any]] | None
    tool_choice: Literal["none", "auto", "required"] | Mapping[str, Any] | None
    extra_body: Mapping[str, Any] | None
    """A field of the Gemini family: its extension parameters, sent as `extra_body`."""
    extra_fields: Mapping[str, Any] | None
    """Further top-level fields of the body, sent as they stand (the OpenAI SDK's `extra_body`)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """What a field may be: one of `types`, for numbers within the bounds, for strings one of `choices`.

    `items` is the type of the members where it is a list; `needs` names a field without which it
    makes no sense.
    """

    types: tuple[type, ...]
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    items: type | None = None
    needs: str | None = None


# Source of the ranges: the reference endpoint's request body.
_TOKENS = Rule(types=(int,), minimum=1, maximum=65_536)
_PENALTY = Rule(types=(float, int), minimum=-2, maximum=2)

RULES: Mapping[str, Rule] = {
    "stream": Rule(types=(bool,)),
    "stream_options": Rule(types=(Mapping,), needs="stream"),
    "max_completion_tokens": _TOKENS,
    "max_tokens": _TOKENS,
    "temperature": Rule(types=(float, int), minimum=0, maximum=2),
    "top_p": Rule(types=(float, int), minimum=0, maximum=1),
    "frequency_penalty": _PENALTY,
    "presence_penalty": _PENALTY,
    "stop": Rule(types=(str, Sequence), items=str),
    "n": Rule(types=(int,), minimum=1),
    "reasoning_effort": Rule(types=(str,), choices=("none", "low", "medium", "high")),
    "seed": Rule(types=(int,)),
    "logprobs": Rule(types=(bool,)),
    "top_logprobs": Rule(types=(int,), minimum=0, maximum=20, needs="logprobs"),
    "response_format": Rule(types=(Mapping,)),
    "tools": Rule(types=(Sequence,), items=Mapping),
    "tool_choice": Rule(types=(str, Mapping), choices=("none", "auto", "required")),
    "extra_body": Rule(types=(Mapping,)),
    "extra_fields": Rule(types=(Mapping,)),
}

_WORDS: Mapping[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Mapping: "an object",
    Sequence: "a list",
}


def checked(options: Mapping[str, Any], beside: Iterable[str] = ()) -> dict[str, Any]:
    """The options that are set (not None), each within its range. `beside` are keywords that may have been meant.

    Raises `OptionError` for an unknown name, a wrong type, a value out of range, or a field
    without its companion.
    """
    given = {name: value for name, value in options.items() if value is not None}
    for name, value in given.items():
        rule = RULES.get(name)
        if rule is None:
            raise _unknown(name, beside)
        _check(name, value, rule)
        if rule.needs is not None and not given.get(rule.needs):
            raise OptionError(
                f"{name} is set but {rule.needs} is not.", option=name, hint=f"Set {rule.needs}=True too."
            )
    return given


# Keywords that other places take, for those who look for them here.
_ELSEWHERE = frozenset({"base_url", "api_key", "http_client", "timeout", "headers", "dialect", "limits"})


def _unknown(name: str, beside: Iterable[str]) -> OptionError:
    import difflib  # not for every start

    if name in _ELSEWHERE:
        hint = f"Extractor(…) takes {name}, not its calls."
    elif near := difflib.get_close_matches(name, [*RULES, *beside], n=1):
        hint = f"Did you mean {near[0]}?"
    else:
        hint = f"A field that only your endpoint knows goes into extra_fields={{{name!r}: …}}."
    return OptionError(f"{name} is no request field.", option=name, hint=hint)


def _check(name: str, value: Any, rule: Rule) -> None:
    if not _is_of(rule.types, value):
        kinds = [float] if float in rule.types else rule.types
        raise _wrong(name, value, " or ".join(_WORDS[kind] for kind in kinds))
    if isinstance(value, str):
        if rule.choices and value not in rule.choices:
            raise _wrong(name, value, "one of " + ", ".join(rule.choices))
    elif rule.items is not None:
        if not value or not all(isinstance(item, rule.items) for item in value):
            raise _wrong(name, value, f"{_WORDS[Sequence]}, each member {_WORDS[rule.items]}")
    elif rule.minimum is not None and not _within(value, rule):
        raise _wrong(name, value, _range(rule))


def _is_of(types: tuple[type, ...], value: Any) -> bool:
    # bool is an int to Python, and str a sequence, but they are other things on the wire.
    if isinstance(value, bool):
        return bool in types
    if isinstance(value, (str, bytes)):
        return type(value) in types
    return isinstance(value, types)


def _within(value: float, rule: Rule) -> bool:
    low = rule.minimum is None or value >= rule.minimum  # false for NaN, as it should be
    return low and (rule.maximum is None or value <= rule.maximum)


def _range(rule: Rule) -> str:
    return f"at least {rule.minimum:g}" if rule.maximum is None else f"from {rule.minimum:g} to {rule.maximum:,g}"


def _wrong(name: str, value: Any, expected: str) -> OptionError:
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "…"
    return OptionError(
        f"{name} is {shown}, but must be {expected}.",
        option=name,
        hint="Nothing was sent. If your endpoint really takes it, use extra_fields.",
    )
