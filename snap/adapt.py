"""A target's schema in a dialect, and the way back.

What the dialect cannot say is said in words in the description, so that the model still knows it, is
listed in `rewrites`, and is still checked by the target when the value comes back. What is said in
another way on the wire (an optional property as a nullable one, a map as a list of pairs, a root that is
no object as one with a `value`) is put back by `restore`.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

from extractor.errors import SchemaError
from extractor.schema.dialects import Dialect, relaxed
from extractor.schema.measure import depths_of, exceeded
from extractor.schema.plans import Plan, Plans, Restorer
from extractor.schema.restore import Unclean, restorer
from extractor.schema.rewrite import rewritten
from extractor.schema.slim import STEPS, slimmed
from extractor.schema.target import Target, target_of
from extractor.schema.walk import Cut, Rewrite, TooLarge

__all__ = ["Absent", "Adapted", "Rewrite", "adapt"]

JsonSchema: TypeAlias = "dict[str, Any]"
Absent: TypeAlias = Literal["forbid", "allow"]
"""Whether required properties may be absent: `allow` makes them nullable on the wire."""


@dataclass(frozen=True, kw_only=True)
class Adapted:
    """A schema in a dialect: `schema` is what is sent, `rewrites` what was changed for it.

    `strict` says whether it keeps all of the dialect's rules and limits, so that it can be sent as strict.
    `told` is what an outline for the prompt is made of: the same with all descriptions.
    `restorer` is what `restore` does, None where values come back in the target's own shape anyway.
    """

    name: str
    dialect: Dialect = field(repr=False)
    schema: JsonSchema
    strict: bool
    told: JsonSchema = field(repr=False)
    rewrites: tuple[Rewrite, ...]
    restorer: Restorer | None = field(repr=False)
    plan: Plan = field(repr=False)
    definitions: Plans = field(repr=False)

    @property
    def slimmed(self) -> bool:
        """Whether something is only `told`, so that the outline must go into the prompt."""
        return self.told is not self.schema

    @property
    def wire_name(self) -> str:
        """The name as endpoints take it."""
        # The pattern and the length are OpenAI's; everybody else takes what it takes.
        return re.sub(r"[^a-zA-Z0-9_-]", "_", self.name)[:64] or "record"

    @property
    def response_format(self) -> JsonSchema:
        """`{"type": "json_schema", "json_schema": {"name", "strict", "schema"}}`."""
        strict = {} if self.dialect.strict is None else {"strict": self.dialect.strict and self.strict}
        return {"type": "json_schema", "json_schema": {"name": self.wire_name, **strict, "schema": self.schema}}

    def restore(self, value: Any) -> Any:
        """A value as the endpoint gives it, in the target's own shape; as it is, where it gives a key twice."""
        try:
            return value if self.restorer is None else self.restorer(value)
        except Unclean:
            return value

    def absences(self, value: Any) -> tuple[str, ...]:
        """The pointers, in the target's own shape, of the properties that a wire value gives as absent: null
        where the target has none.
        """
        from extractor.schema.absences import absences  # not for every start

        return tuple(absences(self.plan, value, self.definitions))

    def to_wire(self, value: Any) -> Any:
        """The opposite of `restore`: a value of the target as the endpoint is asked to write it."""
        from extractor.schema.to_wire import to_wire  # not for every start

        return to_wire(self.plan, value, self.definitions)


def adapt(target: Any, dialect: str | Dialect = "openai", *, absent: Absent = "forbid", slim: int = 0) -> Adapted:
    """The target (a type, a JSON Schema, its path, or the name of a ready one) in a dialect.

    Made once for each target and dialect. With `slim` 1 descriptions and titles are left out of the
    schema, with 2 large enums too; they are `told`. Raises `SchemaError` where the target cannot be
    asked for, and `ConfigurationError` for an unknown dialect.
    """
    return _adapted(target_of(target), Dialect.named(dialect), absent, slim)


@functools.lru_cache(maxsize=512)
def _adapted(target: Target[Any], dialect: Dialect, absent: Absent, slim: int) -> Adapted:
    steps, cut = slim, None
    cuts = iter(() if dialect.limits.depth is None else (dialect.limits.depth, dialect.limits.depth - 2))
    while True:
        try:
            made = _made(target, dialect, steps, absent, cut)
        except TooLarge:
            over = ["nodes"]
            break
        over = exceeded(made.schema, dialect.limits)
        if not over:
            return made
        if set(over) - _SLIMMED - {"depth"}:
            break
        if "depth" in over and (depth := next(cuts, None)) is not None:
            cut = Cut(depth=depth, definitions=cut.definitions if cut else depths_of(made.schema))
        elif steps < len(STEPS) and set(over) & _SLIMMED:
            steps += 1
        else:
            break
    return _loose(target, dialect, slim, absent, over)


# What of the limits a slimmer schema may keep.
_SLIMMED = frozenset({"enum_values", "characters", "enum_characters", "schema_characters"})


def _loose(target: Target[Any], dialect: Dialect, slim: int, absent: Absent, over: list[str]) -> Adapted:
    """The form for what cannot be sent as strict: references written out, or kept where that is too much."""
    loose = relaxed(dialect)
    why = "more than the endpoint takes: " + ", ".join(over).replace("_", " ")
    note = Rewrite(pointer="", what="sent without strict, in a relaxed form", why=why)
    referring = replace(loose, keywords=dialect.keywords, cycles=True)
    for form, depth in ((loose, None), (referring, None), (loose, 4), (loose, 2)):
        try:
            made = _made(target, form, slim, absent, Cut(depth=depth, definitions={}) if depth else None)
        except TooLarge:
            continue
        return replace(made, strict=False, rewrites=(note, *made.rewrites))
    raise SchemaError("The schema is too large.", hint="Ask for less at once.")


def _made(target: Target[Any], dialect: Dialect, slim: int, absent: Absent, cut: Cut | None) -> Adapted:
    result = rewritten(target.schema, dialect, absent=absent == "allow", cut=cut)
    notes = tuple(Rewrite(pointer="", what=step, why="it is smaller") for step in STEPS[:slim])
    return Adapted(
        name=target.name,
        dialect=dialect,
        schema=slimmed(result.schema, slim) if slim else result.schema,
        strict=True,
        told=result.schema,
        rewrites=(*notes, *result.rewrites),
        restorer=restorer(result.plan, result.definitions),
        plan=result.plan,
        definitions=result.definitions,
    )
