"""A schema as compact text for a prompt, in the notation of TypeScript.

    type Line = { // A position
      description: string
      quantity?: integer | null
    }
    {
      number: string // Invoice number
      due: date | null
      status: enum("open","paid")
      lines: Line[] // at least 1 item
      replaced: Line | null
    }

Nothing that demands or explains is left out: what the notation does not say stands in comments. What occurs
more than once is written once, under a name, before the whole: the text grows with the schema, and no faster.
"""

from __future__ import annotations

import functools
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar

from extractor.schema.nodes import Names
from extractor.schema.parts import Parts, steps
from extractor.schema.words import in_words

__all__ = ["outline"]

T = TypeVar("T")

# Said in a comment; whatever else means something is a part of the type.
_SAID = frozenset(
    "contentEncoding contentMediaType default deprecated examples exclusiveMaximum exclusiveMinimum format "
    "maxContains maxItems maxLength maxProperties maximum minContains minItems minLength minProperties minimum "
    "multipleOf pattern uniqueItems".split()
)
_EXCLUSIVE: Mapping[str, str] = {"minimum": "exclusiveMinimum", "maximum": "exclusiveMaximum"}
# Formats whose name stands in place of the type: a model knows them by it.
_FORMATS = frozenset("date date-time time email hostname ipv4 ipv6 uri uuid".split())
# What a node is about that does not say its type.
_ABOUT: Mapping[str, tuple[str, ...]] = {
    "object": ("properties", "required", "patternProperties", "additionalProperties"),
    "array": ("items", "prefixItems"),
}
# Schemas inside of a schema that TypeScript has no notation for.
_OPERATORS: Mapping[str, str] = {
    "not": "not",
    "contains": "containing",
    "contentSchema": "encoding",
    "propertyNames": "with keys",
    "unevaluatedItems": "with other items",
    "unevaluatedProperties": "with other properties",
}
_CONDITION = ("if", "then", "else")
_DEPENDENCIES = ("dependentRequired", "dependentSchemas", "dependencies")

_KINDS = ("array", "boolean", "integer", "null", "number", "object", "string")

_DEEP = 16  # levels; what is deeper is written aside: neither the stack nor the indentation grows with a schema
_LONG = 30  # characters of a name; of a longer one the last part is taken, which tells most


def outline(schema: Mapping[str, Any]) -> str:
    """The outline of a schema, which has all that its references lead to: nothing is fetched."""
    writer = _Writer(schema)
    body = writer.at(schema, 0, "Root").line
    return "".join([*writer.definitions(), body])


@dataclass(frozen=True, kw_only=True, slots=True)
class _Type:
    """A type expression, `loose` if it has operators outside of brackets; and a comment on it."""

    text: str
    loose: bool = False
    comment: str = ""

    @property
    def line(self) -> str:
        """On a line of its own: the comment ends the first, where a reader meets it before the members."""
        first, newline, rest = self.text.partition("\n")
        return first + (f" // {self.comment}" if self.comment else "") + newline + rest

    @property
    def inner(self) -> str:
        """Inside of another: the comment behind it, which may not end early."""
        return self.text + (f" /* {self.comment.replace('*/', '* /')} */" if self.comment else "")

    @property
    def closed(self) -> str:
        """As an operand of another operator."""
        return f"({self.inner})" if self.loose else self.inner


_ANY, _NULL = _Type(text="any"), _Type(text="null")


