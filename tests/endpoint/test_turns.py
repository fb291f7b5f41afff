"""The queue of those who wait for a place."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.endpoint.turns import Turn, Turns


def test_shares_take_turns_and_each_is_served_in_order() -> None:
    """Those waiting are served round robin over their shares, first come first served within one."""
    turns = Turns()
    batch = [Turn(share="batch") for _ in range(4)]
    single = [Turn(share="single"), Turn(share="other")]
    for turn in [*batch, *single]:
        turns.add(turn)
    assert [turns.take() for _ in range(6)] == [batch[0], *single, *batch[1:]]


def test_who_has_begun_goes_first_within_its_share() -> None:
    """A document already begun goes before new ones of its share, not before those of others."""
    turns = Turns()
    new, begun, other = Turn(share=1), Turn(share=1, started=True), Turn(share=2)
    for turn in (new, other, begun):
        turns.add(turn)
    assert [turns.take() for _ in range(3)] == [begun, other, new]


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 4), st.booleans(), st.booleans()), max_size=60))
def test_everybody_is_served_once_or_has_left(wanted: list[tuple[int, bool, bool]]) -> None:
    """Whoever has not left is taken exactly once, and who has left leaves nothing behind."""
    turns = Turns()
    waiting = [(Turn(share=share, started=started), leaves) for share, started, leaves in wanted]
    for turn, _ in waiting:
        turns.add(turn)
    for turn, leaves in waiting:
        if leaves:
            turns.remove(turn)
    kept = [turn for turn, leaves in waiting if not leaves]
    assert len(turns) == len(kept)
    taken = [turns.take() for _ in kept]
    assert Counter(map(id, taken)) == Counter(map(id, kept))
    assert len(turns) == 0
    assert turns._shares == {}
    assert not any(turn.waiting for turn, _ in waiting)


@settings(max_examples=50)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=6))
def test_no_share_is_served_twice_before_another_once(sizes: list[int]) -> None:
    """While several shares wait, none gets more than one turn ahead of another."""
    turns = Turns()
    for share, size in enumerate(sizes):
        for _ in range(size):
            turns.add(Turn(share=share))
    served = [0] * len(sizes)
    while len(turns):
        served[turns.take().share] += 1  # type: ignore[call-overload]
        waiting = [served[share] for share in range(len(sizes)) if served[share] < sizes[share]]
        assert not waiting or max(served) - min(waiting) <= 1
