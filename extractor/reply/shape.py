"""A JSON Schema as mending sees it: which kinds of value there may be at a place, and what is inside of them.

A `Shape` is compiled where a value first needs it, through references too, so that recursive schemas have one.
What a schema says in words that are not known here takes any value: what is not understood is left alone.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any, TypeAlias

from extractor.reply.spellings import FORMATS, Words, folded, integer_of, is_nothing, number_of
from extractor.schema.nodes import ANNOTATIONS, constants_of, kinds_of

__all__ = [
    "JSON_TYPES",
    "MAX_DEPTH",
    "Anything",
    "Array",
    "Branch",
    "Constants",
    "Fit",
    "Object",
    "Scalar",
    "Shape",
    "Text",
    "kind_of",
    "shape_of",
    "written",
]

MAX_DEPTH = 200  # levels of a value: deeper ones are left alone, as no target takes them

Exact: TypeAlias = "dict[type, int]"
"""Types of which every value is right as it is; of texts, only those of at least so many characters."""

_KINDS: Mapping[str, frozenset[type]] = {
    "object": frozenset((dict,)),
    "array": frozenset((list,)),
    "string": frozenset((str,)),
    "integer": frozenset((int, float)),  # 30.0 is an integer
    "number": frozenset((int, float)),
    "boolean": frozenset((bool,)),
    "null": frozenset((type(None),)),
}
JSON_TYPES: frozenset[type] = frozenset().union(*_KINDS.values())


def kind_of(value: Any) -> type:
    """The type of a JSON value; a float that remembers how it was written is a float."""
    kind = type(value)
    return kind if kind in JSON_TYPES else float if isinstance(value, float) else kind


class Fit:
    """Whether values fit shapes: type, format, enum, what is required, what is inside. No ranges and no lengths.

    It remembers every object and list that it has seen, so that a value is looked at once for each shape.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], tuple[Any, bool]] = {}

    def __call__(self, shape: Shape, value: Any, depth: int = 0) -> bool:
        """Whether some branch takes the value."""
        kind = kind_of(value)
        if kind in shape.exact or depth > MAX_DEPTH:
            return True
        compound = kind is dict or kind is list
        key = (id(shape), id(value))
        if compound and key in self._known:
            return self._known[key][1]
        fits = False
        for branch in shape.branches:
            if kind in branch.takes and branch.fits(value, self, depth):
                fits = True
                break
        if compound:
            self._known[key] = (value, fits)  # with the value, or another could get its identity
        return fits


# ------------------------------------------------------------------------------------- branches


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
        super().__init__(_KINDS[kind])
        self.kind = kind
        self.schema = schema

    @property
    def exact(self) -> frozenset[type]:
        """All but floats for an integer."""
        return frozenset((int,)) if self.kind == "integer" else self.takes

    def fits(self, value: Any, fit: Fit, depth: int) -> bool:
        """Whether it is whole, where that is asked."""
        return self.kind != "integer" or isinstance(value, int) or value.is_integer()

    def allows(self, value: Any) -> bool:
        """Whether it is in the ranges."""
        limits = ((name, self.schema.get(name)) for name in _LIMITS)
        return all(_LIMITS[name](value, limit) for name, limit in limits if kind_of(limit) in (int, float))


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
        super().__init__(_KINDS["string"])
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
        return (known is None or known.has(value)) and (not self.pattern or _pattern(self.pattern)(value))

    def allows(self, value: Any) -> bool:
        """Whether it has the length."""
        least, most = self.schema.get("minLength"), self.schema.get("maxLength")
        return _between(least, len(value), most)


def _between(least: Any, number: int, most: Any) -> bool:
    return (type(least) is not int or least <= number) and (type(most) is not int or number <= most)


@functools.lru_cache(maxsize=256)
def _pattern(pattern: str) -> Callable[[str], bool]:
    import jsonschema_rs  # linear in the text; only where a value has to be mended

    engines = (jsonschema_rs.RegexOptions(), jsonschema_rs.FancyRegexOptions(backtrack_limit=100_000))
    for engine in engines:
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
                    return each
        return None


