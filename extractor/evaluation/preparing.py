"""What makes values ready to be compared: their target, their shape, and what makes no difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from extractor.batch.holding import wanted_of
from extractor.batch.written import written_schema
from extractor.evaluation.normal import Normal
from extractor.evaluation.shape import Shape
from extractor.evaluation.sources import is_job
from extractor.evaluation.trees import Node, tree
from extractor.schema.plain import plain
from extractor.schema.target import Target, target_of

__all__ = ["Preparation"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Preparation:
    """What makes values ready to be compared: their target, their shape, and what makes no difference."""

    target: Target[Any] | None
    shape: Shape
    written: Shape | None
    normal: Normal

    @classmethod
    def of(cls, predicted: Any, run: int | None, target: Any, normal: Normal) -> Preparation:
        """With the schema of the target, or of the run. Raises `OptionError` where the run is of another target."""
        wanted = None if target is None else target_of(target)
        if wanted is not None and is_job(predicted):
            wanted = wanted_of(predicted.get_run(run), wanted)
        schema: Mapping[str, Any] = {}
        shape: Mapping[str, Any] = {}
        if wanted is not None:
            schema, shape = wanted.schema, written_schema(wanted)
        elif is_job(predicted):
            chosen = predicted.get_run(run)
            schema, shape = chosen.schema, chosen.shape
        written = None if shape == schema else Shape(shape)
        return cls(target=wanted, shape=Shape(schema), written=written, normal=normal)

    def tree(self, value: Any) -> Node | None:
        """A value, ready: what the target makes of it, if there is one and it is valid."""
        return self.raw(self._validated(value))

    def both(self, value: Any) -> tuple[Node | None, Node | None]:
        """A value as it was, and ready."""
        raw, validated = self.raw(value), self._validated(value)
        return raw, raw if validated is value else self.raw(validated)

    def raw(self, value: Any) -> Node | None:
        """A value as it is."""
        return tree(value, self.shape.root, self.normal, None if self.written is None else self.written.root)

    def _validated(self, value: Any) -> Any:
        if self.target is None or value is None:
            return value
        checked = self.target.validate(value)
        try:
            return value if checked.errors else plain(checked.value, self.target)
        except ValueError:  # what would come of it is no longer the same
            return value
