"""What there may be at one place, and what is inside of it: a shape has branches, and objects and lists have shapes.

What is known of a shape is worked out where a value first needs it, so that recursive schemas have shapes.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

from extractor.reply.branches import TYPES, Anything, Branch, Constants, Exact, Fit, Text, between, pattern_of
from extractor.reply.dates import FORMATS
from extractor.reply.meanings import folded, is_nothing

__all__ = ["Array", "Object", "Shape"]


class Object(Branch):
    """An object: `fields` are its properties, `rest` what its other keys hold (None where nothing is said).

    With `patterns`, `rest` is only that of the keys which have one of them. One `of_type` passes over keys that it
    does not know.
    """

    def __init__(self, schema: Mapping[str, Any], make: Callable[[Any], Shape], *, of_type: bool = False) -> None:
        super().__init__(TYPES["object"])
        self.of_type = of_type
        more = schema.get("additionalProperties")
        self.fields = {name: make(member) for name, member in schema.get("properties", {}).items()}
        self.required = frozenset(schema.get("required", ()))
        self.closed = more is False
        self.open = more is True or more == {}
        self.patterns = tuple(map(pattern_of, schema.get("patternProperties", ())))
        if self.patterns:
            more = next(iter(schema["patternProperties"].values()))
        self.rest = None if more in (None, True, False, {}) else make(more)

    @property
    def exact(self) -> frozenset[type]:
        """Any object, where nothing is said of its members."""
        return frozenset() if self.fields or self.required or self.closed or self.rest else self.takes

    @functools.cached_property
    def plain(self) -> dict[str, Exact]:
        """What is exact for each property."""
        return {name: field.exact for name, field in self.fields.items()}

    @functools.cached_property
    def checks(self) -> dict[str, Callable[[str], bool]]:
        """What tells of each property, where one question does, whether a text is right as it is."""
        return {name: check for name, field in self.fields.items() if (check := field.check) is not None}

    @functools.cached_property
    def names(self) -> dict[str, str | None]:
        """Properties by their folded names: None where several have the same."""
        names: dict[str, str | None] = {}
        for name in self.fields:
            key = folded(name)
            names[key] = None if key in names or not key else name
        return names

    @functools.cached_property
    def tags(self) -> dict[str, Constants]:
        """The properties that hold one of some values."""
        found = ((name, field.branches) for name, field in self.fields.items())
        return {
            name: branches[0] for name, branches in found if len(branches) == 1 and isinstance(branches[0], Constants)
        }

    def at(self, key: str) -> Shape | None:
        """The shape of one member."""
        if self.patterns and not any(has(key) for has in self.patterns):
            return None
        return self.fields.get(key, self.rest)

    def fits(self, value: Any, fit: Fit, depth: int) -> bool:
        """Whether all that is required is there, and all that is there fits."""
        if not self.required <= value.keys():
            return False
        for key, member in value.items():
            shape = self.at(key)
            if shape is None:
                if self.closed:
                    return False
            elif not fit(shape, member, depth + 1):
                return False
        return True


class Array(Branch):
    """A list: the `first` items have shapes of their own, `rest` is that of the others (None for any)."""

    __slots__ = ("first", "rest", "schema")

    def __init__(self, schema: Mapping[str, Any], make: Callable[[Any], Shape]) -> None:
        super().__init__(TYPES["array"])
        self.schema = schema
        self.first = tuple(make(each) for each in schema.get("prefixItems", ()))
        self.rest = None if schema.get("items", True) in (True, {}) else make(schema["items"])

    @property
    def exact(self) -> frozenset[type]:
        """Any list, where nothing is said of its items."""
        return frozenset() if self.first or self.rest else self.takes

    def at(self, index: int) -> Shape | None:
        """The shape of one item."""
        return self.first[index] if index < len(self.first) else self.rest

    def fits(self, value: Any, fit: Fit, depth: int) -> bool:
        """Whether every item fits."""
        for index, item in enumerate(value):
            shape = self.at(index)
            if shape is not None and not fit(shape, item, depth + 1):
                return False
        return True

    def allows(self, value: Any) -> bool:
        """Whether there are enough items, and not too many."""
        return between(self.schema.get("minItems"), len(value), self.schema.get("maxItems"))


class Shape:
    """What there may be at one place; `find` gives its branches, once."""

    def __init__(self, find: Callable[[], tuple[Branch, ...]]) -> None:
        self._find = find

    @functools.cached_property
    def branches(self) -> tuple[Branch, ...]:
        """The ways in which a value can be right there; none if there can be no value."""
        return self._find()

    @functools.cached_property
    def exact(self) -> Exact:
        """The types of which there is nothing to mend."""
        exact = dict.fromkeys((kind for branch in self.branches for kind in branch.exact), 0)
        only = self.branches[0] if len(self.branches) == 1 else None
        if isinstance(only, Text) and only.format not in FORMATS:
            exact[str] = 0  # whether it has the pattern is not for mending to say
        if str in exact and self.nullable:
            if any(isinstance(each, Text) and not each.free for each in self.branches):
                del exact[str]
            else:
                exact[str] = len("null") + 1
        return exact

    @functools.cached_property
    def check(self) -> Callable[[str], bool] | None:
        """Whether a text is right as it is, where only one branch takes texts, and asks no more than this."""
        if str in self.exact:
            return None
        texts = [branch for branch in self.branches if str in branch.takes]
        return texts[0].check if len(texts) == 1 else None

    @functools.cached_property
    def nullable(self) -> bool:
        """Whether null is a value that is spoken of."""
        named = any(type(None) in each.takes and not isinstance(each, Anything) for each in self.branches)
        return named and not any(isinstance(each, Anything) for each in self.branches)

    @functools.cached_property
    def kinds(self) -> frozenset[type]:
        """The types that some branch takes."""
        return frozenset().union(*(branch.takes for branch in self.branches))

    @functools.cached_property
    def tags(self) -> dict[str, Constants]:
        """All values of the properties by which objects are told apart."""
        values: dict[str, list[Any]] = {}
        for branch in self.branches:
            for name, constants in branch.tags.items() if isinstance(branch, Object) else ():
                values.setdefault(name, []).extend(constants.values)
        return {name: Constants(each) for name, each in values.items()}

    def is_nothing(self, text: str) -> bool:
        """Whether a text stands for null, which is allowed here."""
        if not is_nothing(text, free=False):
            return False
        if any(isinstance(each, Constants) and each.meant(text) is not None for each in self.branches):
            return False
        texts = [each for each in self.branches if isinstance(each, Text) and each.free]
        return is_nothing(text, free=any(each.matches(text) for each in texts))
