"""The ways in which one value can be right that has nothing inside: any, a scalar, a text, or one of some values."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any, Protocol, TypeAlias

from extractor.reply.dates import FORMATS
from extractor.reply.meanings import Words
from extractor.reply.node import MAX_DEPTH
from extractor.reply.numerals import integer_of, is_ambiguous, number_of
from extractor.schema.patterns import engines

__all__ = [
    "JSON_TYPES",
    "TYPES",
    "Anything",
    "Branch",
    "Constants",
    "Exact",
    "Fit",
    "Place",
    "Scalar",
    "Text",
    "between",
    "is_too_large",
    "kind_of",
    "pattern_of",
    "written",
]

# ------------------------------------------------------------------------------------ types of values

TYPES: Mapping[str, frozenset[type]] = {
    "object": frozenset((dict,)),
    "array": frozenset((list,)),
    "string": frozenset((str,)),
    "integer": frozenset((int, float)),  # 30.0 is an integer
    "number": frozenset((int, float)),
    "boolean": frozenset((bool,)),
    "null": frozenset((type(None),)),
}
"""The types of JSON Schema → those of Python that its values have."""
JSON_TYPES: frozenset[type] = frozenset().union(*TYPES.values())
_NUMBERS = TYPES["number"]
_LARGE = 1_000  # bits: a larger number is no text
_LARGEST = int(sys.float_info.max)  # a larger integer would be infinity where a float is wanted

Exact: TypeAlias = "dict[type, int]"
"""Types of which every value is right as it is; of texts, only those of at least so many characters."""


def kind_of(value: Any) -> type:
    """The type of a JSON value; a float that remembers how it was written is a float."""
    kind = type(value)
    return kind if kind in JSON_TYPES else float if isinstance(value, float) else kind


def written(value: Any) -> str:
    """A number as it was written; "" where that is not known."""
    if type(value) is int:
        return str(value) if value.bit_length() <= _LARGE else ""
    return str(getattr(value, "literal", ""))


def is_too_large(number: float) -> bool:
    """Whether a number is none, or would be infinity, as a float."""
    return not -_LARGEST <= number <= _LARGEST


# -------------------------------------------------------------------------------------------- fitting


class Place(Protocol):
    """What there may be at one place."""

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The ways in which a value can be right there."""
        ...

    @property
    def exact(self) -> Exact:
        """The types of which there is nothing to mend."""
        ...


