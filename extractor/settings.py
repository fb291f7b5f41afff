"""What a call can be told: the request fields, and what does not go on the wire.

`Settings` is the whole of it, checked: the call's own over the extractor's defaults.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from extractor.chat.content import Message
from extractor.chat.options import Options, checked
from extractor.endpoint.resolve import Fallback
from extractor.endpoint.retry import DEFAULT_POLICY, Policy
from extractor.errors import OptionError
from extractor.prices import Tariff
from extractor.prompt import Example
from extractor.schema.adapt import Absent
from extractor.schema.dialects import MODES, Mode

if TYPE_CHECKING:  # only for those who use them
    from extractor.batch.job import Job
    from extractor.budget import Budget
    from extractor.documents.chunking import Chunking
    from extractor.documents.loaded import As
    from extractor.endpoint.cache import Cache
    from extractor.endpoint.errand import Journal
    from extractor.evidence.calibration import Calibration
    from extractor.evidence.holding import Ungrounded
    from extractor.examples.nearest import Examples
    from extractor.examples.sources import Source
    from extractor.prices import Price
    from extractor.watching import Watcher

__all__ = ["Call", "Defaults", "MapCall", "OneCall", "Settings", "SharedCall"]

DEFAULT_MAX_RETRIES = 2
DEFAULT_DEADLINE = 600.0
"""Seconds. A server that sends a byte now and then outlives every timeout; only this ends it."""


class Defaults(Options, total=False):
    """What `Extractor(…)` and each call take beside the request fields; a call's own wins."""

    instructions: str | None
    """Added to what the model is told to do."""
    examples: Source | Examples
    """Documents with their right values, shown to the model before the document. Pairs are all shown. Of a job (its
    path, or a `Job`: what people accepted or corrected), of a file of JSON lines, and of `Examples(…)` those that are
    most like the document are."""
    max_retries: int
    """Re-asks after the first request because the reply did not conform. Default 2."""
    deadline: float | None
    """Seconds for the whole of it, all requests and waits; None for no limit. Where it is not given: 600, from when
    the endpoint first has room for it."""
    transport_retries: int
    """How often a request is sent again because HTTP failed (no connection, no answer, 429, 5xx …). Default 2."""
    max_wait: float
    """Seconds: the longest wait before it is sent again that an endpoint may ask for. Default 60."""
    backoff: float
    """Seconds before it is sent again where the endpoint asks for no wait; it doubles each time. Default 0.5."""
    fallbacks: Sequence[Fallback | str]
    """Who is asked where this endpoint fails for good, or its model never conforms: one after the other. As a text
    `PROVIDER/MODEL`, with the provider's own key; any other text is another model of this endpoint."""
    budget: Budget | None
    """What may be spent; the calls that are given the same `Budget` share it."""
    cache: Cache | None
    """Where replies are kept, and looked for before a request is sent."""
    watch: Sequence[Watcher]
    """Who is told what happens."""
    price: Price | Mapping[str, Price] | None
    """What tokens cost, for `result.cost` and `Budget(cost=…)`; by model, where there are several. By default the
    list of the package `genai-prices`, where that is installed."""
    share: Hashable
    """Whom a call is for. Where calls have to wait for the endpoint, the shares take turns."""
    mode: Literal["auto"] | Mode
    """How the endpoint is asked. By default the best way that it takes is found, step by step, and remembered.
    Any other forces that one: then nothing is changed but the name of a token limit, and refusals are raised."""
    coerce: bool
    """Whether a value that is not quite what the schema asks for is mended where that loses nothing (`"30"` where
    a number is wanted); default true. What was mended is in `result.attempts[…].repairs`."""
    copy: bool | None
    """Whether texts, numbers and dates can only be copied from the document, by a grammar that is made from it, where
    the endpoint takes one (llama.cpp, vLLM, SGLang); elsewhere what does not stand there is asked for again. What is
    marked `Inferred` is free. By default by grammar with the embedded model, and not at all elsewhere."""
    confidence: bool
    """Whether the endpoint is asked how likely each token is (`logprobs`), where it says that: the `confidence` of
    `result.fields` rests on it."""
    calibration: Calibration | None
    """What `calibrate` has learned from corrected records: it makes a confidence of 0.9 mean nine in ten."""
    ungrounded: Ungrounded
    """What becomes of a value that does not stand in the document and is not marked `Inferred`: "keep" (the default),
    "drop" it where it is optional (listed in the repairs), or "ask" again. What is marked `Grounded` is always asked
    for again."""
    candidates: int
    """How many answers are asked for, to take what most of them say, field by field. Default 1."""
    recall: Literal["normal", "high"]
    """With "high", rows of the document that look like those of a list and are not in it are asked for again."""
    chunking: Literal["auto"] | Chunking | None
    """Whether a document that is too long for the endpoint is cut into chunks; `Chunking(tokens=…)` says how long they
    are, None that it is never cut."""
    absent: Absent
    """Whether required fields may be absent: with `allow` the model can say that the document has no value."""