class _Writer:
    def __init__(self, root: Any) -> None:
        self._nodes = Parts(root)
        self._names: dict[int, str] = {}
        self._given = Names(["any", "enum", "never", *_KINDS, *_FORMATS])
        self._waiting: deque[tuple[str, Any]] = deque()

    def definitions(self) -> Iterator[str]:
        """What has a name. To write one may give names to others."""
        while self._waiting:
            name, schema = self._waiting.popleft()
            yield f"type {name} = {self._whole(schema, 0, name).line}\n"

    def at(self, schema: Any, level: int, wish: str) -> _Type:
        """The type of a schema inside of `level` others; its name, where it has one, is like `wish`."""
        if not isinstance(schema, Mapping):
            return _Type(text="never") if schema is False else _ANY
        if schema and (level > _DEEP or self._nodes.is_named(schema)):
            return _Type(text=self._name(schema, wish))
        return self._whole(schema, level + 1, wish)

    def _name(self, schema: Any, wish: str) -> str:
        shape = self._nodes.shape(schema)
        if shape not in self._names:
            stem = re.sub(r"\W+", "_", wish).strip("_") or "Type"
            stem = stem.rpartition("_")[2] if len(stem) > _LONG else stem
            self._names[shape] = self._given.free(stem)
            self._waiting.append((self._names[shape], schema))
        return self._names[shape]

    def _whole(self, schema: Mapping[str, Any], level: int, wish: str) -> _Type:
        whole = _all([factor for write in _FACTORS for factor in write(self, schema, level, wish)])
        if schema.get("nullable") is True and not re.search(r"\bnull\)?$", whole.text):
            whole = _any([whole, _NULL])
        said = dict.fromkeys(map(_one_line, [*_said(schema), whole.comment]))
        return replace(whole, comment="; ".join(filter(None, said)))

    # Each of these gives types that a value must all have.

    def _reference(self, schema: Mapping[str, Any], level: int, wish: str) -> Iterator[_Type]:
        reference = schema.get("$ref")
        if isinstance(reference, str):
            target = self._nodes.target(reference)
            named = ["Root", *steps(reference)][-1]
            yield _Type(text="any", comment=f"see {reference}") if target is None else self.at(target, level, named)

    def _literal(self, schema: Mapping[str, Any], level: int, wish: str) -> Iterator[_Type]:
        values = [_json(value) for value in _values(schema)]
        if values:
            yield _Type(text=values[0] if len(values) == 1 else f"enum({','.join(values)})")

    def _typed(self, schema: Mapping[str, Any], level: int, wish: str) -> Iterator[_Type]:
        declared = [] if _values(schema) else _kinds(schema)  # the values say it
        about = [kind for kind, keywords in _ABOUT.items() if any(keyword in schema for keyword in keywords)]
        if members := [self._single(kind, schema, level, wish) for kind in declared or about]:
            yield _any(members)
        for kind in about if declared else ():
            if kind not in declared:  # a slip of the author's, mostly; but it may explain
                yield _Type(text=f"(if {kind} then {self._single(kind, schema, level, wish).closed})")

    def _single(self, kind: str, schema: Mapping[str, Any], level: int, wish: str) -> _Type:
        if kind == "object":
            return self._object(schema, level)
        if kind == "array":
            return self._list(schema, level, wish)
        return _Type(text=schema["format"] if kind == "string" and _is_format_named(schema) else kind)

    def _object(self, schema: Mapping[str, Any], level: int) -> _Type:
        properties, patterns = _as(dict, schema.get("properties")), _as(dict, schema.get("patternProperties"))
        required = dict.fromkeys(_texts(schema.get("required")))
        more = schema.get("additionalProperties")
        members = {
            f"{_key(name)}{'' if name in required else '?'}": self.at(member, level, name)
            for name, member in properties.items()
        }
        members |= {_key(name): _ANY for name in required if name not in properties}
        members |= {f"[key: /{_one_line(key)}/]": self.at(each, level, "Value") for key, each in patterns.items()}
        if isinstance(more, Mapping):
            members["[key: string]"] = self.at(more, level, "Value")
        if not members:
            return _Type(text="object")
        if not properties and not patterns:  # nothing to look up, mostly one
            return _Type(text="{ " + "; ".join(f"{key}: {each.inner}" for key, each in members.items()) + " }")
        text = "".join(f"\n{key}: {each.line}" for key, each in members.items())
        return _Type(text="{" + text.replace("\n", "\n  ") + "\n}")

    def _list(self, schema: Mapping[str, Any], level: int, wish: str) -> _Type:
        first, rest = _as(list, schema.get("prefixItems")), schema.get("items", "prefixItems" not in schema)
        if isinstance(rest, list):  # as older drafts say it
            first, rest = rest, schema.get("additionalItems", False)
        member = self.at(rest, level, wish)
        each = f"({member.inner})[]" if member.loose or member.comment else f"{member.text}[]"
        if not first:
            return _Type(text=each)
        behind = [] if rest is False else [f"...{each}"]
        return _Type(text="[" + ", ".join([*(self.at(item, level, wish).inner for item in first), *behind]) + "]")

    def _combined(self, schema: Mapping[str, Any], level: int, wish: str) -> Iterator[_Type]:
        for keyword, combine in (("anyOf", _any), ("oneOf", _any), ("allOf", _all)):
            if members := _as(list, schema.get(keyword)):
                yield combine([self.at(member, level, wish) for member in members])

    def _operators(self, schema: Mapping[str, Any], level: int, wish: str) -> Iterator[_Type]:
        for keyword, word in _OPERATORS.items():
            if isinstance(inner := schema.get(keyword), Mapping):
                yield _Type(text=f"{word} {self.at(inner, level, wish).closed}")

    def _conditions(self, schema: Mapping[str, Any], level: int, wish: str) -> Iterator[_Type]:
        if "if" in schema:
            words = [f"{each} {self.at(schema[each], level, wish).closed}" for each in _CONDITION if each in schema]
            yield _Type(text=f"({' '.join(words)})")
        for keyword in _DEPENDENCIES:
            for name, then in _as(dict, schema.get(keyword)).items():
                needed = _having(then) if isinstance(then, list) else self.at(then, level, wish).closed
                yield _Type(text=f"(if {_having([name])} then {needed})")