class Fit:
    """Whether values fit a place: type, format, enum, what is required, what is inside. No ranges and no lengths.

    It remembers every object and list that it has seen, so that a value is looked at once for each place.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Any, bool]] = {}

    def __call__(self, place: Place, value: Any, depth: int = 0) -> bool:
        """Whether some branch takes the value."""
        kind = kind_of(value)
        if kind in place.exact or depth > MAX_DEPTH:
            return True
        compound = kind is dict or kind is list
        key = (id(place), id(value))
        if compound and key in self._known:
            return self._known[key][1]
        fits = False
        for branch in place.branches:
            if kind in branch.takes and branch.fits(value, self, depth):
                fits = True
                break
        if compound:
            self._known[key] = (value, fits)  # with the value, or another could get its identity
        return fits


# ------------------------------------------------------------------------------------------- branches


class Branch:
    """One way that a value can be right."""

    __slots__ = ("takes",)

    def __init__(self, takes: frozenset[type]) -> None:
        self.takes = takes

    @property
    def exact(self) -> frozenset[type]:
        """The types of which there is nothing more to ask."""
        return frozenset()

    @property
    def check(self) -> Callable[[str], bool] | None:
        """The one question that tells whether a text is right; None where there are several, or none."""
        return None

    def fits(self, value: Any, fit: Fit, depth: int) -> bool:
        """Whether a value of a type that it takes is right."""
        return True

    def allows(self, value: Any) -> bool:
        """Whether a value that fits is within the ranges and lengths too."""
        return True


class Anything(Branch):
    """Whatever is not understood here: any value of these types."""

    __slots__ = ()

    @property
    def exact(self) -> frozenset[type]:
        """All."""
        return self.takes


class Scalar(Branch):
    """An integer, a number, a boolean or null."""

    __slots__ = ("kind", "schema")

    def __init__(self, kind: str, schema: Mapping[str, Any]) -> None:
        super().__init__(TYPES[kind])
        self.kind = kind
        self.schema = schema

    @property
    def exact(self) -> frozenset[type]:
        """All but floats for an integer, and integers, which may be too large, for a number."""
        return _EXACT.get(self.kind, self.takes)

    def fits(self, value: Any, fit: Fit, depth: int) -> bool:
        """Whether it is whole, where that is asked, and no larger than a float can be where one is meant."""
        if self.kind == "integer":
            return isinstance(value, int) or value.is_integer()
        return self.kind != "number" or not is_too_large(value)

    def allows(self, value: Any) -> bool:
        """Whether it is in the ranges."""
        limits = ((name, self.schema.get(name)) for name in _LIMITS)
        return all(_LIMITS[name](value, limit) for name, limit in limits if kind_of(limit) in (int, float))


_EXACT: Mapping[str, frozenset[type]] = {"integer": frozenset((int,)), "number": frozenset((float,))}
_LIMITS: Mapping[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda value, limit: value >= limit,
    "maximum": lambda value, limit: value <= limit,
    "exclusiveMinimum": lambda value, limit: value > limit,
    "exclusiveMaximum": lambda value, limit: value < limit,
    "multipleOf": lambda value, limit: limit <= 0 or Fraction(str(value)) % Fraction(str(limit)) == 0,
}

# Formats whose texts are never mere digits nor words for nothing; the others are free texts.
_STRUCTURED = frozenset(
    "email idn-email hostname idn-hostname ipv4 ipv6 uri url uri-reference iri iri-reference uuid json-pointer "
    "relative-json-pointer uri-template regex binary byte base64 base64url path file-path directory-path".split()
)


class Text(Branch):
    """A string, in a format or not."""

    __slots__ = ("format", "pattern", "schema")

    def __init__(self, schema: Mapping[str, Any]) -> None:
        super().__init__(TYPES["string"])
        self.schema = schema
        self.format = str(schema.get("format", ""))
        self.pattern = str(schema["pattern"]) if isinstance(schema.get("pattern"), str) else ""

    @property
    def exact(self) -> frozenset[type]:
        """Any text where neither format nor pattern is asked for."""
        return frozenset() if self.format in FORMATS or self.pattern else self.takes

    @property
    def check(self) -> Callable[[str], bool] | None:
        """Whether a text has the format."""
        return FORMATS[self.format].has if self.format in FORMATS and not self.pattern else None

    @property
    def free(self) -> bool:
        """Whether there is no format of which it must be."""
        return self.format not in FORMATS and self.format not in _STRUCTURED

    def fits(self, value: Any, fit: Fit, depth: int) -> bool:
        """Whether it has the format and the pattern."""
        known = FORMATS.get(self.format)
        return (known is None or known.has(value)) and self.matches(value)

    def matches(self, text: str) -> bool:
        """Whether a text has the pattern."""
        return not self.pattern or pattern_of(self.pattern)(text)

    def allows(self, value: Any) -> bool:
        """Whether it has the length."""
        return between(self.schema.get("minLength"), len(value), self.schema.get("maxLength"))


def between(least: Any, number: int, most: Any) -> bool:
    """Whether a number is within two limits, of which a limit that is no int is none."""
    return (type(least) is not int or least <= number) and (type(most) is not int or number <= most)


@functools.lru_cache(maxsize=256)
def pattern_of(pattern: str) -> Callable[[str], bool]:
    """What tells whether a text has a pattern; of one that is not understood every text has it."""
    import jsonschema_rs  # only where a value has to be mended

    for engine in engines():
        try:
            schema = {"type": "string", "pattern": pattern}
            accepts: Callable[[str], bool] = jsonschema_rs.validator_for(schema, pattern_options=engine).is_valid
        except jsonschema_rs.ValidationError:
            continue
        return accepts
    return lambda text: True


class Constants(Branch):
    """One of some values."""

    __slots__ = ("_texts", "_words", "values")

    def __init__(self, values: list[Any]) -> None:
        kinds = frozenset(map(kind_of, values))
        super().__init__(kinds if kinds.isdisjoint(_NUMBERS) else kinds | _NUMBERS)
        self.values = values
        self._texts = frozenset(each for each in values if type(each) is str)
        self._words: Words | None = None

    @property
    def check(self) -> Callable[[str], bool]:
        """Whether a text is one of them."""
        return self._texts.__contains__

    def has(self, value: Any) -> bool:
        """Whether a value is one of them: to Python `True` equals 1."""
        if type(value) is str:
            return value in self._texts
        return any(each == value and isinstance(each, bool) == isinstance(value, bool) for each in self.values)

    def fits(self, value: Any, fit: Fit, depth: int) -> bool:
        """Whether it is one of them."""
        return self.has(value)

    def meant(self, value: Any) -> Any:
        """The member that a value is, or that a text or number means; None where there is no one."""
        if self.has(value):
            return value
        if kind_of(value) in _NUMBERS:
            text = written(value)
            return text if text and text in self.values else None
        if type(value) is not str:
            return None
        if self._words is None:
            self._words = Words(sorted(self._texts))
        word = self._words.meant(value)
        return word if word is not None else self._number(value)

    def _number(self, text: str) -> Any:
        for number in (integer_of(text), number_of(text)):
            for each in self.values:
                if number is not None and kind_of(each) in _NUMBERS and each == number:
                    # "1.000" may be a thousand.
                    return None if number == int(number) and is_ambiguous(text, whole=True) else each
        return None