_NUMBERS = _KINDS["number"]
_LARGE = 1_000  # bits: a larger number is no text


def written(value: Any) -> str:
    """A number as it was written; "" where that is not known."""
    if type(value) is int:
        return str(value) if value.bit_length() <= _LARGE else ""
    return str(getattr(value, "literal", ""))


class Object(Branch):
    """An object: `fields` are its properties, `rest` what its other keys hold (None where nothing is said)."""

    def __init__(self, schema: Mapping[str, Any], make: Callable[[Any], Shape]) -> None:
        super().__init__(_KINDS["object"])
        more = schema.get("additionalProperties")
        self.fields = {name: make(member) for name, member in schema.get("properties", {}).items()}
        self.required = frozenset(schema.get("required", ()))
        self.closed = more is False
        self.open = more is True or more == {}
        self.rest = None if more is None or more is False or self.open else make(more)

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

    def fits(self, value: Any, fit: Fit, depth: int) -> bool:
        """Whether all that is required is there, and all that is there fits."""
        if not self.required <= value.keys():
            return False
        for key, member in value.items():
            shape = self.fields.get(key, self.rest)
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
        super().__init__(_KINDS["array"])
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
        return _between(self.schema.get("minItems"), len(value), self.schema.get("maxItems"))


# --------------------------------------------------------------------------------------- shapes


class Shape:
    """What there may be at one place. Made by `shape_of`."""

    def __init__(self, schema: Any, made: _Made) -> None:
        self._schema = schema
        self._made = made

    @functools.cached_property
    def branches(self) -> tuple[Branch, ...]:
        """The ways in which a value can be right there; none if there can be no value."""
        found = list(self._made.branches(self._schema))
        constants = [each for each in found if isinstance(each, Constants)]
        if len(constants) > 1:  # together, or a word that two of them mean would seem to be clear
            merged = Constants([value for each in constants for value in each.values])
            found = [merged, *(each for each in found if not isinstance(each, Constants))]
        return tuple(_as_decimal(found) if self._made.decimals else found)

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
        return is_nothing(text, free=any(not each.pattern or _pattern(each.pattern)(text) for each in texts))


def shape_of(schema: Mapping[str, Any], *, decimals: bool = False) -> Shape:
    """The shape of a JSON Schema (2020-12), every reference in the form `#/$defs/NAME`.

    With `decimals` a number or any text is a number or the text of one: so pydantic writes `Decimal`, and it is for
    the caller to know that the schema is of a type.
    """
    return _Made(schema.get("$defs", {}), decimals).shape(schema)


