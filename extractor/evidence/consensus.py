"""Several candidates for one value, and what most of them say: voted on field by field.

A value is what the most candidates have, in the form in which most of those wrote it. Objects are voted on member by
member, lists item by item once their items are laid side by side (`alignment`). Null and what is missing are one
vote: that there is nothing. An item of a list belongs together: where candidates differ in more than one member of it,
it is taken from the one that most others agree with, since put together of several it would be a row that nobody said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from extractor.evidence.alignment import Row, rows
from extractor.evidence.equality import normal, written
from extractor.evidence.field import Field
from extractor.evidence.leaves import Members, heads_of
from extractor.schema.pointers import escaped
from extractor.schema.subschemas import MISSING, Way, Ways, agreeing

__all__ = ["Candidate", "Consensus", "Vote", "medoid", "vote", "votes_on"]

DEEPEST = 100  # levels that are voted on one by one; what is inside of them, as a whole
LEVELS = 8  # of an item's objects that are compared as one row
MOST_OTHERS = 20  # other values of a place that a vote lists
MOST_CHARACTERS = 200_000_000  # of all pointers: a long key stands in those of all that is inside


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """One answer: plain JSON `data`, and what is known of its fields by JSON pointer (may be empty)."""

    data: Any
    fields: Mapping[str, Field]


@dataclass(frozen=True, kw_only=True, slots=True)
class Vote:
    """How one place was voted on: the share of all candidates that have what was taken, and what `others` have, with
    their shares, the largest first (None for those that have nothing). The vote of a list's item is on the item
    itself.
    """

    agreement: float
    others: tuple[tuple[Any, float], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Consensus:
    """What most candidates say: plain JSON `data`, and the votes by JSON pointer in it, for every scalar, empty
    container and item of a list.
    """

    data: Any
    votes: Mapping[str, Vote]


def vote(schema: Any, candidates: Sequence[Candidate]) -> Consensus:
    """What most candidates say, place by place. It may be what none of them says, and so break a rule that holds
    between places: `medoid` is the candidate to take then.

    Where as many have one value as another, the one that is surer is taken (`confidence`, else how well it stands in
    the document, else its log-probability), then that of the first candidate. An item of a list stays if at least
    half of the candidates that have the list have it. Raises `ValueError` without candidates.
    """
    if not candidates:
        raise ValueError("no candidates")
    counting = _Counting(schema, candidates)
    voices = [_Voice(number, "", each.data) for number, each in enumerate(candidates)]
    data = counting.voted("", voices, schema if isinstance(schema, Mapping) else {}, 0)
    return Consensus(data=None if data is MISSING else data, votes=counting.votes)


def votes_on(schema: Any, candidates: Sequence[Candidate], taken: int) -> dict[str, Vote]:
    """The votes on what one candidate says, by JSON pointer in its data: how many have the same, whoever won."""
    counting = _Counting(schema, candidates)
    voices = [_Voice(number, "", each.data) for number, each in enumerate(candidates)]
    counting.voted("", voices, schema if isinstance(schema, Mapping) else {}, 0, _Lead(taken, lists=True))
    return counting.votes


def medoid(schema: Any, candidates: Sequence[Candidate]) -> int:
    """The number of the candidate that is most like all others: in which the fewest values would have to change.

    Of several the surest, then the first. Raises `ValueError` without candidates.
    """
    if not candidates:
        raise ValueError("no candidates")
    bags = [_bag(each.data) for each in candidates]
    counts = Counter(leaf for bag in bags for leaf in bag)
    # The values that two candidates do not share, summed over all others: |A| + |B| - 2 |A & B|.
    distances = [len(bag) * len(bags) - 2 * sum(counts[leaf] for leaf in bag) for bag in bags]
    sure = [_mean([each.confidence or 0.0 for each in candidate.fields.values()]) for candidate in candidates]
    return min(range(len(bags)), key=lambda number: (distances[number], -sure[number], number))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _bag(data: Any) -> set[tuple[Any, ...]]:
    """The scalars of a value with their places, all items of a list at one; equal ones are numbered."""
    bag: Counter[tuple[Any, ...]] = Counter()
    ahead: list[tuple[int, Any]] = [(0, data)]
    while ahead:
        place, value = ahead.pop()
        if isinstance(value, dict):
            ahead += [(hash((place, key)), each) for key, each in value.items()]
        elif isinstance(value, list):
            ahead += [(hash((place, "*")), each) for each in value]
        elif value is not None:
            bag[place, normal(value)] += 1
    return {(*leaf, number) for leaf, count in bag.items() for number in range(count)}


# ------------------------------------------------------------------------------ the vote on one place


class _Voice(NamedTuple):
    """What one candidate has at a place: `pointer` is where that stands in its own data."""

    number: int
    pointer: str
    value: Any  # MISSING: nothing


class _Lead(NamedTuple):
    """The candidate whose value is taken, whatever others say; `lists`: what is in lists, too."""

    number: int
    lists: bool = False


_Voices: TypeAlias = "Sequence[_Voice]"
_Merge: TypeAlias = "Callable[[_Counting, str, _Voices, Any, int, _Lead | None], Any]"


class _Counting:
    def __init__(self, schema: Any, candidates: Sequence[Candidate]) -> None:
        definitions = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
        self._candidates = candidates
        self._places = _Places(definitions if isinstance(definitions, Mapping) else {})
        self._room = MOST_CHARACTERS
        self.votes: dict[str, Vote] = {}

    def voted(
        self, pointer: str, voices: _Voices, schema: Any, level: int, lead: _Lead | None = None, *, item: bool = False
    ) -> Any:
        """What most say, or the one that leads, with the votes on it and on all inside of it noted. `voices` are all
        that could say it; of an `item` of a list.
        """
        self._room -= len(pointer) + sum(len(voice.pointer) for voice in voices)
        groups: dict[Any, list[_Voice]] = {}
        for voice in voices:
            groups.setdefault(self._stance(voice.value, schema, level), []).append(voice)
        ordered = sorted(groups.values(), key=self._weight, reverse=True)
        if lead is not None:
            number = lead.number
            ordered.sort(key=lambda group: all(voice.number != number for voice in group))
        taken, *others = ordered
        value = self._form(taken, lead)
        merge = _MERGES.get(type(value)) if not self._is_whole(level) else None
        if merge is None:
            self._note(pointer, taken, others)
            return value
        if others:
            self._note(pointer, taken, others)
        if item and lead is None and isinstance(value, dict):
            lead = self._leading(taken)
        value = merge(self, pointer, taken, schema, level + 1, lead)
        if not value and not others:
            empty = [voice for voice in taken if not voice.value]
            self._note(pointer, empty or taken, [[voice for voice in taken if voice.value]] if empty else [])
        return value

    def _leading(self, voices: _Voices) -> _Lead | None:
        """Whose item is taken whole, if they differ in more than one member: the one whose values most others have."""
        if len(voices) < 2:
            return None
        members = [dict(_members(voice.value)) for voice in voices]
        counts = {
            name: Counter(each.get(name) for each in members) for name in {name for each in members for name in each}
        }
        different = [name for name, values in counts.items() if len(values) > 1]
        if len(different) < 2:
            return None
        agree = [sum(counts[name][each.get(name)] for name in different) for each in members]
        best = max(range(len(voices)), key=lambda at: (agree[at], self._sureness_inside(voices[at]), -at))
        return _Lead(voices[best].number)

    def _sureness_inside(self, voice: _Voice) -> float:
        """How sure the members of an object are, in the mean."""
        fields = self._candidates[voice.number].fields
        known = [fields.get(f"{voice.pointer}/{escaped(str(key))}") for key in voice.value]
        return _mean([each.confidence or 0.0 for each in known if each is not None])

    def _is_whole(self, level: int) -> bool:
        """Whether what stands so deep is voted on as a whole."""
        return level >= DEEPEST or self._room < 0

    def _note(self, pointer: str, taken: _Voices, others: Sequence[_Voices]) -> None:
        every = len(self._candidates)
        said = tuple((_said(self._form(each, None)), len(each) / every) for each in others[:MOST_OTHERS] if each)
        self.votes[pointer] = Vote(agreement=len(taken) / every, others=said)

    def _stance(self, value: Any, schema: Any, level: int) -> Any:
        """What is equal for two values that are one vote: of containers, as far as they are looked into later."""
        if value is MISSING or value is None:
            return "nothing"
        if self._is_whole(level) or not isinstance(value, (dict, list)):
            return normal(value)
        return "list" if isinstance(value, list) else ("object", self._places.branch(schema, value))

    def _weight(self, voices: _Voices) -> tuple[float, ...]:
        sure = [self._sureness(voice) for voice in voices]
        means = (_mean([each[place] for each in sure]) for place in range(3))
        return len(voices), *means, -voices[0].number

    def _sureness(self, voice: _Voice) -> tuple[float, float, float]:
        field = self._candidates[voice.number].fields.get(voice.pointer)
        if field is None:
            return 0.0, 0.0, -1e9
        return field.confidence or 0.0, field.score, -1e9 if field.logprob is None else field.logprob

    def _form(self, voices: _Voices, lead: _Lead | None) -> Any:
        """The value as most of them wrote it, or the one that leads."""
        own = next((voice for voice in voices if lead is not None and voice.number == lead.number), None)
        if own is not None or len(voices) == 1 or isinstance(voices[0].value, (dict, list)):
            return (own or voices[0]).value
        forms = Counter(_written(voice.value) for voice in voices)
        most = forms.most_common(1)[0][0]
        return next(voice.value for voice in voices if _written(voice.value) == most)

    # -------------------------------------------------------------------------- containers

    def object(self, pointer: str, voices: _Voices, schema: Any, level: int, lead: _Lead | None) -> dict[str, Any]:
        """The members that most have, each as most have it."""
        keys = dict.fromkeys(key for voice in voices for key in voice.value)
        way = self._places.way(schema, voices[0].value)
        merged: dict[str, Any] = {}
        for key in keys:
            step = "/" + escaped(str(key))
            inner = [_Voice(each.number, each.pointer + step, each.value.get(key, MISSING)) for each in voices]
            value = self.voted(pointer + step, inner, self._places.members.of(way, str(key)), level, lead)
            if value is MISSING:
                self.votes.pop(pointer + step, None)
            else:
                merged[key] = value
        return merged

    def list(self, pointer: str, voices: _Voices, schema: Any, level: int, lead: _Lead | None) -> list[Any]:
        """The items that at least half have, in their order, each as most have it; or those of the one that leads."""
        way = self._places.way(schema, voices[0].value)
        lead = lead if lead is not None and lead.lists else None
        merged: list[Any] = []
        heads = heads_of(way)
        for row in _laid(voices, heads, lead):
            place = f"{pointer}/{len(merged)}"
            inner = [
                _Voice(voices[which].number, f"{voices[which].pointer}/{index}", voices[which].value[index])
                for which, index in row
            ]
            node = self._places.members.of(way, min(len(merged), heads))
            merged.append(self.voted(place, inner, node, level, lead, item=True))
            if place not in self.votes:
                self._note(place, inner, ())
        return merged


_MERGES: Mapping[type, _Merge] = {dict: _Counting.object, list: _Counting.list}


def _said(value: Any) -> Any:
    return None if value is MISSING else value


def _written(value: Any) -> str:
    return "" if value is MISSING else written(value)


def _members(value: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What an object says, but for what is in lists; null is as good as nothing."""
    ahead: list[tuple[tuple[str, ...], Any]] = [((), value)]
    while ahead:
        path, each = ahead.pop()
        if isinstance(each, dict) and len(path) < LEVELS:
            ahead += [((*path, str(key)), inner) for key, inner in each.items()]
        elif each is not None and not isinstance(each, (dict, list)):
            yield path, normal(each)


