"""Broken JSON: what is plain is mended, and nothing is guessed."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.reply.repair import mended
from extractor.reply.repairs import Mended, Repair

CORPUS = [json.loads(line) for line in (Path(__file__).parent / "broken.jsonl").read_text("utf-8").splitlines()]

# ---------------------------------------------------------------------------------------- reading


def clean_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members, of which no key is given twice."""
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a key is given twice")
    return dict(pairs)


def finite(digits: str) -> float:
    """Read a number that is finite."""
    number = float(digits)
    if number - number != 0:
        raise ValueError(digits)
    return number


def load(each: Mended) -> Any:
    """Read what was mended."""
    return json.loads(each.text + each.closers)


def answers(text: str, schema: Any) -> list[Any]:
    """The different values in a text that are whole, clean, and fit the schema."""
    validator = jsonschema_rs.validator_for(schema)
    found: dict[str, Any] = {}
    for each in mended(text):
        if each.torn:
            continue
        try:
            value = json.loads(
                each.text + each.closers, object_pairs_hook=clean_pairs, parse_constant=finite, parse_float=finite
            )
        except ValueError:
            continue
        if validator.is_valid(value):
            found[json.dumps(value, sort_keys=True)] = value
    return list(found.values())


def kinds(text: str) -> set[str]:
    """The kinds of repairs of the only value in a text."""
    (only,) = mended(text)
    return {repair.kind for repair in only.repairs}


@pytest.mark.parametrize("entry", CORPUS, ids=[entry["id"] for entry in CORPUS])
def test_the_corpus(entry: dict[str, Any]) -> None:
    """Each broken reply gives what a careful person reads in it, and nothing where that would be a guess."""
    found = answers(entry["text"], entry["schema"])
    assert (found[0] if len(found) == 1 else None) == entry["expect"], mended(entry["text"])


def test_the_corpus_is_sound() -> None:
    """Every entry has an id of its own and expects what its schema allows; in many, nothing may be read."""
    assert len({entry["id"] for entry in CORPUS}) == len(CORPUS) >= 170
    for entry in CORPUS:
        assert entry["expect"] is None or jsonschema_rs.is_valid(entry["schema"], entry["expect"]), entry["id"]
    assert sum(entry["expect"] is None for entry in CORPUS) >= 30


# ------------------------------------------------------------------------------------ one by one


