"""What a wire value says is not there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extractor.schema.places import walked
from extractor.schema.plans import Members, Plan, Plans, Wrapped
from extractor.schema.pointers import escaped

__all__ = ["absences"]


def absences(plan: Plan, value: Any, definitions: Plans) -> Iterator[str]:
    """The pointers (into the target's own shape) of the properties that are not there, or null and so absent."""
    for inner, found, _, pointer in walked(plan, value, definitions, plain=False):
        if isinstance(inner, Members) and isinstance(found, dict):
            for key in inner.plans:
                wire = inner.names.get(key, key)
                if wire not in found or (found[wire] is None and key in inner.absent):
                    yield f"{pointer}/{escaped(key)}"
        elif isinstance(inner, Wrapped) and inner.absent and found == {"value": None}:
            yield pointer
