"""The ready document schemas, by name, each with a sample document."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from extractor.errors import ConfigurationError

__all__ = ["ready_names", "ready_sample", "ready_schema"]


def _folder() -> Path:
    # In the wheel the schemas lie inside the package, in a checkout beside it.
    package = Path(__file__).parent.parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


def ready_names() -> tuple[str, ...]:
    """The names of the ready schemas, sorted."""
    return tuple(sorted(path.stem for path in _folder().glob("*.json")))


def ready_schema(name: str) -> dict[str, Any]:
    """The ready schema of that name. Raises `ConfigurationError` where there is none."""
    names = ready_names()
    if name not in names:
        raise ConfigurationError(
            f"There is no ready schema {name!r}.",
            hint=f"There are: {', '.join(names)}. Or give a path that ends in .json; a model of yours is module:Model "
            "on the command line, and the class itself in Python.",
        )
    schema: dict[str, Any] = json.loads((_folder() / f"{name}.json").read_text(encoding="utf-8"))
    return schema


def ready_sample(name: str) -> str:
    """A sample document for that schema."""
    ready_schema(name)
    return (_folder() / "samples" / f"{name}.txt").read_text(encoding="utf-8")