_DECIMAL: Mapping[str, Any] = {"type": "string", "pattern": r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"}


def _as_decimal(branches: list[Branch]) -> list[Branch]:
    told = [each for each in branches if type(None) not in each.takes]
    if len(told) != 2 or not isinstance(told[0], Scalar) or told[0].kind != "number" or not isinstance(told[1], Text):
        return branches
    bare = not (_ABOUT - {"type"}) & told[1].schema.keys()
    return [Text(_DECIMAL) if each is told[1] and bare else each for each in branches]


_PREFIX = "#/$defs/"
_ABOUT = frozenset(
    "type enum const properties required additionalProperties items prefixItems anyOf oneOf allOf $ref "
    "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern format "
    "minItems maxItems uniqueItems minProperties maxProperties propertyNames".split()
)
# Words that govern a value in ways that are not followed here.
_OPAQUE = frozenset(
    "not if then else dependentRequired dependentSchemas dependencies patternProperties contains unevaluatedItems "
    "unevaluatedProperties $dynamicRef $recursiveRef additionalItems".split()
)
_BY_KIND: Mapping[str, Callable[[Mapping[str, Any], Callable[[Any], Shape]], Branch]] = {
    "object": Object,
    "array": Array,
    "string": lambda schema, make: Text(schema),
    **{
        kind: lambda schema, make, kind=kind: Scalar(kind, schema)  # type: ignore[misc]
        for kind in ("integer", "number", "boolean", "null")
    },
}


class _Made:
    """The shapes of one document, each definition's made once."""

    def __init__(self, definitions: Mapping[str, Any], decimals: bool) -> None:
        self.decimals = decimals
        self._definitions = definitions
        self._named: dict[str, Shape] = {}
        self._plain: dict[str, Shape] = {}

    def shape(self, schema: Any) -> Shape:
        """The shape of a schema within the document."""
        name = _reference(schema)
        if name and name in self._definitions:
            return self._kept(self._named, name, self._definitions[name])
        plain = _plain(schema) if isinstance(schema, dict) else ""
        return self._kept(self._plain, plain, schema) if plain else Shape(schema, self)

    def _kept(self, kept: dict[str, Shape], name: str, schema: Any) -> Shape:
        if name not in kept:
            kept[name] = Shape(schema, self)
        return kept[name]

    def branches(self, schema: Any) -> Iterator[Branch]:
        """The branches of a schema, those of unions within unions too."""
        ahead, seen = [schema], set[int]()
        while ahead:
            each = ahead.pop()
            if id(each) in seen:  # by a definition that leads back to itself
                continue
            seen.add(id(each))
            inner = _members(each)
            if inner is None:
                yield from self._branches(each)
            elif name := _reference(each):
                ahead.append(self._definitions.get(name, True))
            else:
                ahead += reversed(inner)

    def _branches(self, schema: Any) -> Iterator[Branch]:
        if schema is False:
            return
        if not isinstance(schema, dict) or not _GOVERNED.isdisjoint(schema):
            yield Anything(JSON_TYPES)
            return
        constants = constants_of(schema)
        if constants is not None:
            yield Constants(constants)
            return
        kinds = kinds_of(schema)
        if not kinds or any(kind not in _BY_KIND for kind in kinds):
            yield Anything(JSON_TYPES)
            return
        for kind in kinds:
            yield _BY_KIND[kind](schema, self.shape)
        if "type" not in schema:  # then what is no object, say, is not spoken of
            yield Anything(JSON_TYPES - frozenset().union(*(_KINDS[kind] for kind in kinds)))


_SIMPLE = ANNOTATIONS | {"type", "format"}
_UNION = ANNOTATIONS | {"anyOf"}


def _plain(schema: dict[str, Any]) -> str:
    """The type and format of a node, with or without null, where that is all that it says; "" for any other."""
    if "type" in schema:
        return f"{schema['type']} {schema.get('format', '')}" if schema.keys() <= _SIMPLE else ""
    members = schema.get("anyOf")
    if not isinstance(members, list) or len(members) != 2 or members[1] != {"type": "null"}:
        return ""
    member = members[0]
    plain = _plain(member) if isinstance(member, dict) and "type" in member else ""
    return f"null or {plain}" if plain and schema.keys() <= _UNION else ""


_JOINED = frozenset(("anyOf", "oneOf", "allOf", "$ref"))
_GOVERNED = _OPAQUE | _JOINED


def _members(schema: Any) -> list[Any] | None:
    """The schemas of a node that says nothing itself; None for any other."""
    if not isinstance(schema, dict) or _JOINED.isdisjoint(schema) or not _OPAQUE.isdisjoint(schema):
        return None
    about = [word for word in schema if word in _ABOUT]
    if len(about) != 1:
        return None
    word = about[0]
    if word == "$ref":
        return [] if _reference(schema) else None
    inner = schema[word] if word in _JOINED else None
    return inner if isinstance(inner, list) and (word != "allOf" or len(inner) == 1) else None


def _reference(schema: Any) -> str:
    """The name of the definition that a node is, if it is nothing else."""
    target = schema.get("$ref") if isinstance(schema, dict) else None
    if not isinstance(target, str) or not target.startswith(_PREFIX) or sum(word in _ABOUT for word in schema) > 1:
        return ""
    return target.removeprefix(_PREFIX) if _OPAQUE.isdisjoint(schema) else ""
