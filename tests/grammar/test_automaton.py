"""What can be copied from a sequence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from extractor.grammar.automaton import Automaton, windows

words = st.lists(st.sampled_from("abc"), max_size=20)


def accepts(automaton: Automaton[str], part: list[str]) -> bool:
    """Whether there is a way for each unit."""
    state = 0
    for unit in part:
        if unit not in automaton.ways[state]:
            return False
        state = automaton.ways[state][unit]
    return True


def stands(part: list[str], sequence: list[str]) -> bool:
    """Whether a part stands in a sequence."""
    return any(sequence[at : at + len(part)] == part for at in range(len(sequence) + 1))


@given(words, st.lists(st.sampled_from("abc"), max_size=5))
def test_exactly_what_stands_there(sequence: list[str], part: list[str]) -> None:
    """There is a way for exactly the parts of the sequence."""
    assert accepts(Automaton([sequence]), part) == stands(part, sequence)


@given(st.lists(words, max_size=4), st.lists(st.sampled_from("abc"), min_size=1, max_size=5))
def test_several_sequences(sequences: list[list[str]], part: list[str]) -> None:
    """Of several sequences, for the parts of each and no others."""
    assert accepts(Automaton(sequences), part) == any(stands(part, each) for each in sequences)


@given(st.lists(st.sampled_from("ab"), max_size=60))
def test_linear_size(sequence: list[str]) -> None:
    """States and ways are no more than a few for each unit."""
    automaton = Automaton([sequence])
    assert len(automaton.ways) <= max(2 * len(sequence), 2)
    assert sum(map(len, automaton.ways)) <= max(3 * len(sequence), 2)


@given(st.integers(0, 50), st.integers(1, 10), st.data())
def test_windows(size: int, length: int, data: st.DataObject) -> None:
    """Whatever is not longer than the length stands in one window; none is longer than twice that."""
    pieces = windows(range(size), length)
    start = data.draw(st.integers(0, max(size - 1, 0)))
    part = list(range(start, min(start + length, size)))
    assert all(len(piece) <= 2 * length for piece in pieces)
    assert any(set(part) <= set(piece) for piece in pieces)
