"""The ladder: the ways in which an endpoint can be asked, and what follows when it refuses one.

    grammar → strict → strict, slimmed → relaxed → json_object → tool → prompt

Three rules:

- A refusal that is understood leads to the next way down, or to the same without the one optional field
  that it names. One that is not understood is the caller's to see.
- What a field limits is never lost: a token limit is sent under its other name, or the refusal is raised.
- What was refused is remembered once a later request has been answered: then it was that which the endpoint
  could not take. See `memory`.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from extractor.chat.content import Message
from extractor.chat.wire import Prefix
from extractor.complaints import COMPANIONS, FORMATS, LIMITS, OPTIONAL, About, Complaint, complaint_of
from extractor.errors import StatusError
from extractor.loop.memory import Lesson, memory
from extractor.prompt import Prompt
from extractor.schema.adapt import Absent, Adapted, adapt
from extractor.schema.dialects import Dialect, Mode, relaxed, told
from extractor.schema.marks import MARK
from extractor.schema.target import Target

__all__ = [
    "MAX_STEPS",
    "OWN",
    "RUNGS",
    "Descent",
    "Form",
    "Ladder",
    "Rung",
    "Step",
    "Way",
    "applied",
]

MAX_STEPS = 10
"""Refused requests that one extraction pays for at most."""
MOST_SLIM = 2

# ------------------------------------------------------------------------------------------ the rungs


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way of asking. `mode` is None where the caller's own `response_format` is sent; `dropped` are
    fields that the endpoint does not take.
    """

    mode: Mode | None
    slim: int = 0
    dropped: frozenset[str] = frozenset()

    @property
    def schema_slim(self) -> int:
        """How far the schema that is sent is slimmed."""
        return self.slim if self.mode in _SENT else 0


_SENT: tuple[Mode, ...] = ("strict", "relaxed", "tool")  # those in which a schema is sent


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """How a mode asks: which schema, which fields; whether the outline goes into the prompt (None: where the
    model would not see all otherwise).
    """

    adapted: Callable[[Target[Any], Dialect, Absent, int], Adapted]
    fields: Callable[[Adapted], dict[str, Any]]
    outlined: bool | None = None


def _strict(target: Target[Any], dialect: Dialect, absent: Absent, slim: int) -> Adapted:
    return adapt(target, dialect, absent=absent, slim=slim)


def _relaxed(target: Target[Any], dialect: Dialect, absent: Absent, slim: int) -> Adapted:
    strict = adapt(target, dialect, absent=absent, slim=slim)
    # What cannot be said in the strict form has been relaxed already, as far as it needs.
    return adapt(target, relaxed(dialect), absent=absent, slim=slim) if strict.strict else strict


def _told(target: Target[Any], dialect: Dialect, absent: Absent, slim: int) -> Adapted:
    return adapt(target, told(dialect), absent=absent)


def _by_grammar(target: Target[Any], dialect: Dialect, absent: Absent, slim: int) -> Adapted:
    # What a grammar is made of keeps the marks, and all that our own grammar says: no endpoint gets to see the schema.
    own = replace(dialect, keywords=dialect.keywords | _GRAMMATICAL, formats=dialect.formats | _WRITTEN)
    return adapt(target, own, absent=absent)


_GRAMMATICAL = frozenset({MARK, "const", "format", "pattern", "minLength", "maxLength"})
_WRITTEN = frozenset({"date", "time", "date-time", "uuid"})


def _json_schema(adapted: Adapted) -> dict[str, Any]:
    return {"response_format": adapted.response_format}


def _json_object(adapted: Adapted) -> dict[str, Any]:
    return {"response_format": {"type": "json_object"}}


def _function(adapted: Adapted) -> dict[str, Any]:
    # With one function, `required` forces it, and is known to more endpoints than a function's name is.
    function = {"name": adapted.wire_name, "description": "Hand in the data.", "parameters": adapted.schema}
    return {"tools": [{"type": "function", "function": function}], "tool_choice": "required"}


def _nothing(adapted: Adapted) -> dict[str, Any]:
    return {}


