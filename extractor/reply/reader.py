"""The text of a reply read as JSON, strictly."""

from __future__ import annotations

from typing import Any

from pydantic_core import from_json

__all__ = ["read_json"]


def read_json(text: str | bytes) -> Any:
    """The JSON value of a text. Raises `ValueError` where it is none; NaN and infinities are none."""
    return from_json(text, allow_inf_nan=False)