@pytest.mark.parametrize(
    ("text", "expected", "closers", "torn"),
    [
        ('{"age": 30', '{"age": 30', "}", False),
        ('{"a": "hel', "{", "}", True),
        ('{"a": 1, "b": [1, 2, {"c": "x', '{"a": 1, "b": [1, 2, {', "}]}", True),
        ('{"a": 1, "b', '{"a": 1', "}", True),
        ('{"a": 1, "b"', '{"a": 1', "}", True),
        ('{"a": 1, "b":', '{"a": 1', "}", True),
        ('{"a": 1, "b": tr', '{"a": 1', "}", True),
        ('{"a": 1, "b": -', '{"a": 1', "}", True),
        ('{"a": 1, "b": 2.', '{"a": 1', "}", True),
        ('{"a": 1, "b": "x\\', '{"a": 1', "}", True),
        ('{"a": 1, ', '{"a": 1', "}", False),
        ('{"a": 1, // not', '{"a": 1', "}", False),
        ('[1, 2, "', "[1, 2", "]", True),
        ("[", "[", "]", False),
        ('{"a": [', '{"a": [', "]}", False),
        ('{"a": "x"', '{"a": "x"', "}", False),
        ("{'a': 'x', 'b': 'y", '{"a": "x"', "}", True),
        ('{"a": 1,, /* b */ // c', '{"a": 1', "}", False),
        ('{"a": [1, 2}', '{"a": [1, 2]}', "", False),
        ('```json\n{"a": 1\n```\nDone.', '{"a": 1', "}", False),
    ],
)
def test_the_end(text: str, expected: str, closers: str, torn: bool) -> None:
    """What the end has torn is left out, and what is open is closed."""
    (only,) = mended(text)
    assert (only.text, only.closers, only.torn) == (expected, closers, torn)
    assert "missing_closers" in {repair.kind for repair in only.repairs}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('\ufeff{"a": 1}', "bom"),
        ('```json\n{"a": 1}\n```', "fence"),
        ('It is {"a": 1}', "prose"),
        ('<think>{}</think>{"a": 1}', "thinking"),
        ('{"a": 1 /* one */}', "comments"),
        ('{"a": 1,}', "trailing_comma"),
        ('{"a": 1\n"b": 2}', "missing_comma"),
        ("{'a': 1}", "single_quotes"),
        ("{“a”: 1}", "smart_quotes"),
        ("{`a`: 1}", "backtick_quotes"),
        ('{"a": """x"""}', "triple_quotes"),
        ('{"a": None}', "python_literals"),
        ("{a: 1}", "unquoted_keys"),
        ('{"a": "x\ny"}', "raw_control"),
        ('{"a": "\\d"}', "bad_escape"),
        ('{"a": "\\ud800"}', "lone_surrogate"),
        ('{"a": "\ud800"}', "lone_surrogate"),
        ('{"a": "the "big" one"}', "inner_quotes"),
        ("｛＂a＂：1｝", "full_width"),
        ('{"a":\u00a01}', "spaces"),
        ('{"a": 1', "missing_closers"),
        ('{"a": 1}}', "extra_closer"),
        ('{"a": +1}', "number"),
        ('"{\\"a\\": 1}"', "double_encoded"),
        ('{"a": 1; "b": 2}', "semicolon"),
        ('{"a" = 1}', "separator"),
        ("[(1, 2)]", "tuple"),
        ('{{"a": 1}}', "doubled_braces"),
        ('{"a": 1} {"b": bare}', "passed_over"),
    ],
)
def test_kinds(text: str, kind: str) -> None:
    """Each rule says by its own name that it was needed."""
    assert kind in kinds(text)
    (only,) = mended(text)
    repair = next(repair for repair in only.repairs if repair.kind == kind)
    assert repair.message.endswith(".")
    assert repair.offset is None or 0 <= repair.offset <= len(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42),
        ("```\n-1.5\n```", -1.5),
        ("'text'", "text"),
        ("True", True),
        ("<think>null?</think>\nNone", None),
        ("(1, 2)", [1, 2]),
        ("“hello”", "hello"),
    ],
)
def test_scalars(text: str, value: Any) -> None:
    """A value that is no object or array is read only where the text is nothing else."""
    (only,) = mended(text)
    assert load(only) == value
    assert mended(f"It is {text}, I think") == ()


@pytest.mark.parametrize(
    "text",
    ["", " ", "hello", "42 or 43", "'a' 'b'", '"a', "tru", "```", "...", "-", "{x}", "[x]", "1.", "\ufeff"],
)
def test_nothing(text: str) -> None:
    """A text without a value gives none."""
    assert mended(text) == ()


def test_places() -> None:
    """A value says where it stood, and a repair where it was made."""
    text = "So: {'a': 1} and [2,]"
    first, second = mended(text)
    assert [text[each.start : each.end] for each in (first, second)] == ["{'a': 1}", "[2,]"]
    assert first.repairs[1] == Repair(kind="single_quotes", message="A string stood in single quotes.", offset=5)


def test_many_values() -> None:
    """Of many values the longest twenty are given, in their order, with the word that there are more."""
    text = "[1] " * 300 + '{"a": 1, "b": 2} ' * 19 + "[1]"
    values = mended(text)
    assert [load(each) for each in values] == [[1]] + [{"a": 1, "b": 2}] * 19
    assert "passed_over" in {repair.kind for repair in values[0].repairs}


def test_many_repairs() -> None:
    """Of many repairs the first hundred are listed, and the last says how many more there are."""
    (only,) = mended("[" + "+1, " * 250 + "]")
    assert len(only.repairs) == 101
    assert only.repairs[-1].kind == "more"
    assert re.match(r"151 more", only.repairs[-1].message)


@pytest.mark.parametrize("depth", [1, 199, 200])
def test_depth(depth: int) -> None:
    """What is nested as deep as can be validated is read."""
    (only,) = mended("[" * depth + "1," + "]" * depth)
    assert load(only) is not None


def test_too_deep() -> None:
    """What is nested deeper is passed over as a whole."""
    assert mended("[" * 201 + "1," + "]" * 201) == ()
    assert [load(each) for each in mended("[" * 201 + "]" * 201 + ' {"a": 1}')] == [{"a": 1}]


