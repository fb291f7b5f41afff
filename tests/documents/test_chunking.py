"""How a caller says how a document is cut."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor import Chunking, Extractor
from extractor.errors import OptionError


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"tokens": 15}, "tokens of a Chunking is a whole number, 16 or more"),
        ({"tokens": 0}, "tokens of a Chunking"),
        ({"tokens": -5}, "tokens of a Chunking"),
        ({"tokens": 100.0}, "tokens of a Chunking"),
        ({"tokens": "100"}, "tokens of a Chunking"),
        ({"tokens": True}, "tokens of a Chunking"),
        ({"tokens": None}, "tokens of a Chunking"),
        ({"tokens": 100, "overlap": -1}, "overlap of a Chunking is a whole number, 0 or more"),
        ({"tokens": 100, "overlap": 1.5}, "overlap of a Chunking"),
        ({"tokens": 100, "overlap": False}, "overlap of a Chunking"),
        ({"tokens": 100, "overlap": 51}, "The overlap is more than half of a chunk"),
        ({"tokens": 100, "overlap": 0, "at_once": 0}, "at_once of a Chunking is a whole number, 1 or more"),
        ({"tokens": 100, "overlap": 0, "at_once": "all"}, "at_once of a Chunking"),
    ],
)
def test_what_makes_no_sense(wrong: dict[str, Any], said: str) -> None:
    """A number that makes no sense is refused at once, by its name."""
    with pytest.raises(OptionError, match=said) as caught:
        Chunking(**wrong)
    assert caught.value.option == "chunking"


@given(st.integers(16, 10**9), st.integers(0, 10**9), st.integers(1, 10**6))
def test_what_is_taken(tokens: int, overlap: int, at_once: int) -> None:
    """An overlap of up to half of a chunk is taken; it stays as it is, and can be compared and kept."""
    overlap = min(overlap, tokens // 2)
    made = Chunking(tokens=tokens, overlap=overlap, at_once=at_once)
    assert (made.tokens, made.overlap, made.at_once) == (tokens, overlap, at_once)
    assert pickle.loads(pickle.dumps(made)) == made == dataclasses.replace(made)
    assert len({made, dataclasses.replace(made)}) == 1


def test_the_smallest_chunks_need_no_overlap() -> None:
    """How many tokens a chunk has is all that has to be said, however few they are."""
    assert [Chunking(tokens=tokens).overlap for tokens in (16, 150, 1_000, 10_000)] == [1, 15, 100, 100]


@pytest.mark.parametrize("wrong", [100, "always", {"tokens": 100}, True, Chunking])
def test_what_is_no_chunking(wrong: Any) -> None:
    """Anything else is refused by an extractor, with what it must be."""
    with pytest.raises(OptionError, match=r"chunking must be 'auto', None, or a Chunking") as caught:
        Extractor("m", base_url="http://localhost/v1", chunking=wrong)
    assert caught.value.option == "chunking"
