"""What one chunk of a document gave: its data, and where each value of it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from extractor.evidence.field import Field
from extractor.schema.pointers import escaped

__all__ = ["Part", "PartValue", "leaves_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """What one chunk gave: plain data, in which anything may be missing or null, and what is known about its fields,
    with places in the whole document. `start` and `end` are the chunk's.
    """

    number: int
    data: Any
    fields: Mapping[str, Field] = field(default_factory=dict)
    start: int = 0
    end: int = 0


class PartValue(NamedTuple):
    """A value in the data of a part, and its pointer there."""

    part: Part
    pointer: str
    value: Any

    @property
    def field(self) -> Field | None:
        """What is known about it."""
        return self.part.fields.get(self.pointer)

    def inner(self, step: str | int) -> PartValue:
        """A member or an item of it."""
        return PartValue(self.part, f"{self.pointer}/{escaped(str(step))}", self.value[step])


def leaves_of(source: PartValue) -> Iterator[PartValue]:
    """All scalars in a value, in order."""
    ahead = [source]
    while ahead:
        each = ahead.pop()
        if isinstance(each.value, dict):
            ahead += [each.inner(key) for key in reversed(each.value)]
        elif isinstance(each.value, list):
            ahead += [each.inner(number) for number in range(len(each.value) - 1, -1, -1)]
        else:
            yield each