def _laid(voices: _Voices, heads: int, lead: _Lead | None) -> Sequence[Row]:
    """The items of several lists that stay."""
    laid = rows([voice.value for voice in voices], fixed=heads)
    if lead is None:
        return [row for row in laid if 2 * len(row) >= len(voices)]
    own = next(which for which, voice in enumerate(voices) if voice.number == lead.number)
    places = ((dict(row).get(own), row) for row in laid)
    return [row for _, row in sorted((place, row) for place, row in places if place is not None)]


# ------------------------------------------------------------------------------ what a schema says there


class _Places:
    """What a schema says of the places in a value."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._ways = Ways(definitions)
        self.members = Members()

    def _fitting(self, schema: Any, value: Any) -> Iterator[tuple[int, Way]]:
        """The meanings of a node that may be meant by a value: by its constants, then by the keys that it has."""
        ways = self._ways.ways(schema, "object" if isinstance(value, dict) else "array")
        if len(ways) < 2 or not isinstance(value, dict):
            yield from enumerate(ways)
            return
        fitting = {id(way) for way in agreeing(ways, value, self._ways)}
        known = [sum(key in part.get("properties", ()) for part in way for key in value) for way in ways]
        most = max((count for count, way in zip(known, ways, strict=True) if id(way) in fitting), default=0)
        for number, way in enumerate(ways):
            if id(way) in fitting and known[number] == most:
                yield number, way

    def branch(self, schema: Any, value: Any) -> tuple[int, ...]:
        """Which members of a union an object may be."""
        return tuple(number for number, _ in self._fitting(schema, value))

    def way(self, schema: Any, value: Any) -> Way | None:
        """What a node means for a value."""
        return next((way for _, way in self._fitting(schema, value)), None)