_Write: TypeAlias = "Callable[[_Writer, Mapping[str, Any], int, str], Iterator[_Type]]"
_FACTORS: tuple[_Write, ...] = (
    _Writer._reference,
    _Writer._literal,
    _Writer._typed,
    _Writer._combined,
    _Writer._operators,
    _Writer._conditions,
)


def _all(types: Sequence[_Type]) -> _Type:
    """All of these at once; so all the comments are on the whole."""
    bare = dict.fromkeys(replace(each, comment="") for each in types if each.text != "any")
    first = next(iter(bare), _ANY)
    text = first.text if len(bare) < 2 else " & ".join(each.closed for each in bare)
    said = "; ".join(dict.fromkeys(each.comment for each in types if each.comment))
    return _Type(text=text, loose=len(bare) > 1 or first.loose, comment=said)


def _any(types: Sequence[_Type]) -> _Type:
    """One of these."""
    members = list(dict.fromkeys(types))
    if len(members) == 1:
        return members[0]
    others = [each for each in members if each != _NULL]
    if len(others) == 1:  # what is said next to null can only be about the other
        return _Type(text=f"{others[0].text} | null", loose=True, comment=others[0].comment)
    return _Type(text=" | ".join(each.inner for each in members), loose=True)


# --------------------------------------------------------------------------------------- what they say


def _said(schema: Mapping[str, Any]) -> Iterator[str]:
    """The description, and every constraint that is no part of the type."""
    yield str(schema.get("description") or "")
    for keyword, value in schema.items():
        if keyword not in _SAID or (keyword == "format" and (_is_format_named(schema) or not isinstance(value, str))):
            continue
        if isinstance(value, bool) and keyword in _EXCLUSIVE.values():
            continue  # as older drafts say it: the bound itself tells
        strict = _EXCLUSIVE.get(keyword, "")
        yield _shallow(in_words, strict if schema.get(strict) is True else keyword, value)


def _json(value: Any) -> str:
    return _shallow(functools.partial(json.dumps, ensure_ascii=False), value)


def _shallow(write: Callable[..., str], *values: Any) -> str:
    """What is written of data; an ellipsis for what is nested so deeply that nobody can write it."""
    try:
        return write(*values)
    except RecursionError:
        return "…"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _as(kind: type[T], value: Any) -> T:
    """The value, or an empty one where a schema has something else there."""
    return value if isinstance(value, kind) else kind()


def _texts(values: Any) -> list[str]:
    return [value for value in _as(list, values) if isinstance(value, str)]


def _values(schema: Mapping[str, Any]) -> list[Any]:
    return [schema["const"]] if "const" in schema else _as(list, schema.get("enum"))


def _kinds(schema: Mapping[str, Any]) -> list[str]:
    kinds = schema.get("type")
    return [kinds] if isinstance(kinds, str) else _texts(kinds)


def _is_format_named(schema: Mapping[str, Any]) -> bool:
    return _as(str, schema.get("format")) in _FORMATS and "string" in _kinds(schema) and not _values(schema)


def _having(names: Iterable[Any]) -> str:
    return "{ " + "; ".join(f"{_key(str(name))}: any" for name in names) + " }"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name) else _json(name)