def test_encodings_within_each_other() -> None:
    """JSON in a string is read to a depth of three strings."""
    text = '{"a": 1}'
    for _ in range(3):
        text = json.dumps(text)
        assert [load(each) for each in mended(text)] == [{"a": 1}]
    assert [load(each) for each in mended(json.dumps(text))] == [text]


# ------------------------------------------------------------------------------------------- laws

few = settings(max_examples=40)
letters = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
marks = st.text("{}[]()\"'`“”‘:,;/*#\\\n\t abnu01.-+eE…<>think｛：，＂\u00a0\ud800", max_size=60)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | letters
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(letters, inner, max_size=4), max_leaves=12
)
containers = st.lists(values, max_size=4) | st.dictionaries(letters, values, max_size=4)
PIECES = (
    '```json\n|```|~~~|<think>|</think>|{"|{\\"|\\"|": "|{|}|[|]|, |true|None|\'|"""|//|/*|*/|#|…|...|1|-|x'
    "|\n| |{{|}}|“|’|=>"
).split("|")


@settings(max_examples=500)
@given(st.text() | marks | st.lists(st.sampled_from(PIECES), max_size=30).map("".join))
def test_any_text(text: str) -> None:
    """Whatever the text is, nothing is raised, and everything that is given is JSON."""
    end = 0
    for each in mended(text):
        assert isinstance(load(each), (dict, list)) or len(mended(text)) == 1
        assert 0 <= each.start < each.end <= len(text)
        assert end <= each.start or "double_encoded" in {repair.kind for repair in each.repairs}
        end = each.end


@few
@given(
    containers, st.sampled_from(["{}", "```json\n{}\n```", "So:\n{}\nThat is it.", "<think>[]</think> {}", "\ufeff{}"])
)
def test_wrapped(value: Any, around: str) -> None:
    """Valid JSON comes back equal from whatever stands around it."""
    for indent in (None, 1):
        text = around.replace("{}", json.dumps(value, indent=indent, ensure_ascii=indent is None))
        assert [load(each) for each in mended(text)] == [value]


def is_part(part: Any, whole: Any, *, last: bool = True) -> bool:
    """Whether a value is the beginning of another; only the very last number may be a shorter one."""
    if isinstance(whole, dict) and isinstance(part, dict):
        keys = list(part)
        return keys == list(whole)[: len(keys)] and all(
            is_part(part[key], whole[key], last=last and key == keys[-1]) for key in keys
        )
    if isinstance(whole, list) and isinstance(part, list):
        return len(part) <= len(whole) and all(
            is_part(item, other, last=last and number == len(part) - 1)
            for number, (item, other) in enumerate(zip(part, whole, strict=False))
        )
    number = isinstance(whole, (int, float)) and isinstance(part, (int, float))
    return part == whole or (number and last)


@few
@given(containers, st.data())
def test_cut(value: Any, data: st.DataObject) -> None:
    """The beginning of a JSON text gives the beginning of its value."""
    text = json.dumps(value, ensure_ascii=data.draw(st.booleans()))
    cut = data.draw(st.integers(1, len(text)))
    (only,) = mended(text[:cut])
    assert is_part(load(only), value)
    if cut == len(text):
        assert (only.text, only.closers, only.torn, only.repairs) == (text, "", False, ())


