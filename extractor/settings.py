"""What a call can be told: the request fields, and what does not go on the wire.

`Settings` is the whole of it, checked: the call's own over the extractor's defaults.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from extractor.chat.content import Message
from extractor.chat.options import Options, checked
from extractor.errors import OptionError
from extractor.prompt import Example
from extractor.schema.adapt import Absent
from extractor.schema.dialects import MODES, Mode

__all__ = ["Call", "Defaults", "OneCall", "Settings"]

DEFAULT_MAX_RETRIES = 2
DEFAULT_DEADLINE = 600.0
"""Seconds. A server that sends a byte now and then outlives every timeout; only this ends it."""


class Defaults(Options, total=False):
    """What `Extractor(…)` and each call take beside the request fields; a call's own wins."""

    instructions: str | None
    """Added to what the model is told to do."""
    examples: Sequence[Example]
    """Documents with their right values, shown to the model before the document."""
    max_retries: int
    """Re-asks after the first request because the reply did not conform. Default 2."""
    deadline: float | None
    """Seconds for the whole of it, all requests and waits. Default 600; None for no limit."""
    mode: Literal["auto"] | Mode
    """How the endpoint is asked. By default the best way that it takes is found, step by step, and remembered.
    Any other forces that one: then nothing is changed but the name of a token limit, and refusals are raised."""
    coerce: bool
    """Whether a value that is not quite what the schema asks for is mended where that loses nothing (`"30"` where
    a number is wanted); default true. What was mended is in `result.attempts[…].repairs`."""
    absent: Absent
    """Whether required fields may be absent: with `allow` the model can say that the document has no value."""


class OneCall(Defaults, total=False):
    """The keywords of `extract(…)` beside the endpoint's."""

    messages: Sequence[Message] | None
    """Turns to send before the document, as on the wire; with them the document may be left out."""
    context: Any
    """pydantic's validation context."""


class Call(OneCall, total=False):
    """The keywords of a call of an extractor."""

    model: str
    """Another model of the same endpoint, its name sent as given."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything that a call was told, checked. `fields` go on the wire, `extra_fields` as they stand."""

    model: str | None = None
    instructions: str | None = None
    examples: tuple[Example, ...] = ()
    messages: Sequence[Message] | None = None
    context: Any = None
    max_retries: int = DEFAULT_MAX_RETRIES
    deadline: float | None = DEFAULT_DEADLINE
    mode: Literal["auto"] | Mode = "auto"
    coerce: bool = True
    absent: Absent = "forbid"
    fields: Mapping[str, Any] = field(default_factory=dict)
    extra_fields: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, defaults: Mapping[str, Any], call: Mapping[str, Any]) -> Settings:
        """The call's settings over the defaults. Raises `OptionError`."""
        both = {**defaults, **call}
        own = {name: _own(name, both.pop(name)) for name in _OWN if name in both}
        fields = checked(both)
        extra = fields.pop("extra_fields", {})
        if "messages" in extra:
            raise OptionError("extra_fields has messages.", option="extra_fields", hint="Use messages= for them.")
        settings = cls(**own, fields=fields, extra_fields=extra)
        settings._check_mode()
        return settings

    def _check_mode(self) -> None:
        """A forced mode and the caller's own fields must not want different things."""
        if self.mode != "auto" and self.own_format:
            raise OptionError("mode and response_format are both set.", option="mode", hint="Give one of them.")
        if self.mode == "tool" and self.own_tools:
            raise OptionError("mode='tool' sends a function of its own.", option="mode", hint="Leave out tools.")

    @property
    def own_format(self) -> bool:
        """Whether the caller's own `response_format` is sent, which may not say what is wanted."""
        return "response_format" in self.fields or "response_format" in self.extra_fields

    @property
    def own_tools(self) -> bool:
        """Whether the caller's own tools are sent, so that there is no place for one of ours."""
        return any(name in sent for sent in (self.fields, self.extra_fields) for name in ("tools", "tool_choice"))

    def key(self) -> str | None:
        """What the beginning of the request depends on, as a text; None where that is no plain data."""
        own = [self.model, self.instructions, self.examples, self.mode, self.absent, self.messages is None]
        plain = [*own, self.fields, self.extra_fields]
        try:
            return json.dumps(plain, sort_keys=True)
        except (TypeError, ValueError, RecursionError):
            return None


_OWN = tuple(item for item in Settings.__dataclass_fields__ if item not in ("fields", "extra_fields"))
_CHOICES: Mapping[str, tuple[str, ...]] = {"mode": ("auto", *MODES), "absent": get_args(Absent)}


def _own(name: str, value: Any) -> Any:
    """One setting that does not go on the wire, checked."""
    if name in _CHOICES and (not isinstance(value, str) or value not in _CHOICES[name]):
        raise OptionError(f"{name} is {value!r}, but must be one of {', '.join(_CHOICES[name])}.", option=name)
    if name == "max_retries" and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
        raise OptionError("max_retries must be a whole number, 0 or more.", option=name)
    if name == "coerce" and not isinstance(value, bool):
        raise OptionError("coerce must be true or false.", option=name)
    if name == "deadline" and value is not None and not _is_duration(value):
        raise OptionError("deadline must be a number of seconds, more than 0, or None.", option=name)
    if name in ("model", "instructions") and value is not None and not isinstance(value, str):
        raise OptionError(f"{name} must be a string.", option=name)
    if name == "examples":
        return _examples(value)
    return value


def _is_duration(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf


def _examples(value: Any) -> tuple[Example, ...]:
    examples = tuple(value or ()) if isinstance(value, (list, tuple)) or value is None else (None,)
    if not all(isinstance(example, (tuple, list)) and len(example) == 2 for example in examples):
        raise OptionError("examples must be pairs of a document and its right value.", option="examples")
    return examples