class OneCall(Defaults, total=False):
    """The keywords of `extract(…)` beside the endpoint's."""

    messages: Sequence[Message] | None
    """Turns to send before the document, as on the wire; with them the document may be left out."""
    context: Any
    """pydantic's validation context."""
    idempotency_key: str
    """What the `Idempotency-Key` of each request begins with; a digest of the request follows. By default another one
    for each call: who resumes a job gives the same again, and endpoints that honour it charge once."""


class Call(OneCall, total=False):
    """The keywords of a call of an extractor."""

    model: str
    """Another model of the same endpoint, its name sent as given."""


class MapCall(Call, total=False):
    """The keywords of a map. See `Extractor.map`."""

    job: Job | str | os.PathLike[str] | None
    """The file in which everything is kept, so that the same call again goes on where it was."""
    ordered: bool
    """Whether the results come in the order of the documents. Default false: as they complete."""
    concurrency: int | None
    """How many documents are under way at once at most. By default as many as the endpoint takes."""
    as_: As
    """As what files are read: "text" (the default), "image" or "file"."""
    evidence: bool
    """Whether what is known of the fields is worked out and kept at once. Default false."""


class SharedCall(OneCall, total=False):
    """The keywords of `extract(…)` and `aextract(…)`: which endpoint is asked, and those of one call."""

    model: str | None
    base_url: str | None
    api_key: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """Everything that a call was told, checked. `fields` go on the wire, `extra_fields` as they stand. Of a `source`
    of examples some are `chosen` for each document. It needs `several` flows where one is not enough, and is `patient`
    where its deadline is the default one. No caller gives a `journal`, which a job has for each document, nor
    `given_up`, by which a map says that it was closed: see `_INNER`.
    """

    model: str | None = None
    instructions: str | None = None
    examples: tuple[Example, ...] = ()
    source: Examples | None = None
    chosen: tuple[Example, ...] = ()
    messages: Sequence[Message] | None = None
    context: Any = None
    max_retries: int = DEFAULT_MAX_RETRIES
    deadline: float | None = DEFAULT_DEADLINE
    mode: Literal["auto"] | Mode = "auto"
    coerce: bool = True
    copy: bool | None = None
    absent: Absent = "forbid"
    confidence: bool = False
    calibration: Calibration | None = None
    ungrounded: Ungrounded = "keep"
    candidates: int = 1
    recall: Literal["normal", "high"] = "normal"
    chunking: Literal["auto"] | Chunking | None = "auto"
    several: bool = False
    patient: bool = True
    policy: Policy = DEFAULT_POLICY
    fallbacks: tuple[Fallback, ...] = ()
    budget: Budget | None = None
    cache: Cache | None = None
    watch: tuple[Watcher, ...] = ()
    price: Price | Mapping[str, Price] | None = None
    share: Hashable = None
    idempotency_key: str = ""
    journal: Journal | None = None
    given_up: Callable[[], bool] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    extra_fields: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, defaults: Mapping[str, Any], call: Mapping[str, Any]) -> Settings:
        """The call's settings over the defaults. Raises `OptionError`."""
        both = {**defaults, **call}
        own = {name: _own(name, both.pop(name)) for name in _OWN if name in both}
        own |= {name.removeprefix("_"): both.pop(name) for name in _INNER if name in both}
        fields = checked(both, _OWN)
        extra = fields.pop("extra_fields", {})
        policy = {name: own.pop(name) for name in _POLICY if name in own}
        if not isinstance(own.get("examples", ()), tuple):
            own["source"] = own.pop("examples")
        if "messages" in extra:
            raise OptionError("extra_fields has messages.", option="extra_fields", hint="Use messages= for them.")
        if own.get("confidence") and "logprobs" not in fields and "logprobs" not in extra:
            fields["logprobs"] = True
        settings = cls(
            **own,
            several=_is_several(own),
            patient="deadline" not in own,
            policy=Policy(**policy),
            fields=fields,
            extra_fields=extra,
        )
        settings._check_mode()
        if settings.candidates > 1 and "n" in fields:
            raise OptionError(
                "n and candidates are both set.", option="candidates", hint="candidates asks with n itself."
            )
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
        own = [self.model, self.instructions, self.examples, self.mode, self.copy, self.absent, self.messages is None]
        own.append(bool(self.chosen))  # they are the document's, but nothing else is demonstrated beside them
        plain = [*own, self.fields, self.extra_fields]
        try:
            return json.dumps(plain, sort_keys=True)
        except (TypeError, ValueError, RecursionError):
            return None


