"""The examples of a source that hold against a target, and those of them to be shown before a document."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from extractor.documents.lengths import tokens_in
from extractor.errors import TargetFailed
from extractor.examples.index import Index, spaced, words_of
from extractor.examples.sources import Found
from extractor.prompt import Example
from extractor.reply.reading import Wanted, held
from extractor.schema.plain import plain
from extractor.schema.target import Target

__all__ = ["Pool", "Shown", "pool_of"]

_log = logging.getLogger("extractor")

LOOKED_AT = 64
"""Of the most alike, those that are looked at: each may be the document itself, say the same as another, or be long."""
NEARLY = 0.9
"""The share of their words that two texts have in common of which one says nothing that the other does not."""
MOSTLY = 0.6
"""That of two scans of the same document, of which one is hard to read."""
TELLING = 3  # scalars: two documents may well have the same label, but hardly the same number, date and total
TURNS = 12  # tokens of what a chat template puts around two turns


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """One example: its text, the right value as plain data of the target, and how many tokens both take, about."""

    text: str = field(repr=False)
    value: Any = field(repr=False)
    tokens: int


class Pool:
    """Examples with an index of their words. `left_out` is how many of the source are none."""

    def __init__(self, examples: Iterable[Shown], left_out: int = 0) -> None:
        self.examples = tuple(examples)
        self.left_out = left_out
        self._index = Index(example.text for example in self.examples)

    @property
    def digest(self) -> str:
        """What says that two pools have the same examples, in whatever order."""
        each = sorted(
            hashlib.sha256(json.dumps([example.text, example.value], sort_keys=True).encode()).digest()
            for example in self.examples
        )
        return hashlib.sha256(b"".join(each)).hexdigest()

    def nearest(self, text: str, most: int, tokens: int, *, held_out: bool = False) -> tuple[Example, ...]:
        """Those that are most like a text, `most` of them, with no more than so many `tokens` together; the most alike
        last. The text itself is not one of them, nor is one that contains it or that it contains; of several that say
        nearly the same there is one, and none without any word in common. One that is too long is left out.

        A text that is `held_out` is to be asked for as if it were new, though it is among the examples: nor is one of
        them that may be the same document once more (another scan of it).
        """
        chosen: list[Shown] = []
        bags: list[Counter[str]] = []
        own = spaced(text)
        alike = self._alike(text) if most else ()
        same = _Same(own, alike) if held_out else None
        for example in alike:
            if example.tokens > tokens or _is_part(spaced(example.text), own) or (same and same.has(example)):
                continue
            bag = words_of(example.text)
            if any(_is_nearly(bag, other) for other in bags):
                continue
            chosen.append(example)
            bags.append(bag)
            tokens -= example.tokens
            if len(chosen) == most:
                break
        return tuple((example.text, example.value) for example in reversed(chosen))

    def _alike(self, text: str) -> Sequence[Shown]:
        return [self.examples[number] for number in self._index.nearest(text, LOOKED_AT)]


class _Same:
    """What is a document that is among the examples, once more: it has the same words, or most of them and a value
    that is nearly the document's. A form that is filled in otherwise has another value.
    """

    def __init__(self, own: str, alike: Sequence[Shown]) -> None:
        self._words = words_of(own)
        self._values = [_scalars(each.value) for each in alike if spaced(each.text) == own]

    def has(self, example: Shown) -> bool:
        """Whether an example is that."""
        words = words_of(example.text)
        if words == self._words:
            return True
        value = _scalars(example.value)
        least = MOSTLY if len(value) >= TELLING else NEARLY
        return _share(words, self._words) >= least and any(_is_nearly(value, own) for own in self._values)


def _scalars(value: Any) -> Counter[str]:
    """The scalars of a value, each with the name that it has."""
    found: Counter[str] = Counter()
    ahead: list[tuple[str, Any]] = [("", value)]
    while ahead:
        name, each = ahead.pop()
        if isinstance(each, dict):
            ahead += each.items()
        elif isinstance(each, list):
            ahead += [(name, item) for item in each]
        elif each is not None:
            found[f"{name} {each!r}".casefold()] += 1
    return found


def _share(bag: Counter[str], other: Counter[str]) -> float:
    both = (bag | other).total()
    return (bag & other).total() / both if both else 1.0


def _is_part(text: str, other: str) -> bool:
    return text in other or other in text


def _is_nearly(bag: Counter[str], other: Counter[str]) -> bool:
    return _share(bag, other) >= NEARLY


def pool_of(found: Iterable[Found], target: Target[Any], source: str, context: Any = None) -> Pool:
    """The pool of what a source has. Of one text that comes several times the last value counts; what has no text, or
    a value that does not conform, is left out, which is said in the log.
    """
    examples: dict[str, Shown] = {}
    number = left_out = 0
    for text, value in found:
        number += 1
        example = _example(text, value, target, context)
        if example is None:
            left_out += 1
        else:
            place = spaced(example.text)
            examples.pop(place, None)
            examples[place] = example
    if left_out:
        said = "%d of %d examples in %s are left out: they have no text, or their value is no valid %s."
        _log.warning(said, left_out, number, source, target.name)
    elif not number:
        _log.warning("There are no examples in %s yet.", source)
    return Pool(examples.values(), left_out)


def _example(text: str | None, value: Any, target: Target[Any], context: Any) -> Shown | None:
    if text is None or not text.strip():
        return None
    try:
        reading = held(plain(value, target, context), Wanted(target=target, context=context))
        if reading.errors:
            return None
        written = json.dumps(reading.data, ensure_ascii=False)
    except (ValueError, RecursionError, TargetFailed):
        return None
    return Shown(text=text, value=reading.data, tokens=tokens_in(text) + tokens_in(written) + TURNS)