RUNGS: Mapping[Mode, Rung] = {
    "grammar": Rung(adapted=_by_grammar, fields=_nothing, outlined=True),  # the grammar is the document's own
    "strict": Rung(adapted=_strict, fields=_json_schema),
    "relaxed": Rung(adapted=_relaxed, fields=_json_schema, outlined=True),  # what it does not enforce is told
    "json_object": Rung(adapted=_told, fields=_json_object, outlined=True),
    "tool": Rung(adapted=_relaxed, fields=_function),
    "prompt": Rung(adapted=_told, fields=_nothing, outlined=True),
}
OWN = Rung(adapted=_strict, fields=_nothing, outlined=True)
"""The caller's own `response_format`, which may not say what is wanted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Form:
    """A way of asking, worked out: all of a request but the document. `tool` is the function's name, if any."""

    way: Way
    adapted: Adapted
    prompt: Prompt
    prefix: Prefix
    tool: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One request that the endpoint refused.

    `mode` and `slim` are how it asked, `dropped` is the field that was left out after it (a token limit is
    sent under its other name; "" where none was), `reason` what the endpoint said.
    """

    mode: Mode | None
    slim: int
    dropped: str
    status: int
    reason: str


def applied(fields: Mapping[str, Any], dropped: frozenset[str]) -> dict[str, Any]:
    """The fields without those that are dropped; a token limit under its other name."""
    kept = {name: value for name, value in fields.items() if name not in dropped}
    for name, other in LIMITS.items():
        if name in fields and name in dropped and other not in fields:
            kept[other] = fields[name]
    return kept


# --------------------------------------------------------------------------------------- descending


@dataclass(frozen=True, kw_only=True, slots=True)
class Descent:
    """What follows a refusal that is understood: the next form (None: none is left) with the document's
    `messages` and `own` fields for it, the step to report, and what is learned when the next request is answered.
    """

    form: Form | None
    step: Step
    messages: tuple[Message, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)
    lessons: tuple[Lesson, ...] = ()


_KINDS: Mapping[Mode, tuple[Mode, ...]] = {"strict": ("strict", "relaxed"), "relaxed": ("strict", "relaxed")}


@dataclass(frozen=True, kw_only=True, slots=True)
class Ladder:
    """The ways in which one target can be asked for at one endpoint.

    `modes` are possible here, best first (None alone: the caller's own `response_format`); `fields` are the
    optional ones that the caller sends. With `forced` there is one mode, and only the name of a token limit
    is ever changed. `endpoint` and `schema` are the places to which lessons belong.
    """

    modes: tuple[Mode | None, ...]
    fields: frozenset[str]
    endpoint: Hashable
    schema: Hashable
    forced: bool = False

    def first(self) -> tuple[list[Way], float]:
        """The ways to begin with, best first, by what is remembered; and how long that holds."""
        known, until = memory.recall(self.endpoint, self.schema)
        dropped = self._dropped(known)
        if self.forced:
            return [Way(mode=self.modes[0], dropped=dropped)], until
        slim = max((level for kind, level in known if kind == "slim"), default=0)
        return _ways(self._open(self.modes, known), slim, dropped), until

    def complaint(self, error: StatusError, way: Way) -> Complaint | None:
        """What a refusal is about, as far as something can be done about it."""
        sent = set(applied(dict.fromkeys(self.fields), way.dropped))
        if way.mode == "tool":
            sent |= {"tool_choice"} - way.dropped
        if self.forced:
            sent &= LIMITS.keys()
        # The limit must not be lost: no more than one of its names is given up.
        sent -= {name for name, other in LIMITS.items() if other in way.dropped}
        complaint = complaint_of(error, way.mode, sent)
        # The rung of the caller's own format cannot be left.
        return complaint if way.mode or (complaint and complaint.about == "parameter") else None

    def after(self, way: Way, complaint: Complaint) -> list[Way]:
        """The ways to go on with after a refusal, best first."""
        if complaint.about == "parameter":
            gone = {complaint.name, COMPANIONS.get(complaint.name, complaint.name)}
            return [replace(way, dropped=way.dropped | gone)]
        if self.forced or way.mode is None:
            return []
        known, _ = memory.recall(self.endpoint, self.schema)
        gone_modes = _gone(way.mode, complaint.about)
        lower = [mode for mode in self.modes[self.modes.index(way.mode) + 1 :] if mode not in gone_modes]
        if complaint.about != "size":
            return _ways(self._open(lower, known), way.slim, way.dropped)
        slimmer = range(way.slim + 1, MOST_SLIM + 1) if way.mode in _SENT else ()
        same = [replace(way, slim=slim) for slim in slimmer]
        return [*same, *_ways(self._open(lower, known), MOST_SLIM, way.dropped)]

    def lessons(self, way: Way, complaint: Complaint, taken: Way) -> tuple[Lesson, ...]:
        """What is learned when another way was taken instead."""
        if complaint.about == "parameter":
            return (Lesson(where=self.endpoint, what=("parameter", complaint.name)),)
        if complaint.about == "reply" or way.mode is None:
            return ()
        if complaint.about in ("mode", "kind", "format"):
            modes = _gone(way.mode, complaint.about)
            return tuple(Lesson(where=self.endpoint, what=("mode", mode)) for mode in modes)
        slim = Lesson(where=self.schema, what=("slim", taken.slim))
        if taken.mode == way.mode:
            return (slim,)
        mode = Lesson(where=self.schema, what=("mode", way.mode))
        return (mode, slim) if complaint.about == "size" else (mode,)

    def _dropped(self, known: frozenset[tuple[str, Any]]) -> frozenset[str]:
        names = {name for kind, name in known if kind == "parameter"}
        if names >= LIMITS.keys():  # it took neither name, at different times: as the caller has it, then
            names -= LIMITS.keys()
        names |= {COMPANIONS[name] for name in names & COMPANIONS.keys()}
        if self.forced:
            return frozenset(names & self.fields & LIMITS.keys())
        ours = {"tool_choice"} - self.fields
        return frozenset(names & ((self.fields & OPTIONAL.keys() - {"tool_choice"}) | ours))

    @staticmethod
    def _open(modes: Iterable[Mode | None], known: frozenset[tuple[str, Any]]) -> list[Mode | None]:
        """The modes that are not known to be refused; all of them, where all are."""
        every = list(modes)
        return [mode for mode in every if ("mode", mode) not in known] or every


def _ways(modes: Iterable[Mode | None], slim: int, dropped: frozenset[str]) -> list[Way]:
    return [Way(mode=mode, slim=slim, dropped=dropped) for mode in modes]


def _gone(mode: Mode, about: About) -> tuple[Mode, ...]:
    """The modes that a refusal of this one closes."""
    if about == "format" and mode in FORMATS:
        return FORMATS
    return _KINDS.get(mode, (mode,)) if about == "kind" else (mode,)