class Writer:
    """Writes a value as broken JSON, in ways that are drawn for every token."""

    def __init__(self, data: st.DataObject, ways: set[str]) -> None:
        self._data = data
        self._ways = ways

    def _way(self, *ways: str) -> str:
        allowed = [way for way in ways if way in self._ways]
        return self._data.draw(st.sampled_from(["", *allowed])) if allowed else ""

    def _gap(self) -> str:
        gaps = {"comments": " /* a, b */ ", "hash": " # it's {\n", "spaces": "\u00a0\u2003", "": " "}
        return gaps[self._way("comments", "hash", "spaces")]

    def _comma(self, before: str) -> str:
        gap = self._gap()
        if before[-1:] in ("}", "]") and self._way("missing_comma"):
            return gap + "\n"
        return gap + {"full_width": "，", "semicolon": ";", "": ","}[self._way("full_width", "semicolon")] + gap

    def _colon(self) -> str:
        return {"separator": " => ", "full_width": "：", "": ": "}[self._way("separator", "full_width")] + self._gap()

    def _end(self) -> str:
        return "," if self._way("trailing_comma") else ""

    def text(self, value: str) -> str:
        """Write a string."""
        escaped = json.dumps(value, ensure_ascii=False)[1:-1]
        if self._way("raw_control"):
            escaped = escaped.replace("\\n", "\n").replace("\\t", "\t") if "\\\\" not in escaped else escaped
        quotes = {"single_quotes": "''", "smart_quotes": "“”", "backtick_quotes": "``", "": '""'}
        both = quotes[self._way("single_quotes", "smart_quotes", "backtick_quotes")]
        start, end = both[0], both[1]
        if start != '"':
            escaped = escaped.replace('\\"', '"')
            for mark in {start, end}:
                escaped = escaped.replace(mark, "\\" + mark)
        return start + escaped + end

    def key(self, value: str) -> str:
        """Write a key."""
        return value if re.fullmatch("[a-z]+", value) and self._way("unquoted_keys") else self.text(value)

    def value(self, value: Any) -> str:
        """Write any value."""
        if isinstance(value, dict):
            members = [self.key(key) + self._colon() + self.value(member) for key, member in value.items()]
            return "{" + self._joined(members) + (self._end() if members else "") + self._gap() + "}"
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            brackets = "()" if len(items) > 1 and self._way("tuple") else "[]"
            return brackets[0] + self._joined(items) + (self._end() if items else "") + self._gap() + brackets[1]
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return str(value) if self._way("python_literals") else json.dumps(value)
        return ("+" if value > 0 and self._way("number") else "") + json.dumps(value)

    def _joined(self, parts: list[str]) -> str:
        text = self._gap()
        for number, part in enumerate(parts):
            text += part
            if number + 1 < len(parts):
                follows = parts[number + 1]
                plain = part[-1:] + follows[:1] in ("}{", "][")
                text += self._comma(part if plain else "")
        return text


WAYS = (
    "comments hash spaces missing_comma full_width semicolon trailing_comma raw_control single_quotes smart_quotes "
    "backtick_quotes unquoted_keys separator tuple python_literals number"
).split()


@few
@pytest.mark.parametrize("way", WAYS)
@given(containers, st.data())
def test_broken_in_one_way(way: str, value: Any, data: st.DataObject) -> None:
    """Whatever is broken in one way by rule comes back equal."""
    text = Writer(data, {way}).value(value)
    assert [load(each) for each in mended(text)] == [value]


@settings(max_examples=100)
@given(containers, st.data())
def test_broken_in_many_ways(value: Any, data: st.DataObject) -> None:
    """Whatever is broken in several ways at once comes back equal."""
    text = Writer(data, set(WAYS)).value(value)
    assert [load(each) for each in mended(text)] == [value]


@few
@given(containers, st.integers(1, 3))
def test_encoded(value: Any, levels: int) -> None:
    """JSON in strings comes back equal."""
    text = json.dumps(value)
    for _ in range(levels):
        text = json.dumps(text)
    assert [load(each) for each in mended(text)] == [value]


# ---------------------------------------------------------------------------------------- hostile

SIZE = 50_000
UNITS = (
    '{ [ ( {" {" " \' ` “ , ; : } ] \\ \\" {\\" {\\"} " " # / /* /**/ // ~ ``` <think> </think> <think></think> '
    '{"a": [1, {{ {{"a": {} [] [x] [x {x} 1 -1 +1 0x1 1_ . ... … ｛ ： 「 \\d \\u \\ud800 """ {"a":1},"b": '
    '{"a":1}} [1} "a": a: True,'
).split(" ")


@pytest.mark.parametrize("before", ["", "[", '["', "{", '{"a": "', "['", '"'])
def test_hostile(before: str) -> None:
    """A text that is meant to be hard ends like any other."""
    for unit in (*UNITS, " ", "\n", "\u00a0", "\x00", "\ud800", '" ', ' "a"'):
        if unit:
            values = mended(before + unit * (SIZE // len(unit)))
            assert isinstance(values, tuple)
            for each in values:
                load(each)
