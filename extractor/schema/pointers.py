"""JSON pointers (RFC 6901): written, taken apart, followed."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

__all__ = ["escaped", "is_within", "pointer_of", "step_in", "steps_of", "unescaped", "value_at"]

_INDEX = re.compile(r"0|[1-9][0-9]{0,8}")


def escaped(key: str) -> str:
    """A key as a step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def unescaped(step: str) -> str:
    """A step of a JSON pointer as a key."""
    return step.replace("~1", "/").replace("~0", "~")


def pointer_of(steps: Iterable[str | int]) -> str:
    """The JSON pointer of some steps: keys and indices."""
    return "".join("/" + escaped(str(step)) for step in steps)


def steps_of(pointer: str) -> list[str]:
    """The steps of a JSON pointer."""
    return [unescaped(step) for step in pointer.split("/")[1:]]


def step_in(value: Any, step: str | int) -> str | int | None:
    """The key or index that a step means in a value; None where there is no such item, and for anything else."""
    if isinstance(value, dict):
        return str(step)
    if not isinstance(value, list) or not _INDEX.fullmatch(str(step)) or int(step) >= len(value):
        return None
    return int(step)


def is_within(pointer: str, places: tuple[str, ...]) -> bool:
    """Whether a JSON pointer is one of some places, or inside of one."""
    return any(pointer == place or pointer.startswith(place + "/") for place in places)


def value_at(data: Any, pointer: str) -> Any:
    """What stands in plain data at a JSON pointer; None where nothing does."""
    for step in steps_of(pointer):
        at = step_in(data, step)
        if at is None:
            return None
        data = data.get(at) if isinstance(data, dict) else data[at]
    return data