def _is_several(own: Mapping[str, Any]) -> bool:
    cut = own.get("chunking", "auto") not in (None, "auto")
    return cut or own.get("candidates", 1) > 1 or own.get("recall") == "high"


_POLICY = tuple(Policy.__dataclass_fields__)
_INNER = ("_journal", "_given_up")  # keywords that a job and a map give: by their names, no caller means them
_MADE_HERE = {"fields", "extra_fields", "policy", "patient", "several", "source", "chosen", "journal", "given_up"}
_OWN = (*_POLICY, *(name for name in Settings.__dataclass_fields__ if name not in _MADE_HERE))
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "mode": ("auto", *MODES),
    "absent": get_args(Absent),
    "recall": ("normal", "high"),
    "ungrounded": ("keep", "drop", "ask"),
}


def _own(name: str, value: Any) -> Any:
    """One setting that does not go on the wire, checked."""
    if name in _CHOICES and (not isinstance(value, str) or value not in _CHOICES[name]):
        raise OptionError(f"{name} is {value!r}, but must be one of {', '.join(_CHOICES[name])}.", option=name)
    fits, wanted = _CHECKS.get(name, (_anything, ""))
    if not fits(value):
        raise OptionError(f"{name} must be {wanted}.", option=name)
    made = _MADE.get(name)
    return value if made is None else made(value)


def _anything(value: Any) -> bool:
    return True


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_text(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_key(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= 200 and value.isascii() and value.isprintable()


def _is_budget(value: Any) -> bool:
    if value is None:
        return True
    from extractor.budget import Budget

    return isinstance(value, Budget)


def _is_cache(value: Any) -> bool:
    if value is None:
        return True
    from extractor.endpoint.cache import Cache

    return isinstance(value, Cache)


def _is_calibration(value: Any) -> bool:
    if value is None:
        return True
    from extractor.evidence.calibration import Calibration

    return isinstance(value, Calibration)


def _is_chunking(value: Any) -> bool:
    if value is None or value == "auto":
        return True
    from extractor.documents.chunking import Chunking

    return isinstance(value, Chunking)


def _is_hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


_CHECKS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "max_retries": (_is_count, "a whole number, 0 or more"),
    "transport_retries": (_is_count, "a whole number, 0 or more"),
    "coerce": (lambda value: isinstance(value, bool), "true or false"),
    "copy": (lambda value: value is None or isinstance(value, bool), "true or false"),
    "deadline": (
        lambda value: value is None or (_is_number(value) and value > 0),
        "a number of seconds, more than 0, or None",
    ),
    "max_wait": (_is_number, "a number of seconds, 0 or more"),
    "backoff": (_is_number, "a number of seconds, 0 or more"),
    "model": (_is_text, "a string"),
    "instructions": (_is_text, "a string"),
    "budget": (_is_budget, "a Budget: Budget(tokens=…)"),
    "cache": (_is_cache, "a Cache: Cache(PATH)"),
    "confidence": (lambda value: isinstance(value, bool), "true or false"),
    "calibration": (_is_calibration, "a Calibration: calibrate(…)"),
    "candidates": (lambda value: _is_count(value) and 1 <= value <= 100, "a whole number from 1 to 100"),
    "chunking": (_is_chunking, "'auto', None, or a Chunking: Chunking(tokens=…)"),
    "share": (_is_hashable, "something that can be hashed"),
    "idempotency_key": (_is_key, "a text of at most 200 printable ASCII characters"),
}
"""Setting → whether a value will do, and what it must be."""


def _examples(value: Any) -> Any:
    """Pairs, all of which are shown; or the source of those that are chosen for each document, as it is."""
    if not isinstance(value, (list, tuple)) and value is not None:
        return value
    if not all(isinstance(example, (tuple, list)) and len(example) == 2 for example in value or ()):
        raise OptionError("examples must be pairs of a document and its right value.", option="examples")
    return tuple(value or ())


def _fallbacks(value: Any) -> tuple[Fallback, ...]:
    named = tuple(value or ()) if isinstance(value, (list, tuple)) or value is None else (None,)
    if not all(isinstance(each, (str, Fallback)) for each in named):
        raise OptionError("fallbacks must be a list of models, or of Fallback(…).", option="fallbacks")
    return tuple(each if isinstance(each, Fallback) else Fallback(model=each) for each in named)


def _watchers(value: Any) -> tuple[Watcher, ...]:
    from extractor.watching import checked_watchers

    return checked_watchers(value)


def _price(value: Any) -> Any:
    return Tariff(model="", base_url="", own=value).own


_MADE: Mapping[str, Callable[[Any], Any]] = {
    "examples": _examples,
    "fallbacks": _fallbacks,
    "watch": _watchers,
    "price": _price,
}
"""Setting → what is made of a value. Raises `OptionError`."""
