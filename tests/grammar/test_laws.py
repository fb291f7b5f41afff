"""What holds for every grammar: its rules are sound, and no right value is excluded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extractor.errors import SchemaError
from extractor.grammar.schema_grammar import grammar_of

# ------------------------------------------------------------------------------- reading a grammar

_TOKEN = re.compile(
    r' *(?:"(?P<text>(?:[^"\\]|\\.)*)"|(?P<among>\[(?:[^\]\\]|\\.)*\])|(?P<name>[a-zA-Z][a-zA-Z0-9-]*)'
    r"|(?P<sign>[()|*+?])|\{(?P<least>\d+)(?P<upto>,)?(?P<most>\d+)?\})"
)
_CONTROL = {"n": "\n", "r": "\r", "t": "\t"}
Node = tuple[Any, ...]  # (kind, …): text, among, rule, all, one, times


def rules_of(grammar: str) -> dict[str, Node]:
    """The rules, each of which is there once."""
    rules: dict[str, Node] = {}
    assert grammar.endswith("\n")
    for line in grammar[:-1].split("\n"):
        name, body = line.split(" ::= ", 1)
        assert name not in rules
        tokens, at = [], 0
        while at < len(body):
            match = _TOKEN.match(body, at)
            assert match, body[at:]
            tokens.append(match)
            at = match.end()
        rules[name] = _one(iter(tokens))
    return rules


def _one(tokens: Iterator[re.Match[str]]) -> Node:
    ways: list[list[Node]] = [[]]
    for token in tokens:
        if token["sign"] == ")":
            break
        if token["sign"] == "|":
            ways.append([])
        elif token["sign"] == "(":
            ways[-1].append(_one(tokens))
        elif token["sign"]:
            least, most = {"*": (0, None), "+": (1, None), "?": (0, 1)}[token["sign"]]
            ways[-1][-1] = ("times", ways[-1][-1], least, most)
        elif token["least"]:
            most = int(token["most"]) if token["most"] else None if token["upto"] else int(token["least"])
            ways[-1][-1] = ("times", ways[-1][-1], int(token["least"]), most)
        elif token["name"]:
            ways[-1].append(("rule", token["name"]))
        elif token["among"]:
            ways[-1].append(("among", re.compile(token["among"])))
        else:
            ways[-1].append(("text", re.sub(r"\\x(..)|\\(.)", _plain, token["text"])))
    assert all(ways), "an empty alternative"
    return ("one", *(("all", *way) for way in ways))


def _plain(match: re.Match[str]) -> str:
    return chr(int(match[1], 16)) if match[1] else _CONTROL.get(match[2], match[2])


def named(node: Node) -> set[str]:
    """The rules that an expression names."""
    if node[0] == "rule":
        return {node[1]}
    return set().union(*(named(each) for each in node[1:] if isinstance(each, tuple)))


def check(grammar: str) -> dict[str, Node]:
    """That every rule is defined, can be sent, and does not begin with itself."""
    grammar.encode()
    rules = rules_of(grammar)
    assert next(iter(rules)) == "root"
    assert set().union(*map(named, rules.values())) <= rules.keys()
    empty: set[str] = set()
    while more := {name for name, node in rules.items() if name not in empty and _is_empty(node, empty)}:
        empty |= more
    TopologicalSorter({name: _begins(node, empty) for name, node in rules.items()}).prepare()
    return rules


def _is_empty(node: Node, empty: set[str]) -> bool:
    """Whether an expression may be nothing."""
    kind, inner = node[0], [each for each in node[1:] if isinstance(each, tuple)]
    if kind in ("all", "one"):
        return (all if kind == "all" else any)(_is_empty(each, empty) for each in inner)
    return {"text": not node[1], "among": False, "rule": node[1] in empty}.get(kind) or (
        kind == "times" and (not node[2] or _is_empty(node[1], empty))
    )


def _begins(node: Node, empty: set[str]) -> set[str]:
    """The rules with which an expression may begin."""
    found: set[str] = set()
    for each in node[1:] if node[0] in ("all", "one", "times") else ():
        if isinstance(each, tuple):
            found |= _begins(each, empty)
            if node[0] == "all" and not _is_empty(each, empty):
                break
    return {node[1]} if node[0] == "rule" else found


def accepts(rules: dict[str, Node], text: str) -> bool:
    """Whether a text is in the language."""

    @cache
    def ends(node: Node, at: int) -> frozenset[int]:
        kind = node[0]
        if kind == "text":
            return frozenset([at + len(node[1])] if text.startswith(node[1], at) else ())
        if kind == "among":
            return frozenset([at + 1] if node[1].match(text, at) else ())
        if kind == "rule":
            return ends(rules[node[1]], at)
        if kind == "one":
            return frozenset().union(*(ends(each, at) for each in node[1:]))
        if kind == "all":
            places = frozenset([at])
            for each in node[1:]:
                places = frozenset().union(*(ends(each, place) for place in places))
            return places
        return times(node, at)

    def times(node: Node, at: int) -> frozenset[int]:
        _, inner, least, most = node
        found, places, count = set[int](), {at}, 0
        while places and (most is None or count <= most):
            if count >= least:
                places -= found
                found |= places
            count += 1
            places = set[int]().union(*(ends(inner, place) for place in places))
        return frozenset(found)

    return len(text) in ends(rules["root"], 0)


# ------------------------------------------------------------------------------- right values

Pair = tuple[dict[str, Any], Any]  # a schema, and a value that it allows
KEYS = st.text("abc é\"\\'|)", min_size=1, max_size=4)
TEXTS = st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from('"\\\n\t'), max_size=12)


@st.composite
def bounded(draw: st.DrawFn, kind: str, values: st.SearchStrategy[Any]) -> Pair:
    """A number and some of the bounds that it keeps."""
    value = draw(values)
    schema: dict[str, Any] = {"type": kind}
    room = st.integers(0, 10) | st.integers(0, 10**17)
    if draw(st.booleans()):
        schema["minimum"] = value - draw(room)
    if draw(st.booleans()):
        schema["maximum"] = value + draw(room)
    if draw(st.booleans()) and (low := value - 1 - draw(room)) < value:
        schema["exclusiveMinimum"] = low
    if draw(st.booleans()) and (high := value + 1 + draw(room)) > value:
        schema["exclusiveMaximum"] = high
    return schema, value


@st.composite
def measured(draw: st.DrawFn) -> Pair:
    """A text and some of the lengths that it keeps."""
    value = draw(TEXTS)
    schema: dict[str, Any] = {"type": "string"}
    if draw(st.booleans()):
        schema["minLength"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        schema["maxLength"] = len(value) + draw(st.integers(0, 5) | st.integers(0, 1_000))
    return schema, value


@st.composite
def listed(draw: st.DrawFn, pairs: st.SearchStrategy[Pair]) -> Pair:
    """A list, with heads or without, and some of the counts that it keeps."""
    heads, item = draw(st.lists(pairs, max_size=3)), draw(pairs)
    further = draw(st.integers(0, 3))
    value = [each for _, each in heads] + [item[1]] * further
    schema: dict[str, Any] = {"type": "array", "items": item[0]}
    if heads:
        schema["prefixItems"] = [each for each, _ in heads]
        if not further:
            value = value[: draw(st.integers(0, len(heads)))]
            schema["items"] = draw(st.sampled_from([False, item[0]]))
    if draw(st.booleans()):
        schema["minItems"] = draw(st.integers(0, len(value)))
    if draw(st.booleans()):
        schema["maxItems"] = len(value) + draw(st.integers(0, 3))
    return schema, value


@st.composite
def objects(draw: st.DrawFn, pairs: st.SearchStrategy[Pair]) -> Pair:
    """An object, some properties of which are required, and perhaps further ones at its end."""
    properties, more = draw(st.dictionaries(KEYS, pairs, max_size=4)), draw(st.none() | pairs)
    there = {key for key in properties if draw(st.booleans())}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {key: each for key, (each, _) in properties.items()},
        "required": [key for key in there if draw(st.booleans())],
        "additionalProperties": False,
    }
    value = {key: each for key, (_, each) in properties.items() if key in there}
    if more:
        schema["additionalProperties"] = more[0]
        value |= {key: more[1] for key in draw(st.sets(KEYS, max_size=2)) if key not in properties}
    return schema, value


SCALARS: st.SearchStrategy[Pair] = st.one_of(
    bounded("integer", st.integers(-(10**16) + 1, 10**16 - 1)),
    bounded("number", st.integers(-1_000, 1_000) | st.decimals(-1_000, 1_000, places=2).map(float)),
    st.floats(-1e90, 1e90).filter(lambda it: not 0 < abs(it) < 1e-90).map(lambda it: ({"type": "number"}, it)),
    measured(),
    st.dates().map(lambda it: ({"type": "string", "format": "date"}, it.isoformat())),
    st.times().map(lambda it: ({"type": "string", "format": "time"}, it.isoformat())),
    st.datetimes().map(lambda it: ({"type": "string", "format": "date-time"}, it.isoformat())),
    st.uuids().map(lambda it: ({"type": "string", "format": "uuid"}, str(it))),
    st.booleans().map(lambda it: ({"type": "boolean"}, it)),
    st.just(({"type": "null"}, None)),
    st.just(({"type": ["string", "null"]}, None)),
    TEXTS.map(lambda it: ({"const": it}, it)),
    st.lists(TEXTS, min_size=1).map(lambda them: ({"enum": them}, them[-1])),
    st.recursive(TEXTS | st.none() | st.integers(-5, 5), lambda it: st.lists(it, max_size=3), max_leaves=4)
    .filter(lambda it: json.dumps(it).count("[") <= 3)
    .map(lambda it: ({}, it)),
)
PAIRS = st.recursive(
    SCALARS,
    lambda pairs: st.one_of(
        listed(pairs),
        objects(pairs),
        st.tuples(st.lists(pairs, max_size=2), pairs).map(
            lambda them: ({"anyOf": [*(each for each, _ in them[0]), them[1][0]]}, them[1][1])
        ),
    ),
    max_leaves=6,
)


@settings(max_examples=300)
@given(PAIRS)
@example(({"type": "integer", "maximum": 5}, -50))
@example(({"type": "number", "minimum": -100, "maximum": -5}, -50.5))
@example(({"type": "integer", "minimum": 10**18}, 10**18))
@example(({"type": "number"}, 1.6e-19))
def test_no_right_value_is_excluded(pair: Pair) -> None:
    """What the schema allows can be written, in the one style."""
    schema, value = pair
    text = json.dumps(value, ensure_ascii=False)
    assert accepts(check(grammar_of(schema, None, copied=False)), text)
    named = {"$ref": "#/$defs/It", "$defs": {"It": schema}}
    assert accepts(check(grammar_of(named, None, copied=False)), text)


WORDS = st.lists(st.text("abcXYZé日", min_size=1, max_size=6), min_size=1, max_size=8).map(" ".join)
FOUND: st.SearchStrategy[Pair] = st.one_of(
    bounded("integer", st.integers(-(10**9), 10**9)),
    bounded("number", st.decimals(-1_000, 1_000, places=2).map(float)),
    WORDS.map(lambda it: ({"type": "string"}, it)),
    st.tuples(WORDS, st.integers(0, 40)).map(
        lambda it: ({"type": ["string", "null"], "maxLength": len(it[0]) + it[1], "minLength": len(it[0]) // 2}, it[0])
    ),
    WORDS.map(lambda it: ({"type": ["string", "null"], "pattern": "^.*$"}, it)),
    WORDS.map(lambda it: ({"type": ["string", "null"], "pattern": "^(?=.)"}, it)),  # which nothing here can tell
    st.dates().map(lambda it: ({"type": "string", "format": "date"}, it.isoformat())),
    st.datetimes().map(lambda it: ({"type": "string", "format": "date-time"}, it.isoformat())),
)


@settings(max_examples=300)
@given(st.lists(FOUND, min_size=1, max_size=4), st.booleans(), st.booleans())
def test_what_stands_in_the_document_is_not_excluded(pairs: list[Pair], rows: bool, objects: bool) -> None:
    """A right value that stands in the document can be copied from it."""
    document = "".join(f"x {'=' if isinstance(value, str) else 'at'} {value}\n" for _, value in pairs)
    keys = [f"k{number}" for number in range(len(pairs))]
    schema = {
        "type": "object",
        "properties": {key: each for key, (each, _) in zip(keys, pairs, strict=True)},
        "required": keys,
    }
    value: Any = {key: each for key, (_, each) in zip(keys, pairs, strict=True)}
    if objects:
        rows, schema, value = False, {"type": "array", "items": schema}, [value]
    rules = check(grammar_of(schema, document, copied=True, rows=rows))
    assert accepts(rules, json.dumps(value, ensure_ascii=False))


# ------------------------------------------------------------------------------- whatever comes

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=4,
)
COUNTS = st.integers(-1, 4) | st.sampled_from([10**9, 10**400, 2.0, 1e308, float("inf"), float("nan"), None])
NAMES = st.sampled_from(["#/$defs/A", "#/$defs/B", "#/$defs/C", "A", "#"])
KINDS = st.sampled_from(["string", "number", "integer", "boolean", "null", "object", "array", "thing"])


@st.composite
def said(draw: st.DrawFn, inner: st.SearchStrategy[Any]) -> dict[str, Any]:
    """A schema of a few keywords, or a kind and one that has no right form."""
    lists = st.lists(inner, max_size=3)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        "type": KINDS | st.lists(KINDS, max_size=3),
        "$ref": NAMES,
        "enum": st.lists(JUNK, max_size=3),
        "const": JUNK,
        "anyOf": lists,
        "oneOf": lists,
        "properties": st.dictionaries(st.text(st.characters(), max_size=2), inner, max_size=3),
        "required": st.lists(st.text(max_size=2), max_size=2),
        "additionalProperties": inner,
        "items": inner,
        "prefixItems": lists,
        "format": st.sampled_from(["date", "time", "date-time", "uuid", "email"]),
        "pattern": st.sampled_from(["^a+$", "^.*$", "(", "^(?=a)", "[\ud800]", "^[^a]$", "a{99999}"]),
        "x-evidence": st.sampled_from(["inferred", "grounded"]),
        "allOf": lists,
    }
    counts = ("minLength", "maxLength", "minItems", "maxItems")
    bounds = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
    keywords |= dict.fromkeys((*counts, *bounds), COUNTS | st.floats())
    names = draw(st.lists(st.sampled_from(sorted(keywords)), max_size=4, unique=True))
    if names and draw(st.integers(0, 4)) == 0:
        return {"type": draw(KINDS), names[0]: draw(JUNK)}
    return {name: draw(keywords[name]) for name in names}


SCHEMAS = st.recursive(st.booleans() | JUNK, said, max_leaves=8)
DOCUMENTS = st.none() | st.text(st.characters(), max_size=40) | st.text("ab12 |,;\n.-:/\ud800", max_size=60)


@settings(max_examples=1_000)
@given(said(SCHEMAS), st.fixed_dictionaries({}, optional=dict.fromkeys("ABC", SCHEMAS)), DOCUMENTS)
def test_whatever_comes(schema: dict[str, Any], definitions: dict[str, Any], document: str | None) -> None:
    """Of any schema and any document there is a sound grammar, or a `SchemaError` for the schema, and nothing else."""
    schema = {**schema, "$defs": definitions}
    try:
        check(grammar_of(schema, None, copied=False))
    except SchemaError:
        with pytest.raises(SchemaError):
            grammar_of(schema, document, copied=True)
    else:
        check(grammar_of(schema, document, copied=True))


ITSELF = {"$ref": "#/$defs/A"}


@pytest.mark.parametrize(
    "schema",
    [
        {**ITSELF, "$defs": {"A": ITSELF}},
        {**ITSELF, "$defs": {"A": {"anyOf": [ITSELF, {"type": "string"}]}}},
        {**ITSELF, "$defs": {"A": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/B"}]}, "B": {"anyOf": [ITSELF]}}},
        {"enum": []},
        {"anyOf": []},
        {"type": []},
        {"enum": "ab"},
        {"const": float("nan")},
        {"const": 10**5_000},
        {"const": "\ud800"},
        {"type": "object", "properties": {"\ud800": {"type": "null"}}},
        {"type": "object", "properties": [1]},
        {"type": [["string"]]},
    ],
)
@pytest.mark.parametrize("document", [None, "Berlin 5"])
def test_what_is_refused(schema: dict[str, Any], document: str | None) -> None:
    """What no grammar can say is refused, rather than sent as an empty or an endless one."""
    with pytest.raises(SchemaError):
        grammar_of(schema, document, copied=True)


@pytest.mark.parametrize("wrong", [None, "5", float("inf"), float("nan"), True, [], -0.5])
@pytest.mark.parametrize("keyword", ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems"])
@pytest.mark.parametrize("document", [None, "a b 5 7.5"])
def test_what_is_no_bound_bounds_nothing(keyword: str, wrong: Any, document: str | None) -> None:
    """A bound that is none leaves the values as they are."""
    kind = {"minimum": "number", "maximum": "number", "minItems": "array", "maxItems": "array"}.get(keyword, "string")
    if wrong == -0.5 and kind == "number":
        wrong = None
    plain = {"type": kind, "items": {"type": "string"}} if kind == "array" else {"type": kind}
    assert grammar_of({**plain, keyword: wrong}, document, copied=True) == grammar_of(plain, document, copied=True)


TABLE = "Claw | hammer | 3\nHand | saw | 4\nSpirit | level | none\nWood | glue | 7\n"


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_rows_that_are_taken_back(order: str) -> None:
    """Where a row lacks what one list requires, another list may still be made of it."""
    items: dict[str, Any] = {
        "a": {"q": {"type": "integer"}, "n": {"type": "string"}},
        "b": {"n": {"type": "string"}, "m": {"type": "string"}},
    }
    properties = {
        key: {"type": "array", "items": {"type": "object", "properties": items[key], "required": [*items[key]]}}
        for key in order
    }
    rules = check(grammar_of({"type": "object", "properties": properties, "required": ["a", "b"]}, TABLE, copied=True))
    value = {"a": [{"q": 3, "n": "hammer"}, {"q": 4, "n": "saw"}], "b": []}
    assert accepts(rules, json.dumps({key: value[key] for key in order}))
