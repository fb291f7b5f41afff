"""The documented rules of each dialect, checked without any code of the library.

    python benchmarks/rules.py openai < schema.json

`broken` gives the rules that a schema breaks, `doubtful` what is said in different ways by different people (or was
found by experiment only). An endpoint answers a broken rule with a 400, or takes the schema and does something else.

Sources: OpenAI's guide "Structured model outputs" (supported schemas, limits) and the messages of its 400s; the
description of `responseJsonSchema` in Gemini's API reference; for llama.cpp, experiments against its server.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

# How a keyword holds other schemas.
ONE = (
    "items additionalProperties contains not if then else propertyNames unevaluatedItems unevaluatedProperties".split()
)
LIST = "anyOf oneOf allOf prefixItems".split()
MAP = "properties $defs definitions patternProperties dependentSchemas".split()

TYPES = frozenset("string number integer boolean null object array".split())
TELLS_TYPE = frozenset("type enum const anyOf $ref".split())
LENGTHS = frozenset({"minLength", "maxLength"})
BOUNDS = frozenset("minimum maximum exclusiveMinimum exclusiveMaximum".split())
ANNOTATIONS = frozenset(
    "title description default examples deprecated readOnly writeOnly $comment $schema $id $defs definitions".split()
)

# All that one of the drafts of JSON Schema has.
JSON_SCHEMA = (
    ANNOTATIONS
    | BOUNDS
    | LENGTHS
    | frozenset({*ONE, *LIST, *MAP})
    | frozenset(
        "$ref type enum const required minItems maxItems uniqueItems minContains maxContains minProperties "
        "maxProperties pattern format multipleOf dependentRequired dependencies additionalItems id $anchor "
        "$dynamicRef $dynamicAnchor $recursiveRef $recursiveAnchor $vocabulary contentEncoding contentMediaType "
        "contentSchema".split()
    )
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """A schema inside of a schema: where it stands, below which keyword, and the whole that it is in."""

    schema: Any
    pointer: str
    keyword: str
    root: Any


Check = Callable[[Node], Iterator[str]]


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The rules of a dialect: `keywords` that may stand in a schema, `formats` (None: any), `checks` of every node
    and of the `whole`, and `in_doubt` those of every node that `doubtful` asks.
    """

    keywords: frozenset[str]
    formats: frozenset[str] | None
    checks: tuple[Check, ...]
    whole: tuple[Check, ...] = ()
    in_doubt: tuple[Check, ...] = ()


# ------------------------------------------------------------------------------------- walking a schema


def children(schema: Any) -> Iterator[tuple[str, str, Any]]:
    """The schemas directly inside of one: keyword, pointer from here, schema."""
    if not isinstance(schema, Mapping):
        return
    for keyword in ONE:
        if keyword in schema and not isinstance(schema[keyword], list):
            yield keyword, f"/{keyword}", schema[keyword]
    for keyword in LIST:
        if isinstance(schema.get(keyword), list):
            yield from ((keyword, f"/{keyword}/{number}", each) for number, each in enumerate(schema[keyword]))
    for keyword in MAP:
        if isinstance(schema.get(keyword), Mapping):
            yield from ((keyword, f"/{keyword}/{escaped(name)}", each) for name, each in schema[keyword].items())


def nodes(root: Any) -> Iterator[Node]:
    """Every schema in a schema, itself first. Needs no stack of calls: a schema may be nested deeply."""
    waiting = [Node(schema=root, pointer="", keyword="", root=root)]
    while waiting:
        node = waiting.pop()
        yield node
        below = [
            Node(schema=schema, pointer=node.pointer + step, keyword=keyword, root=root)
            for keyword, step, schema in children(node.schema)
        ]
        waiting.extend(reversed(below))


def escaped(name: Any) -> str:
    """A name as a step of a JSON pointer."""
    return str(name).replace("~", "~0").replace("/", "~1")


def led_to(root: Any, reference: Any) -> Any:
    """What a reference within the document leads to, None where it leads nowhere."""
    if not isinstance(reference, str) or not reference.startswith("#"):
        return None
    found = root
    for step in unquote(reference[1:]).split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, Mapping) and name in found:
            found = found[name]
        else:
            return None
    return found


def followed(root: Any, schema: Any) -> Any:
    """The schema behind any references; {} where they lead nowhere or in a circle."""
    for _ in range(100):
        if not isinstance(schema, Mapping) or "$ref" not in schema:
            return schema
        schema = led_to(root, schema["$ref"])
    return {}


