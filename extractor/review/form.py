"""A JSON Schema → the form in which a person fills in a value of it: plain nodes, of which a page makes its fields.

What a schema says in words that have no field here is left to whoever checks the value: a node that is not understood
takes anything, and none is an error. References are resolved; only what leads back to itself, or would make the form
too large, stays a reference to a definition.

    object {members: [{name, required, node}], more}      list {item, least, most}     tuple {items}     map {value}
    text {multiline, format, least, most, pattern}        date, time, datetime, duration
    integer, number {least, most, step}      boolean      choice {options: [{value, title}]}
    constant {value}      union {branches: [{title, node}], discriminator}      anything      ref {name}

Every node also has `kind`, `title`, `help`, `nullable`, and `empty`: what a new one begins with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from extractor.review.definitions import FOLLOWED, Definitions
from extractor.review.empties import Empties, Node, all_of
from extractor.review.naming import has_lines, help_of, own_title, readable, title_of
from extractor.review.questions import (
    bound,
    choice,
    count,
    mapping,
    number_in,
    without_text_of_number,
)
from extractor.schema.nodes import (
    constants_of,
    further,
    is_map,
    kinds_of,
    split,
)
from extractor.schema.unions import discriminator, is_demand, objects_of, tags

__all__ = ["BRANCHES", "Form", "form_of"]

Form: TypeAlias = "dict[str, Any]"
"""{"root": Node, "definitions": {name: Node}}"""

MOST_NODES = 3_000  # of a form: what comes after them takes anything
INLINE = 1_000  # nodes, after which a definition is referred to instead of being put in once more
LEVELS = 40  # of objects and lists inside of each other
BRANCHES = 50  # of a union
SEVERAL_LINES = 200  # characters that a text may have, from which it gets several lines

_FORMATS = {"date": "date", "time": "time", "date-time": "datetime", "duration": "duration"}
_NULL = {"type": "null"}
_ODD = (TypeError, ValueError, AttributeError, LookupError)


def form_of(schema: Mapping[str, Any]) -> Form:
    """The form of a JSON Schema (2020-12), every reference in the form `#/$defs/NAME`. Never raises for what it is."""
    return _Maker(schema).form()


class _Maker:
    """Makes the nodes of one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self._schema = {key: value for key, value in schema.items() if key != "$defs"}
        self._definitions = Definitions(schema)
        self.look = self._definitions.look
        self._made: dict[str, Node | None] = {}  # None: is referred to, and not made yet
        self._count = 0

    def form(self) -> Form:
        """The form of all of it."""
        root = self.node(self._schema, "", 0)
        while waiting := [name for name, node in self._made.items() if node is None]:
            for name in waiting:
                self._made[name] = self.node(dict(self._definitions.get(name)), name, 0)
        definitions = {name: node for name, node in self._made.items() if node is not None}
        empties = Empties(definitions)
        for node in (root, *definitions.values()):
            for each in all_of(node):
                each["empty"] = empties.of(each)
        for node in (root, *definitions.values()):
            for each in all_of(node):
                each.pop("default", None)
        return {"root": root, "definitions": definitions}

    # ------------------------------------------------------------------------------------------ one node

    def node(self, schema: Any, name: str, level: int) -> Node:
        """The node of a schema; `name` is what it is called where it does not say."""
        self._count += 1
        head = {"title": title_of(schema, name), "help": help_of(schema)}
        if self._count > MOST_NODES or level > LEVELS:
            return {"kind": "anything", **head, "nullable": True}
        kept = self._kept(schema)
        if kept:
            self._made.setdefault(kept, None)
            said = self._definitions.get(kept)
            title = head["title"] if own_title(schema) or name else own_title(said) or readable(kept)
            words = {"title": title, "help": head["help"] or help_of(said)}
            return {"kind": "ref", "name": kept, **words, "nullable": False}
        try:
            return self._resolved(schema, name, level)
        except _ODD:  # what stands there is no schema
            return {"kind": "anything", **head, "nullable": True}

    def _resolved(self, schema: Any, name: str, level: int) -> Node:
        head = {"title": title_of(schema, name), "help": help_of(schema)}
        found = self.look(schema)
        if not isinstance(found, Mapping):
            return {"kind": "anything", **head, "nullable": True}
        # Of a property that refers to a model, its own name says more than the model's.
        refers = (
            not found.keys().isdisjoint(_WORDS) and not own_title(schema) and ("$ref" in schema or "allOf" in schema)
        )
        head = {"title": readable(name) if name and refers else title_of(found, name), "help": help_of(found)}
        node = {**self._of(found, name, level)}
        node = {"kind": node.pop("kind"), **head, "nullable": node.pop("nullable", False), **node}
        return {**node, "default": found["default"]} if "default" in found else node

    def _kept(self, schema: Any) -> str:
        """The name of a definition that stays a reference; "" for anything else."""
        name = self._definitions.name_in(schema)
        known = self._definitions
        return name if known.is_circular(name) or (self._count > INLINE and known.is_large(name)) else ""

    def _of(self, schema: Mapping[str, Any], name: str, level: int) -> Node:
        """What a node is, of one without references and `allOf`."""
        constants = constants_of(schema) if isinstance(schema.get("enum", []), list) else None
        if constants is not None:
            return choice(constants)
        union = self._union(schema)
        if union is not None:
            return self._united(schema, union, name, level)
        if not isinstance(schema.get("type", ""), (str, list)):
            return {"kind": "anything", "nullable": True}
        kinds = kinds_of(schema)
        if "type" not in schema and kinds not in (("object",), ("array",)):
            return {"kind": "anything", "nullable": True}  # a bound alone says nothing of what else there may be
        solid = tuple(kind for kind in kinds if kind != "null" and not (kind == "integer" and "number" in kinds))
        if len(solid) == 1 and solid[0] in _BY_KIND:
            return {**_BY_KIND[solid[0]](self, schema, name, level), "nullable": "null" in kinds}
        if not solid and "null" in kinds:
            return {"kind": "constant", "value": None, "nullable": True}
        if not solid or any(kind not in _BY_KIND for kind in solid):
            return {"kind": "anything", "nullable": True}
        both = split({key: value for key, value in schema.items() if key != "title"}, kinds)
        return self._united(schema, [*both["anyOf"]], name, level)

    # --------------------------------------------------------------------------------------------- unions

    def _union(self, schema: Mapping[str, Any]) -> list[Any] | None:
        """The alternatives of a node; None where it has none, or they are demands on the object beside them."""
        for keyword in ("anyOf", "oneOf"):
            members = schema.get(keyword)
            if isinstance(members, list) and members and not all(is_demand(self.look(each)) for each in members):
                rest = {key: it for key, it in schema.items() if key not in (keyword, "discriminator", *_WORDS)}
                if rest.keys() <= {"$schema", "$id", "$comment"}:
                    return members
                return [{"allOf": [each, rest]} for each in members]
        return None

    def _united(self, schema: Mapping[str, Any], members: list[Any], name: str, level: int) -> Node:
        flat = list(self._flat(members, FOLLOWED))
        nullable = any(self._is_null(each) for each in flat)
        solid = [each for each in flat if not self._is_null(each)]
        if not solid:
            return {"kind": "constant", "value": None, "nullable": True}
        constants = [self._constants(each) for each in solid]
        if all(each is not None for each in constants):
            values = [value for each in constants for value in each or ()]
            return choice([*values, *([None] if nullable else [])], one=len(values) == 1 and not nullable)
        several, solid = solid, without_text_of_number(solid, self.look)
        digits = {"exact": True} if len(solid) < len(several) else {}
        if len(solid) > BRANCHES:
            return {"kind": "anything", "nullable": True}
        if len(solid) == 1:
            node = self.node(solid[0], name, level)
            words = {key: node[key] for key in ("title", "help") if node[key]}
            own = {
                "title": title_of(schema, name) or words.get("title", ""),
                "help": help_of(schema) or words.get("help", ""),
            }
            if node["kind"] == "text":
                node["multiline"] = node["multiline"] or has_lines(own["help"])
            return {**node, **own, **digits, "nullable": nullable or node["nullable"]}
        branches: list[dict[str, Any]] = [
            {"title": title, "node": self.node(each, "", level + 1)}
            for title, each in zip(self._titles(solid), solid, strict=True)
        ]
        key = self._discriminator(schema, solid)
        nullable = nullable or any(each["node"]["nullable"] for each in branches)
        return {"kind": "union", "branches": branches, "discriminator": key, "nullable": nullable}

    def _flat(self, members: list[Any], left: int) -> Iterator[Any]:
        """The alternatives, those of unions inside of unions too."""
        for each in members:
            looked = each if self._kept(each) or not left else self.look(each)
            inner = self._union(looked) if isinstance(looked, Mapping) and looked is not each else None
            inner = self._union(each) if inner is None and isinstance(each, Mapping) and "$ref" not in each else inner
            if inner is None or constants_of(mapping(looked)) is not None:
                if each is not False:
                    yield each
            else:
                yield from self._flat(inner[:BRANCHES], left // 2)

    def _is_null(self, schema: Any) -> bool:
        looked = schema if isinstance(schema, Mapping) and schema == _NULL else self._peek(schema)
        return isinstance(looked, Mapping) and (kinds_of(looked) == ("null",) or constants_of(looked) == [None])

    def _peek(self, schema: Any) -> Any:
        return True if self._kept(schema) else self.look(schema)

    def _constants(self, schema: Any) -> list[Any] | None:
        looked = self._peek(schema)
        if not isinstance(looked, Mapping) or not isinstance(looked.get("enum", []), list):
            return None
        return constants_of(looked)

    def _discriminator(self, schema: Mapping[str, Any], members: list[Any]) -> str | None:
        told = schema.get("discriminator")
        wish = told.get("propertyName") if isinstance(told, Mapping) else None
        groups = [objects_of(each, self.look) for each in members]
        if any(len(group) != 1 for group in groups):
            return None
        return discriminator([group[0] for group in groups], self.look, wish if isinstance(wish, str) else None)

    def _titles(self, members: list[Any]) -> list[str]:
        """What the alternatives are called: by their titles, definitions or types."""
        named = [each if isinstance(each, Mapping) and "$ref" in each else self._peek(each) for each in members]
        return [readable(tag) for tag in tags(named)]

    # ------------------------------------------------------------------------------------ objects and lists

    def _object(self, schema: Mapping[str, Any], name: str, level: int) -> Node:
        properties = mapping(schema.get("properties"))
        more = further(dict(schema)) if isinstance(schema.get("patternProperties", {}), Mapping) else True
        if is_map(dict(schema)) and not properties:
            return {"kind": "map", "value": self.node(True if more is None else more, "", level + 1)}
        required = schema.get("required")
        needed = [str(each) for each in required] if isinstance(required, list) else []
        given = {**properties, **{each: True for each in needed if each not in properties}}
        members = [
            {"name": str(each), "required": each in needed, "node": self.node(member, str(each), level + 1)}
            for each, member in given.items()
            if member is not False
        ]
        return {"kind": "object", "members": members, "more": None if more is None else self.node(more, "", level + 1)}

    def _list(self, schema: Mapping[str, Any], name: str, level: int) -> Node:
        first, rest = schema.get("prefixItems"), schema.get("items", True)
        least, most = count(schema.get("minItems")), count(schema.get("maxItems"))
        if isinstance(first, list) and first:
            if rest is not False and not (most is not None and most <= len(first)):
                return {"kind": "anything"}
            if (least or 0) < len(first):
                return {"kind": "anything"}  # some of them may be missing
            return {"kind": "tuple", "items": [self.node(each, "", level + 1) for each in first]}
        return {"kind": "list", "item": self.node(rest, "", level + 1), "least": least, "most": most}

    def _text(self, schema: Mapping[str, Any], name: str, level: int) -> Node:
        form = schema.get("format")
        if isinstance(form, str) and form in _FORMATS:
            return {"kind": _FORMATS[form]}
        most = count(schema.get("maxLength"))
        lines = (most is not None and most >= SEVERAL_LINES) or has_lines(help_of(schema))
        pattern = schema.get("pattern")
        return {
            "kind": "text",
            "multiline": lines,
            "format": form if isinstance(form, str) else None,
            "least": count(schema.get("minLength")),
            "most": most,
            "pattern": pattern if isinstance(pattern, str) else None,
        }

    def _number(self, schema: Mapping[str, Any], name: str, level: int) -> Node:
        kind = "integer" if "integer" in kinds_of(schema) and "number" not in kinds_of(schema) else "number"
        least = bound(schema, "minimum", "exclusiveMinimum", max)
        most = bound(schema, "maximum", "exclusiveMaximum", min)
        return {"kind": kind, "least": least, "most": most, "step": number_in(schema.get("multipleOf"))}

    def _boolean(self, schema: Mapping[str, Any], name: str, level: int) -> Node:
        return {"kind": "boolean"}


_BY_KIND: Mapping[str, Callable[[_Maker, Mapping[str, Any], str, int], Node]] = {
    "object": _Maker._object,
    "array": _Maker._list,
    "string": _Maker._text,
    "number": _Maker._number,
    "integer": _Maker._number,
    "boolean": _Maker._boolean,
}
_WORDS = ("title", "description", "default", "examples", "deprecated", "$comment")
