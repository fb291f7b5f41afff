"""A schema as a grammar: what it does not allow cannot be generated, and where values are to be copied, nothing that
does not stand in the document.

There is one style, without a space that nobody asked for, and every property in its place: a small model loses its
way where it is free. What a grammar cannot say (a bound on numbers, most patterns) is left to the validation.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, TypeAlias

from extractor.errors import SchemaError
from extractor.grammar.bounds import count_of, numeral
from extractor.grammar.copied import Copied
from extractor.grammar.fitting import number_there, text_there
from extractor.grammar.gbnf import MOST_TIMES, Rules, TooLong, any_of, choice, json_text, literal, repeated
from extractor.grammar.lines import Row
from extractor.grammar.pattern import FORMATS, expression_of, pattern_of
from extractor.grammar.references import FIRST, check_references, definitions_of, listed
from extractor.schema.marks import MARK
from extractor.schema.nodes import PREFIX

__all__ = ["grammar_of"]

COMMA, COLON = ", ", ": "  # as models write JSON that they have learned from
MOST_LEVELS = 80  # of schemas inside of each other
ANY_LEVELS = 3  # of a value of which nothing is known
MOST_INFERRED = 100  # items of a list, where the document has no more words
MOST_DOCUMENT = 200_000  # characters: to look for numbers and days may take a second for as many

# A control character cannot be written, nor half of one that UTF-16 writes as two.
_CHARACTER = r'[^\"\\\x00-\x1F] | "\\" [\"\\/bfnrt]'


def grammar_of(schema: Mapping[str, Any], document: str | None, *, copied: bool, rows: bool = True) -> str:
    """The grammar of a schema in the wire's form, in GBNF; its first rule is `root`.

    With `copied`, texts, numbers and dates are those of the `document`, but for those that are marked as inferred; of
    an enum, the values that it mentions. With `rows` too, the objects of a list are copied from one line each where
    lines are alike, and from all such lines that stand together.

    What is required, and of which the document has nothing, is free. Of a document of more than 10,000 words texts are
    free, but numbers, days and times (4,000 different ones of each at the most) are still those of the document; one
    of more than 200,000 characters gives the grammar of the schema alone.
    Raises `SchemaError` where the schema cannot be said in a grammar.
    """
    check_references(schema)
    if copied and document is not None and len(document) <= MOST_DOCUMENT:
        for tabular, texts in ((rows, True), (False, True), (False, False)):
            rules = Rules()
            try:
                return _written(schema, rules, Copied(document, rules, tabular=tabular, texts=texts))
            except (TooLong, RecursionError):
                continue
    try:
        return _written(schema, Rules(), None)
    except RecursionError as error:
        raise SchemaError("The schema is too deep for a grammar.", hint="Ask for less at once.") from error


def _written(schema: Mapping[str, Any], rules: Rules, copied: Copied | None) -> str:
    rules.set("root", _Writer(schema, rules, copied).at(schema, 0, inferred=False))
    return str(rules)


class _Lacking(Exception):
    """A line of the document has no value for what is required."""


class _Writer:
    def __init__(self, root: Mapping[str, Any], rules: Rules, copied: Copied | None) -> None:
        self._definitions = definitions_of(root)
        self._numbers = {name: number for number, name in enumerate(self._definitions)}
        self._rules = rules
        self._copied = copied

    def at(self, schema: Any, level: int, *, inferred: bool) -> str:
        """The expression for the values of a schema; `inferred` ones are not copied."""
        if level > MOST_LEVELS:
            raise SchemaError("The schema is too deep for a grammar.", hint="Ask for less at once.")
        if schema is True:
            return self._any(ANY_LEVELS, inferred=inferred)
        if not isinstance(schema, Mapping) or not schema.keys().isdisjoint(_UNSAID):
            raise SchemaError("The schema has a part that a grammar cannot say.")
        inferred = schema.get(MARK, "inferred" if inferred else "") == "inferred"
        for keyword in FIRST:
            if keyword in schema:
                return _SAID[keyword](self, schema, level + 1, inferred)
        return self._any(ANY_LEVELS, inferred=inferred)

    def _reference(self, schema: Mapping[str, Any], level: int, inferred: bool) -> str:
        name = str(schema["$ref"]).removeprefix(PREFIX)
        if name not in self._definitions:
            raise SchemaError(f"The schema refers to {name[:100]!r}, which it does not define.")
        stem = f"definition-{self._numbers[name]}-{self._mark(inferred)}"
        return self._rules.once(stem, lambda: self.at(self._definitions[name], level, inferred=inferred))

    def _mark(self, inferred: bool) -> str:
        """What tells the rules for the same schema apart."""
        return "free" if inferred or self._copied is None else f"copied{self._copied.mark}"

    def _enum(self, schema: Mapping[str, Any], level: int, inferred: bool) -> str:
        """Where the document mentions some of the values, one of those; else it may say it in other words."""
        values = listed(schema, "enum")
        mentioned = self._copied.mentioned(values) if self._copied is not None and not inferred else []
        rest = [each for each in values if not isinstance(each, str)] if mentioned else values
        return any_of(map(json_text, [*mentioned, *rest]))

    def _union(self, schema: Mapping[str, Any], level: int, inferred: bool) -> str:
        members = listed(schema, "anyOf" if "anyOf" in schema else "oneOf")
        return choice([self.at(each, level, inferred=inferred) for each in members])

    def _typed(self, schema: Mapping[str, Any], level: int, inferred: bool) -> str:
        kinds = [schema["type"]] if isinstance(schema["type"], str) else listed(schema, "type")
        nullable = "null" in kinds
        found = []
        for kind in kinds:
            if not isinstance(kind, str) or kind not in _KINDS:
                raise SchemaError(f"There is no type {str(kind)[:100]!r}.")
            found.append(_KINDS[kind](self, schema, level, inferred, nullable))
        return choice(filter(None, found))

    # ------------------------------------------------------------------------------- objects and lists

    def _object(self, schema: Mapping[str, Any], level: int, inferred: bool, nullable: bool) -> str:
        properties, required = schema.get("properties", {}), schema.get("required", [])
        if not isinstance(properties, Mapping) or not isinstance(required, list):
            raise SchemaError("The schema has properties in a form that it must not have.")
        if not all(isinstance(key, str) and key in properties for key in required):
            raise SchemaError("The schema requires a property of which it says nothing.")
        if not properties:
            return self._map(schema.get("additionalProperties", True), level, inferred)
        # From the last one on: whether a comma is needed depends on what is before, where that may be left out.
        first, later = self._further(schema.get("additionalProperties", False), level, inferred)
        for key, each in reversed(list(properties.items())):
            name, value = json_text(key) + COLON, self.at(each, level, inferred=inferred)
            begun, after = f"{literal(name)} {value} {later}", f"{literal(COMMA + name)} {value} {later}"
            if key in required:
                first, later = begun, after
            else:
                first, later = (
                    self._rules.add("first", f"{begun} | {first}"),
                    self._rules.add("rest", f"{after} | {later}"),
                )
        return self._rules.add("object", f'"{{" {first}')

    def _further(self, value: Any, level: int, inferred: bool) -> tuple[str, str]:
        """How an object ends: without a property before, and behind one."""
        if value is False:
            return '"}"', '"}"'
        pair = self._pair(value, level, inferred)
        first = self._rules.add("first", f'{self._series(pair, 0, None, inferred=inferred)} "}}"')
        return first, self._rules.add("rest", f'({literal(COMMA)} {pair})* "}}"')

    def _map(self, value: Any, level: int, inferred: bool) -> str:
        if value is False:
            return '"{}"'
        pair = self._pair(value, level, inferred)
        return self._rules.add("map", f'"{{" {self._series(pair, 0, None, inferred=inferred)} "}}"')

    def _pair(self, value: Any, level: int, inferred: bool) -> str:
        key = self._string(inferred)
        return self._rules.add("pair", f"{key} {literal(COLON)} {self.at(value, level, inferred=inferred)}")

    def _array(self, schema: Mapping[str, Any], level: int, inferred: bool, nullable: bool) -> str:
        rest, least, most = schema.get("items", True), count_of(schema, "minItems") or 0, count_of(schema, "maxItems")
        if "prefixItems" in schema:
            heads = [self.at(each, level, inferred=inferred) for each in listed(schema, "prefixItems")]
            return self._tuple(heads, rest, least, most, level, inferred)
        if rest is False or most == 0:
            return '"[]"'
        if self._copied is not None and not inferred and not least and most is None and self._is_object(rest):
            by_rows = self._by_rows(rest, level)
            if by_rows:
                return by_rows
        item = self._rules.add("item", self.at(rest, level, inferred=inferred))
        return self._rules.add("list", f'"[" {self._series(item, least, most, inferred=inferred)} "]"')

    def _is_object(self, schema: Any) -> bool:
        """Whether the values of a schema have properties."""
        name = str(schema.get("$ref", "")).removeprefix(PREFIX) if isinstance(schema, Mapping) else ""
        schema = self._definitions.get(name, schema)
        return isinstance(schema, Mapping) and bool(schema.get("properties"))

    def _by_rows(self, schema: Any, level: int) -> str | None:
        """A list with one item for a line of the document, in their order; None where the lines are no rows."""
        found: list[tuple[str, Row]] = []
        for copied, row in self._copied.rows if self._copied else ():
            writer, count = _Writer({"$defs": self._definitions}, self._rules, copied), len(self._rules.bodies)
            try:
                found.append((self._rules.add("item", writer.at(schema, level, inferred=False)), row))
            except _Lacking:
                self._rules.forget(count)
        if not any(row.follows(before) for (_, before), (_, row) in pairwise(found)):
            return None
        # From the last row on. Rows that are alike are all taken or none: a small model stops early, and skips.
        first = later = beyond = self._rules.add("rows", '"]"')
        for number in reversed(range(len(found))):
            item, row = found[number]
            begun, further = f"{item} {later}", f"{literal(COMMA)} {item} {later}"
            if number and row.follows(found[number - 1][1]):
                later = self._rules.add("rows", further)
            else:
                first = self._rules.add("rows", f"{begun} | {first}")
                later = beyond = self._rules.add("rows", f"{further} | {beyond}")
        return self._rules.add("list", f'"[" {first}')

    def _tuple(self, heads: list[str], rest: Any, least: int, most: int | None, level: int, inferred: bool) -> str:
        """From the last one on, each behind a comma: the list may end behind any that is not among the `least`."""
        heads = heads[:most]
        later = '"]"'
        if rest is not False and (most is None or most > len(heads)):
            item = self._rules.add("item", self.at(rest, level, inferred=inferred))
            room = None if most is None else most - len(heads)
            later = f'{repeated(f"{literal(COMMA)} {item}", max(least - len(heads), 0), room)} "]"'
        for number in reversed(range(len(heads))):
            begun = f"{literal(COMMA) if number else ''} {heads[number]} {later}".strip()
            later = self._rules.add("tail", begun if number < least else f'{begun} | "]"')
        return self._rules.add("list", f'"[" {later}')

    def _series(self, item: str, least: int, most: int | None, *, inferred: bool) -> str:
        """Items with commas between; where there is a document, no more than it has words, or what is inferred."""
        if self._copied is not None:
            words = max(least, len(self._copied.units), MOST_INFERRED if inferred else 1)
            most = words if most is None else min(most, words)
        further = repeated(f"{literal(COMMA)} {item}", max(least - 1, 0), None if most is None else most - 1)
        whole = item if most == 1 else f"{item} {further}"
        return whole if least else f"({whole})?"

    # --------------------------------------------------------------------------------- what is copied

    def _text(self, schema: Mapping[str, Any], level: int, inferred: bool, nullable: bool) -> str | None:
        """The texts of the document that fit; any where there are none, or only null where that is possible."""
        there = None if inferred or self._copied is None else text_there(self._copied, schema)
        if there is None:
            return self._free(schema)
        if there:
            return self._rules.add("text", there) if " " in there else there
        if nullable:
            return None
        self._lacking()
        return self._free(schema)

    def _lacking(self) -> None:
        """In a row, what is required has to stand there. Raises `_Lacking`."""
        if self._copied is not None and self._copied.mark:
            raise _Lacking

    def _free(self, schema: Mapping[str, Any]) -> str:
        inside = FORMATS.get(str(schema.get("format"))) or expression_of(pattern_of(schema) or "")
        if inside is None:
            least, most = count_of(schema, "minLength") or 0, count_of(schema, "maxLength")
            if not least and (most is None or most > MOST_TIMES):
                return self._string(inferred=True)
            inside = repeated(self._rules.once("character", lambda: _CHARACTER), least, most)
        return self._rules.add("text", rf'"\"" {inside} "\""')

    def _string(self, inferred: bool) -> str:
        rule = None if inferred or self._copied is None else self._copied.text
        character = self._rules.once("character", lambda: _CHARACTER)
        return rule or self._rules.once("string", lambda: rf'"\"" {character}* "\""')

    def _numeral(self, whole: bool, schema: Mapping[str, Any], inferred: bool, nullable: bool) -> str | None:
        there = None if inferred or self._copied is None else number_there(self._copied, schema, whole=whole)
        if there:
            return self._rules.add("number", there)
        if there == "":
            if nullable:
                return None
            self._lacking()
        return self._rules.add("number", numeral(schema, whole=whole))

    def _any(self, levels: int, *, inferred: bool) -> str:
        """Any value that is no deeper than so many levels."""
        name = f"any-{self._mark(inferred)}-{'i' * levels}-"
        return self._rules.once(name, functools.partial(self._any_body, levels, inferred))

    def _any_body(self, levels: int, inferred: bool) -> str:
        plain = [self._string(inferred), self._numeral(False, {}, inferred, True), '"true"', '"false"', '"null"']
        if not levels:
            return " | ".join(filter(None, plain))
        inner = self._any(levels - 1, inferred=inferred)
        pair = f"{self._string(inferred)} {literal(COLON)} {inner}"
        nested = [
            f'"[" {self._series(inner, 0, None, inferred=inferred)} "]"',
            f'"{{" {self._series(pair, 0, None, inferred=inferred)} "}}"',
        ]
        return " | ".join(filter(None, [*plain, *nested]))


_Write: TypeAlias = "Callable[[_Writer, Mapping[str, Any], int, bool], str]"
_SAID: Mapping[str, _Write] = {
    "$ref": _Writer._reference,
    "const": lambda writer, schema, level, inferred: literal(json_text(schema["const"])),
    "enum": _Writer._enum,
    "anyOf": _Writer._union,
    "oneOf": _Writer._union,
    "type": _Writer._typed,
}
_UNSAID = frozenset("allOf not if patternProperties propertyNames dependentSchemas dependentRequired".split())
_KINDS: Mapping[str, Callable[[_Writer, Mapping[str, Any], int, bool, bool], str | None]] = {
    "object": _Writer._object,
    "array": _Writer._array,
    "string": _Writer._text,
    "number": lambda writer, schema, level, inferred, nullable: writer._numeral(False, schema, inferred, nullable),
    "integer": lambda writer, schema, level, inferred, nullable: writer._numeral(True, schema, inferred, nullable),
    "boolean": lambda *_: '("true" | "false")',
    "null": lambda *_: '"null"',
}
