"""All that can be copied from a sequence of units, as an automaton of linear size.

It is the suffix automaton: one state for all the places in which the same may follow, and from each state one way
for each next unit. What an engine has to keep in mind while a value is generated is therefore one state.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Generic, TypeVar

__all__ = ["Automaton", "windows"]

T = TypeVar("T", bound=Hashable)
S = TypeVar("S")


class Automaton(Generic[T]):
    """`ways[state]` are the next units of a state, and the states behind them; 0 is the first."""

    def __init__(self, sequences: Iterable[Sequence[T]]) -> None:
        self.ways: list[dict[T, int]] = [{}]
        self._link = [-1]
        self._length = [0]
        for sequence in sequences:
            last = 0
            for unit in sequence:
                last = self._extended(last, unit)

    def _state(self, length: int, ways: dict[T, int], link: int) -> int:
        self.ways.append(ways)
        self._length.append(length)
        self._link.append(link)
        return len(self.ways) - 1

    def _extended(self, last: int, unit: T) -> int:
        """The state behind one more unit (the online construction of Blumer and others, for several sequences)."""
        if unit in self.ways[last]:
            there = self.ways[last][unit]
            return there if self._length[there] == self._length[last] + 1 else self._split(last, unit, there)
        state = self._state(self._length[last] + 1, {}, 0)
        before = last
        while before >= 0 and unit not in self.ways[before]:
            self.ways[before][unit] = state
            before = self._link[before]
        if before >= 0:
            there = self.ways[before][unit]
            whole = self._length[there] == self._length[before] + 1
            self._link[state] = there if whole else self._split(before, unit, there)
        return state

    def _split(self, before: int, unit: T, there: int) -> int:
        """A state of its own for what is not longer than the way through `before`."""
        clone = self._state(self._length[before] + 1, dict(self.ways[there]), self._link[there])
        self._link[there] = clone
        while before >= 0 and self.ways[before].get(unit) == there:
            self.ways[before][unit] = clone
            before = self._link[before]
        return clone


def windows(sequence: Sequence[S], length: int) -> list[Sequence[S]]:
    """Pieces that overlap: all that is not longer than `length` stands in one, and nothing longer than twice that."""
    ends = range(0, max(len(sequence) - length, 1), length)
    return [sequence[start : start + 2 * length] for start in ends]
