"""JSON pointers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.schema.pointers import escaped, is_within, pointer_of, step_in, steps_of, unescaped, value_at

DATA = {"a/b~c": [10, {"": None}], "0": "zero"}


def test_escaped() -> None:
    """A slash and a tilde in a key are no part of the pointer's own form."""
    assert escaped("a/b~c") == "a~1b~0c"
    assert pointer_of(["a/b~c", 1, ""]) == "/a~1b~0c/1/"
    assert steps_of("/a~1b~0c/1/") == ["a/b~c", "1", ""]
    assert (pointer_of([]), steps_of("")) == ("", [])


@given(st.lists(st.text("/~01a")))
def test_there_and_back(steps: list[str]) -> None:
    """Whatever the keys, the steps of their pointer are the keys."""
    assert steps_of(pointer_of(steps)) == steps
    assert all(unescaped(escaped(step)) == step for step in steps)


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", DATA),
        ("/a~1b~0c/0", 10),
        ("/a~1b~0c/1", {"": None}),
        ("/0", "zero"),
        ("/a~1b~0c/2", None),
        ("/a~1b~0c/-1", None),
        ("/a~1b~0c/01", None),
        ("/a~1b~0c/٠", None),
        ("/nothing/here", None),
        ("/0/0", None),
    ],
)
def test_value_at(pointer: str, value: Any) -> None:
    """A pointer is followed by keys and by plain indices; where nothing stands, it leads to None."""
    assert value_at(DATA, pointer) == value


def test_step_in() -> None:
    """A step is a key of an object, an index of a list that is so long, and nothing anywhere else."""
    values: list[Any] = [{}, [0], [0, 1], "text", None]
    assert [step_in(value, "1") for value in values] == ["1", None, 1, None, None]


def test_is_within() -> None:
    """A place is inside of itself and of what is above it, but not of one whose name its own begins with."""
    assert [is_within(pointer, ("/a", "/b/0")) for pointer in ("/a", "/a/x", "/ab", "/b", "/b/0/c", "")] == [
        *(True, True, False, False, True, False)
    ]
