"""The rules of every dialect, written down a second time.

From the providers' documents, not from the table in the package: this checks the table too. The rules that the
benchmarks hold our schemas to are a third opinion.
"""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import pytest

Problems: TypeAlias = "Callable[[dict[str, Any], str], list[str]]"

STRUCTURE = frozenset("type properties required items enum anyOf description title".split())
REFERENCES = frozenset({"$ref", "$defs"})
COUNTS = frozenset({"minItems", "maxItems"})
LENGTHS = frozenset({"minLength", "maxLength"})
RANGES = frozenset({"minimum", "maximum"})
BOUNDS = RANGES | {"exclusiveMinimum", "exclusiveMaximum"}
CLOSING = frozenset({"additionalProperties"})
OPENAI_FORMATS = frozenset("date-time time date duration email hostname ipv4 ipv6 uuid".split())


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the documents of an endpoint say: the keywords that it knows, and what it wants of them."""

    keywords: frozenset[str]
    formats: frozenset[str] = frozenset()
    all_required: bool = True
    closed: bool = True
    maps: bool = False
    anything: bool = False
    recursion: bool = True
    one_type: bool = False
    string_enums: bool = False
    empty_objects: bool = True
    anchored: bool = False
    real_bounds: bool = True
    pattern_beside_length: bool = True
    min_items: frozenset[int] | None = None
    names: str = r"(?s).*"
    heads: str = "any"  # or "first": no two objects of a union begin alike; "own": they share no key
    members: int | None = None
    optional: int | None = None
    unions: int | None = None
    characters: int | None = None
    properties: int | None = None
    depth: int | None = None
    values: int | None = None


OPENAI = Rules(
    keywords=STRUCTURE | REFERENCES | CLOSING | BOUNDS | COUNTS | {"const", "pattern", "format", "multipleOf"},
    formats=OPENAI_FORMATS,
    heads="first",
    properties=5_000,
    depth=10,
    values=1_000,
)
# What the strict ones have in common, with OpenAI's limits and without any.
CAREFUL = replace(OPENAI, keywords=STRUCTURE | REFERENCES | CLOSING, formats=frozenset())
SIMPLE = replace(CAREFUL, heads="any", properties=None, depth=None, values=None)
LOCAL = Rules(
    keywords=STRUCTURE | REFERENCES | CLOSING | BOUNDS | COUNTS | LENGTHS | {"const", "pattern", "format"},
    maps=True,
    anything=True,
)
LLAMA_CPP = replace(
    LOCAL,
    keywords=LOCAL.keywords | {"prefixItems"},
    formats=frozenset("date time date-time uuid".split()),
    anchored=True,
    real_bounds=False,
    pattern_beside_length=False,
)
GEMINI = Rules(
    keywords=STRUCTURE | RANGES | COUNTS | {"format", "propertyOrdering", "nullable"},
    formats=frozenset({"date-time"}),
    closed=False,
    recursion=False,
    one_type=True,
    string_enums=True,
    empty_objects=False,
)
VLLM = replace(LOCAL, pattern_beside_length=False)

RULES: Mapping[str, Rules] = {
    "openai": OPENAI,
    "azure": replace(CAREFUL, properties=100, depth=5, values=500),
    "anthropic": Rules(
        keywords=STRUCTURE | REFERENCES | CLOSING | {"const", "pattern", "format", "minItems"},
        formats=OPENAI_FORMATS | {"uri"},
        all_required=False,
        recursion=False,
        min_items=frozenset({0, 1}),
        names=r"[a-zA-Z0-9_.-]{1,64}",
        optional=24,
        unions=16,
    ),
    "gemini": GEMINI,
    "evolink": replace(GEMINI, keywords=GEMINI.keywords | LENGTHS | {"pattern"}),
    "mistral": SIMPLE,
    "groq": replace(OPENAI, heads="own"),
    "together": SIMPLE,
    "fireworks": SIMPLE,
    "deepseek": CAREFUL,
    "xai": replace(
        OPENAI,
        keywords=OPENAI.keywords | LENGTHS | {"prefixItems"},
        formats=frozenset("date time date-time email uuid ipv4 ipv6 uri".split()),
        recursion=False,
        heads="any",
        properties=None,
        depth=None,
        values=None,
    ),
    "cerebras": replace(
        CAREFUL, recursion=False, heads="any", one_type=True, members=5, characters=5_000, properties=500, values=500
    ),
    "openrouter": CAREFUL,
    "vllm": VLLM,
    "sglang": VLLM,
    "llama.cpp": LLAMA_CPP,
    "ollama": LLAMA_CPP,
    "lmstudio": replace(LLAMA_CPP, one_type=True),
    "unknown": CAREFUL,
}
# Which of the benchmarks' rules hold too.
BENCHMARKS: Mapping[str, str] = {
    **dict.fromkeys("openai azure groq unknown deepseek openrouter".split(), "openai"),
    **dict.fromkeys("llama.cpp ollama lmstudio".split(), "llama.cpp"),
    "gemini": "gemini",
}


def _benchmark_rules() -> ModuleType:
    place = Path(__file__).resolve().parents[2] / "benchmarks" / "rules.py"
    spec = importlib.util.spec_from_file_location("benchmark_rules_of_schemas", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def problems() -> Problems:
    """What in a schema an endpoint of the dialect would refuse, ignore or get wrong, each with its place."""
    benchmarks = _benchmark_rules()

    def found(schema: dict[str, Any], dialect: str) -> list[str]:
        others = benchmarks.broken(schema, BENCHMARKS[dialect]) if dialect in BENCHMARKS else []
        return [*_found(schema, RULES[dialect]), *others]

    return found


def nodes(node: Any, path: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """All the schemas within a schema, with their places."""
    if not isinstance(node, dict):
        return
    yield path, node
    for keyword in ("properties", "$defs"):
        for name, member in node.get(keyword, {}).items():
            yield from nodes(member, f"{path}/{keyword}/{name}")
    for keyword in ("anyOf", "prefixItems"):
        for number, member in enumerate(node.get(keyword, ())):
            yield from nodes(member, f"{path}/{keyword}/{number}")
    for keyword in ("items", "additionalProperties"):
        yield from nodes(node.get(keyword), f"{path}/{keyword}")


def _found(schema: dict[str, Any], rules: Rules) -> list[str]:
    found = [] if schema.get("type") == "object" and "anyOf" not in schema else ["#: the root is no plain object"]
    if schema.get("nullable"):
        found.append("#: the root may be null")
    found += [
        f"{path}: {problem}"
        for path, node in nodes(schema)
        for problem in _problems(node, schema.get("$defs", {}), rules, root=path == "#")
    ]
    return [*found, *(f"#: {problem}" for problem in _whole(schema, rules))]


def _whole(schema: dict[str, Any], rules: Rules) -> Iterator[str]:
    all_nodes = [node for _, node in nodes(schema)]
    counted = {
        "members": max(len(node.get("anyOf", ())) for node in all_nodes),
        "optional": sum(len(node.get("properties", ())) - len(node.get("required", ())) for node in all_nodes),
        "unions": sum("anyOf" in node or isinstance(node.get("type"), list) for node in all_nodes),
        "characters": len(json.dumps(schema, separators=(",", ":"))),
        "properties": sum(len(node.get("properties", ())) for node in all_nodes),
        "values": sum(len(node.get("enum", ())) for node in all_nodes),
    }
    for name, count in counted.items():
        limit = getattr(rules, name)
        if limit is not None and count > limit:
            yield f"{count:,} {name}"
    if rules.depth is not None and (depth := _depth(schema, schema.get("$defs", {}), ())) > rules.depth:
        yield f"{depth} levels"
    if not rules.recursion and any(_leads_to(name, schema.get("$defs", {})) for name in schema.get("$defs", {})):
        yield "recursion"


def _depth(node: Any, definitions: Mapping[str, Any], inside: tuple[str, ...]) -> int:
    if not isinstance(node, dict):
        return 0
    name = node.get("$ref", "").removeprefix("#/$defs/")
    if name:
        return 0 if name in inside else _depth(definitions.get(name), definitions, (*inside, name))
    below = [*node.get("properties", {}).values(), *node.get("prefixItems", ()), node.get("items")]
    below.append(node.get("additionalProperties"))
    own = node.get("type") in ("object", "array") or bool({"object", "array"} & {*node.get("type", ())})
    here = own + max(_depth(each, definitions, inside) for each in below)
    return max([here, *(_depth(each, definitions, inside) for each in node.get("anyOf", ()))])


def _leads_to(name: str, definitions: Mapping[str, Any]) -> bool:
    """Whether a definition leads back to itself."""
    reached: set[str] = set()
    waiting = [name]
    while waiting:
        for _, node in nodes(definitions.get(waiting.pop())):
            other = node.get("$ref", "").removeprefix("#/$defs/")
            if other and other not in reached:
                reached.add(other)
                waiting.append(other)
    return name in reached


def _problems(node: dict[str, Any], definitions: Mapping[str, Any], rules: Rules, *, root: bool) -> Iterator[str]:
    yield from (f"{keyword} is not taken" for keyword in node.keys() - rules.keywords)
    if "$defs" in node and not root:
        yield "$defs below the root"
    if "$ref" in node:
        if len(node) > 1:
            yield "a $ref with siblings"
        if node["$ref"].removeprefix("#/$defs/") not in definitions:
            yield f"{node['$ref']} leads nowhere"
        return
    if node.get("enum") == [] or node.get("anyOf") == [] or node.get("type") == []:
        yield "nothing can stand here"
    yield from _type_problems(node, rules)
    yield from _string_problems(node, rules)
    if (
        isinstance(node.get("minItems"), int)
        and rules.min_items is not None
        and node["minItems"] not in rules.min_items
    ):
        yield "minItems is not taken"
    if "properties" in node or node.get("type") == "object":
        yield from _object_problems(node, rules)
    if "properties" in node and "anyOf" in node:
        yield "properties beside a union"
    yield from _union_problems(node, definitions, rules)


def _type_problems(node: dict[str, Any], rules: Rules) -> Iterator[str]:
    kinds = [node["type"]] if isinstance(node.get("type"), str) else node.get("type", [])
    if not rules.anything and not node.keys() & {"type", "anyOf"}:
        yield "no type"
    if rules.one_type and isinstance(node.get("type"), list):
        yield "a list of types"
    if rules.string_enums and any(not isinstance(value, str) for value in node.get("enum", ())):
        yield "an enum of something else than strings"
    if any(isinstance(value, (dict, list)) for value in [*node.get("enum", ()), node.get("const")]):
        yield "a constant that is an object or a list"
    if not rules.real_bounds and node.keys() & BOUNDS and kinds != ["integer"] and "integer" not in kinds:
        yield "bounds on a number are ignored"
    if "array" in kinds and not node.keys() & {"items", "prefixItems"} and not rules.anything:
        yield "a list without items"


def _string_problems(node: dict[str, Any], rules: Rules) -> Iterator[str]:
    if "format" in node and node["format"] not in rules.formats:
        yield f"format {node['format']} is not taken"
    pattern = node.get("pattern", "^$")
    if re.search(r"\(\?[=!<]|\\[bB1-9]", pattern):
        yield f"pattern {pattern} looks around"
    ungrouped = re.sub(r"\([^()]*\)", "", pattern)
    if rules.anchored and not re.fullmatch(r"\^([^\\|]|\\.)*\$", ungrouped):
        yield f"pattern {pattern} is not anchored"
    if not rules.pattern_beside_length and "pattern" in node and node.keys() & LENGTHS:
        yield "a pattern beside a length"


def _object_problems(node: dict[str, Any], rules: Rules) -> Iterator[str]:
    properties: Sequence[str] = list(node.get("properties", {}))
    required = node.get("required", [])
    if not rules.maps or "properties" in node:
        further = node.get("additionalProperties")
        if rules.closed and further is not False and not rules.maps:
            yield "an open object"
        if required != [name for name in properties if name in required]:
            yield "required has another order than the properties, or more"
        if rules.all_required and required != properties:
            yield "required are not all properties in their order"
    if not rules.empty_objects and not properties:
        yield "an object without properties"
    yield from (f"{name!r} is no name that is taken" for name in properties if not re.fullmatch(rules.names, name))
    if node.get("propertyOrdering", properties) != properties:
        yield "the order is another than that of the properties"


def _union_problems(node: dict[str, Any], definitions: Mapping[str, Any], rules: Rules) -> Iterator[str]:
    objects = list(_objects(node.get("anyOf", []), definitions))
    for one, other in combinations(objects, 2):
        if rules.heads == "own" and one.keys() & other.keys():
            yield "two objects of a union share a key"
        (first, left), (second, right) = next(iter(one.items())), next(iter(other.items()))
        if rules.heads == "first" and first == second and _overlap(left, right):
            yield "two objects of a union begin alike"


def _objects(members: Sequence[Any], definitions: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The properties of the objects of a union."""
    for member in members:
        resolved = member
        while "$ref" in resolved:
            resolved = definitions[resolved["$ref"].removeprefix("#/$defs/")]
        if resolved.get("properties"):
            yield resolved["properties"]
        yield from _objects(resolved.get("anyOf", ()), definitions)


def _overlap(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two properties may have the same value, as far as listed values and types tell."""
    if "enum" in one and "enum" in other:
        return any(value in other["enum"] for value in one["enum"])
    mine, its = ({node.get("type")} if isinstance(node.get("type"), str) else {"any"} for node in (one, other))
    return bool(mine & its) or "any" in mine | its