def kinds(schema: Mapping[str, Any]) -> list[Any]:
    """The types that a node lists."""
    said = schema.get("type", [])
    return list(said) if isinstance(said, list) else [said]


def is_object(schema: Mapping[str, Any]) -> bool:
    """Whether a node describes objects."""
    return "object" in kinds(schema) or "properties" in schema


def properties_of(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The properties of a node, none where that is no map."""
    properties = schema.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def listed(schema: Mapping[str, Any], keyword: str) -> list[Any]:
    """A list of a node, empty where there is none."""
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def as_text(value: Any) -> str:
    """A JSON value, the same text for the same value."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False)


def bare(pattern: str) -> str:
    """A pattern without what is escaped and without its classes: what is left has a meaning."""
    return re.sub(r"\[\^?\]?(?:\\.|[^\]\\])*\]", "", re.sub(r"\\.", "", pattern))


# ------------------------------------------------------------------------- checks of one node, any dialect


def boolean(node: Node) -> Iterator[str]:
    """A schema that is true or false; `additionalProperties` is a switch everywhere."""
    if not isinstance(node.schema, Mapping) and node.keyword != "additionalProperties":
        yield "boolean schema" if isinstance(node.schema, bool) else "no schema at all"


def types(node: Node) -> Iterator[str]:
    """What `type` says."""
    if "type" in node.schema:
        said = kinds(node.schema)
        if not said or any(not isinstance(kind, str) or kind not in TYPES for kind in said):
            yield "unknown type"
        elif len(set(said)) < len(said):
            yield "type listed twice"


def enums(node: Node) -> Iterator[str]:
    """The values of an enum."""
    if "enum" in node.schema:
        values = listed(node.schema, "enum")
        if not values:
            yield "empty enum"
        elif len({as_text(value) for value in values}) < len(values):
            yield "enum value twice"


def untyped(node: Node) -> Iterator[str]:
    """A node that says nothing of what stands there."""
    if not TELLS_TYPE & node.schema.keys():
        yield "node without a type"


def dangling(node: Node) -> Iterator[str]:
    """A reference to nothing, or out of the document."""
    if "$ref" in node.schema and led_to(node.root, node.schema["$ref"]) is None:
        yield "$ref leads nowhere"


def lookaround(node: Node) -> Iterator[str]:
    """A pattern that looks ahead or behind."""
    if re.search(r"\(\?<?[=!]", bare(str(node.schema.get("pattern", "")))):
        yield "look-around in a pattern"


def required_unknown(node: Node) -> Iterator[str]:
    """A required property that is not described."""
    if any(name not in properties_of(node.schema) for name in listed(node.schema, "required")):
        yield "required names no property"


# -------------------------------------------------------------------------------------------- OpenAI strict


def object_root(node: Node) -> Iterator[str]:
    """The root is one object."""
    if not isinstance(node.schema, Mapping) or kinds(node.schema) != ["object"]:
        yield "root is no object"
    if isinstance(node.schema, Mapping):
        yield from (
            f"{keyword} at the root" for keyword in ("anyOf", "oneOf", "allOf", "$ref") if keyword in node.schema
        )


def closed(node: Node) -> Iterator[str]:
    """Objects are closed."""
    if is_object(node.schema) and node.schema.get("additionalProperties") is not False:
        yield "additionalProperties is not false"


def all_required(node: Node) -> Iterator[str]:
    """All properties are required, each once, and nothing else is."""
    if is_object(node.schema):
        required = listed(node.schema, "required")
        if sorted(map(str, required)) != sorted(map(str, properties_of(node.schema))):
            yield "required is not all properties"


def untyped_items(node: Node) -> Iterator[str]:
    """An array says what is in it."""
    if "array" in kinds(node.schema) and "items" not in node.schema:
        yield "array without items"


def lone_reference(node: Node) -> Iterator[str]:
    """Nothing stands beside a reference."""
    if "$ref" in node.schema and len(node.schema) > 1:
        yield "$ref with siblings"


def to_definition(node: Node) -> Iterator[str]:
    """A reference leads to a definition or to the root."""
    reference = node.schema.get("$ref")
    if isinstance(reference, str) and not re.fullmatch(r"#|#/(\$defs|definitions)/[^/]+", reference):
        yield "$ref to something else than a definition"


def first_keys(node: Node) -> Iterator[str]:
    """No two objects of a union begin alike: their first keys differ, in name or in what can stand there."""
    if node.keyword == "anyOf":
        return  # seen with the union that it stands in
    firsts = [(name, schema) for name, schema in map(first_property, flat_union(node)) if name is not None]
    for number, (name, schema) in enumerate(firsts):
        if any(name == other and overlap(node.root, schema, its) for other, its in firsts[:number]):
            yield "objects of an anyOf share their first key"
            return


def flat_union(node: Node) -> list[Mapping[str, Any]]:
    """The members of a union, and of the unions in it."""
    found, waiting, seen = [], list(reversed(listed(node.schema, "anyOf"))), set()
    while waiting:
        member = followed(node.root, waiting.pop())
        if not isinstance(member, Mapping) or id(member) in seen:
            continue
        seen.add(id(member))
        found.append(member)
        waiting.extend(reversed(listed(member, "anyOf")))
    return found


def first_property(schema: Mapping[str, Any]) -> tuple[str | None, Any]:
    """The first property of an object."""
    return next(iter(properties_of(schema).items()), (None, None))


def overlap(root: Any, one: Any, other: Any) -> bool:
    """Whether both may accept the same value, as far as types and listed values tell."""
    one, other = followed(root, one), followed(root, other)
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return True
    values, others = constants(one), constants(other)
    if values is not None and others is not None:
        return bool(values & others)
    mine, its = widened(one), widened(other)
    return not mine or not its or bool(mine & its)


def constants(schema: Mapping[str, Any]) -> set[str] | None:
    """The only values of a node, where it lists them."""
    if "const" in schema:
        return {as_text(schema["const"])}
    return {as_text(value) for value in listed(schema, "enum")} if "enum" in schema else None


def widened(schema: Mapping[str, Any]) -> set[Any]:
    """The types of a node, an integer being a number."""
    return {"number" if kind == "integer" else kind for kind in kinds(schema) if isinstance(kind, str)}


OPENAI_PROPERTIES = 5_000
OPENAI_DEPTH = 10
OPENAI_VALUES = 1_000
OPENAI_CHARACTERS = 120_000
OPENAI_LONG_ENUM = 250  # above so many values, the next limit holds for one enum
OPENAI_ENUM_CHARACTERS = 15_000


def sizes(node: Node) -> Iterator[str]:
    """The limits of the whole."""
    count = values = characters = 0
    for each in nodes(node.root):
        schema = each.schema
        if not isinstance(schema, Mapping):
            continue
        names = [*properties_of(schema), *(schema.get("$defs") or ()), *(schema.get("definitions") or ())]
        enum = listed(schema, "enum")
        strings = [value for value in [*enum, schema.get("const")] if isinstance(value, str)]
        count += len(properties_of(schema))
        values += len(enum)
        characters += sum(map(len, [*map(str, names), *strings]))
        if len(enum) > OPENAI_LONG_ENUM and sum(map(len, strings)) > OPENAI_ENUM_CHARACTERS:
            yield "over 15,000 characters in one enum"
    if count > OPENAI_PROPERTIES:
        yield "over 5,000 properties"
    if values > OPENAI_VALUES:
        yield "over 1,000 enum values"
    if characters > OPENAI_CHARACTERS:
        yield "over 120,000 characters of names and values"


def depth(node: Node) -> Iterator[str]:
    """How deeply objects and arrays stand in each other, the root being the first level."""
    if nesting(node.root) > OPENAI_DEPTH:
        yield "nested more than 10 levels deep"


def nesting(root: Any) -> int:
    """The levels of a schema; it stops counting where there are too many.

    A reference is followed unless it leads to where one already is. A schema that was seen before at the same
    depth or deeper is not gone through again, else a few definitions could take for ever.
    """
    deepest, best = 0, dict[int, int]()
    waiting: list[tuple[Any, int, frozenset[int]]] = [(root, 0, frozenset())]
    while waiting and deepest <= OPENAI_DEPTH:
        schema, level, path = waiting.pop()
        if not isinstance(schema, Mapping) or id(schema) in path:
            continue
        level += is_object(schema) or "array" in kinds(schema)
        if best.get(id(schema), -1) >= level:
            continue
        best[id(schema)] = level
        deepest = max(deepest, level)
        below = [each for keyword, _, each in children(schema) if keyword not in ("$defs", "definitions")]
        if "$ref" in schema:
            below.append(led_to(root, schema["$ref"]))
        waiting.extend((each, level, path | {id(schema)}) for each in below)
    return deepest


def lengths(node: Node) -> Iterator[str]:
    """Lengths of strings: some of the models take them."""
    if LENGTHS & node.schema.keys():
        yield "length of a string"


def names_its_draft(node: Node) -> Iterator[str]:
    """OpenAI's own SDK for JavaScript sends `$schema`, though the guide does not name it."""
    if "$schema" in node.schema:
        yield "$schema"


def no_properties(node: Node) -> Iterator[str]:
    """An object without the keyword is said to be dropped."""
    if "object" in kinds(node.schema) and "properties" not in node.schema:
        yield "object without properties"


def compound_values(node: Node) -> Iterator[str]:
    """Objects and arrays as values of an enum."""
    if any(isinstance(value, (dict, list)) for value in [*listed(node.schema, "enum"), node.schema.get("const")]):
        yield "enum value that is no scalar"


# --------------------------------------------------------------------------------------------------- Gemini


def dollar_siblings(node: Node) -> Iterator[str]:
    """Beside a reference, only `$…` stands."""
    if "$ref" in node.schema and any(not key.startswith("$") for key in node.schema):
        yield "$ref with siblings"


def says_nothing(node: Node) -> Iterator[str]:
    """As `untyped`, but oneOf tells what stands there, and const is not known."""
    if not {"type", "enum", "anyOf", "oneOf", "$ref"} & node.schema.keys():
        yield "node without a type"


def string_enum(node: Node) -> Iterator[str]:
    """An enum lists strings."""
    if any(value is not None and not isinstance(value, str) for value in listed(node.schema, "enum")):
        yield "enum value that is no string"


def same_order(node: Node) -> Iterator[str]:
    """The required properties come in the order of the properties."""
    required, names = listed(node.schema, "required"), list(properties_of(node.schema))
    if required != [name for name in names if name in required]:
        yield "required is in another order than properties"


def ordering(node: Node) -> Iterator[str]:
    """The stated order is the order of the properties."""
    if "propertyOrdering" in node.schema and node.schema["propertyOrdering"] != list(properties_of(node.schema)):
        yield "propertyOrdering is not the properties"


def empty_object(node: Node) -> Iterator[str]:
    """An object has properties, named or free."""
    more = node.schema.get("additionalProperties", False)
    if is_object(node.schema) and not properties_of(node.schema) and more is False:
        yield "object without properties"


def hard_cycle(node: Node) -> Iterator[str]:
    """A cycle leads through a property that is not required: without such ones, there are none left."""
    done: set[int] = set()
    for start in nodes(node.root):
        path: dict[int, Iterator[Any]] = {}
        waiting = [start.schema]
        while waiting:
            schema = waiting[-1]
            if id(schema) in done or not isinstance(schema, Mapping):
                waiting.pop()
                continue
            below = next(path.setdefault(id(schema), needed(node.root, schema)), None)
            if below is None:
                done.add(id(schema))
                del path[id(schema)]
                waiting.pop()
            elif id(below) in path:
                yield "cycle through required properties"
                return
            else:
                waiting.append(below)


def needed(root: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Where one gets from a node without a property that may be missing."""
    if isinstance(found := led_to(root, schema.get("$ref")), Mapping):
        yield found
    required = listed(schema, "required")
    for keyword, _, each in children(schema):
        if keyword not in ("properties", "$defs", "definitions") and isinstance(each, Mapping):
            yield each
    yield from (each for name, each in properties_of(schema).items() if name in required and isinstance(each, Mapping))


# ------------------------------------------------------------------------------------------------ llama.cpp


def beside_union(node: Node) -> Iterator[str]:
    """What stands beside a union or a reference is forgotten. A type there is harmless: the members say it again."""
    for keyword in ("anyOf", "oneOf", "$ref"):
        if keyword in node.schema and node.schema.keys() - ANNOTATIONS - {keyword, "type"}:
            yield f"{keyword} with siblings"


def unanchored(node: Node) -> Iterator[str]:
    """A pattern is for the whole text."""
    pattern = str(node.schema.get("pattern", "^$"))
    if not pattern.startswith("^") or not re.search(r"(?<!\\)(\\\\)*\$$", pattern):
        yield "pattern without ^ and $"


def word_border(node: Node) -> Iterator[str]:
    """A pattern with word borders."""
    if re.search(r"(?<!\\)(\\\\)*\\[bB]", str(node.schema.get("pattern", ""))):
        yield "word border in a pattern"


def pattern_and_length(node: Node) -> Iterator[str]:
    """A pattern makes it forget the lengths."""
    if "pattern" in node.schema and LENGTHS & node.schema.keys():
        yield "pattern beside a length"


def real_bounds(node: Node) -> Iterator[str]:
    """Bounds hold for integers only."""
    if BOUNDS & node.schema.keys() and ("number" in kinds(node.schema) or "integer" not in kinds(node.schema)):
        yield "bounds on what is no integer"


def root_reference(node: Node) -> Iterator[str]:
    """A reference to the whole."""
    if node.schema.get("$ref") == "#":
        yield "$ref to the root"


def repetitions(node: Node) -> Iterator[str]:
    """The numbers at which its grammar overflows."""
    items, length = node.schema.get("maxItems"), node.schema.get("minLength")
    if isinstance(items, (int, float)) and 1_999 <= items <= 2_001:
        yield "maxItems of about 2,000"
    if isinstance(length, (int, float)) and length > 2_000:
        yield "minLength over 2,000"


def wide_pattern(node: Node) -> Iterator[str]:
    """`.` and negated classes let raw quotes and newlines into a string; escaped classes are not known."""
    pattern = str(node.schema.get("pattern", ""))
    if "." in bare(pattern) or re.search(r"(?<!\\)\[\^", pattern):
        yield "pattern with . or a negated class"
    if re.search(r"\\[dDwWsS]", pattern):
        yield "escaped class in a pattern"


def about_nothing(node: Node) -> Iterator[str]:
    """Lengths and numbers of items where neither a string nor items are spoken of."""
    if LENGTHS & node.schema.keys() and "string" not in kinds(node.schema):
        yield "length of what is no string"
    if {"minItems", "maxItems"} & node.schema.keys() and "items" not in node.schema:
        yield "number of items without items"


# -------------------------------------------------------------------------------------------------- the table

COMMON: tuple[Check, ...] = (types, enums, dangling)

RULES: Mapping[str, Rules] = {
    "openai": Rules(
        keywords=frozenset(
            "$schema type title description const enum anyOf $defs definitions $ref properties required "
            "additionalProperties items minItems maxItems pattern format minLength maxLength multipleOf".split()
        )
        | BOUNDS,
        formats=frozenset("date-time time date duration email hostname ipv4 ipv6 uuid".split()),
        checks=(
            *COMMON,
            untyped,
            lookaround,
            closed,
            all_required,
            untyped_items,
            lone_reference,
            to_definition,
            first_keys,
        ),
        whole=(object_root, sizes, depth),
        in_doubt=(lengths, names_its_draft, no_properties, compound_values),
    ),
    "gemini": Rules(
        keywords=frozenset(
            "$id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems minimum "
            "maximum anyOf oneOf properties additionalProperties required propertyOrdering nullable".split()
        ),
        formats=None,
        checks=(
            *COMMON,
            says_nothing,
            dollar_siblings,
            string_enum,
            same_order,
            ordering,
            empty_object,
            required_unknown,
        ),
        whole=(hard_cycle,),
        in_doubt=(),
    ),
    "llama.cpp": Rules(
        keywords=frozenset(
            "type properties required items prefixItems enum const anyOf oneOf $ref additionalProperties minItems "
            "maxItems minLength maxLength pattern format".split()
        )
        | BOUNDS
        | ANNOTATIONS,
        formats=frozenset("date time date-time uuid".split()),
        checks=(
            *COMMON,
            beside_union,
            lookaround,
            unanchored,
            word_border,
            pattern_and_length,
            real_bounds,
            root_reference,
            repetitions,
        ),
        in_doubt=(wide_pattern, about_nothing, required_unknown),
    ),
}


def broken(schema: Any, dialect: str) -> list[str]:
    """The rules that a schema breaks, each "pointer: rule". `dialect` is a key of `RULES`."""
    rules = RULES[dialect]
    whole = Node(schema=schema, pointer="", keyword="", root=schema)
    found = [f": {said}" for check in rules.whole for said in check(whole)]
    for node in nodes(schema):
        found += [f"{node.pointer}: {said}" for said in boolean(node)]
        if isinstance(node.schema, Mapping):
            found += [f"{node.pointer}: {said}" for said in _words(node, rules)]
            found += [f"{node.pointer}: {said}" for check in rules.checks for said in check(node)]
    return found


def doubtful(schema: Any, dialect: str) -> list[str]:
    """What may be refused or ignored, each "pointer: rule"; not counted as broken."""
    checks: Sequence[Check] = RULES[dialect].in_doubt
    return [
        f"{node.pointer}: {said}"
        for node in nodes(schema)
        if isinstance(node.schema, Mapping)
        for check in checks
        for said in check(node)
    ]


def _words(node: Node, rules: Rules) -> Iterator[str]:
    yield from (f"{keyword} is not known" for keyword in node.schema if keyword not in rules.keywords)
    said = node.schema.get("format")
    if said is not None and rules.formats is not None and said not in rules.formats:
        yield f"format {said} is not known"


if __name__ == "__main__":
    for _line in broken(json.load(sys.stdin), sys.argv[1]):
        print(_line)
