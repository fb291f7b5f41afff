"""JSON as it arrives: the same however it is cut, the same as `json.loads` reads it, and what is known in between."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from extractor.reply.node import KINDS, LONGEST_NUMBER, MAX_DEPTH, Fault, Malformed, Node, nodes, plain
from extractor.reply.reader import Reader, read

many = settings(max_examples=300)

# --------------------------------------------------------------------------------------------- texts

characters = st.characters(exclude_categories=["Cs"]) | st.sampled_from('"\\/\n\t\x00\x7f\u2028é😀')
strings = st.text(characters, max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**60), 10**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([-0.0, 1e5, 1e-7, 1.7976931348623157e308])
    | strings
)
values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strings, inner, max_size=4), max_leaves=12
)
cuts = st.lists(st.integers(min_value=0, max_value=10**6), max_size=20)


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Draw a value in one of the ways in which it can be written."""
    space = draw(st.sampled_from(["", " ", "\n", "\r\n\t "]))
    written = json.dumps(
        draw(values),
        ensure_ascii=draw(st.booleans()),
        indent=draw(st.sampled_from([None, 0, 2])),
        separators=("," + space, space + ":" + space),
    )
    return space + written + space


PIECES = (
    *("{", "}", "[", "]", ",", ":", " ", "\n", "\ufeff", "\xa0", '"', '"a"', '"a":', '"b":', '""', '"', "'", "/"),
    *("true", "false", "null", "tru", "nul", "True", "NaN", "Infinity", "-Infinity", "-I", "Na", "-", "+", "."),
    *("0", "1", "00", "-0", "01", "1.5", "1.", ".5", "1e5", "1E+5", "1e", "1e-", "-0.0", "1e999", "-1e999", "1_0"),
    *("\\", "\\n", "\\u", "\\u00e9", "\\ud83d", "\\ude00", "\\ud83d\\ude00", "\\u12", "\\x", "\\ud83d\\n", "\\ud"),
    *(
        "\ud800",
        "\udfff",
        "\x00",
        "\t",
        "\x1f",
        "\x7f",
        "é",
        "😀",
        "٣",
        "12345678901234567890",
        "0.1234567890123456789",
    ),
)
scraps = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)
strung = scraps.map(lambda text: f'["{text}"]')


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """Draw JSON in which a piece was put in, or something left out."""
    text = draw(texts())
    place = draw(st.integers(0, len(text)))
    return text[:place] + draw(st.sampled_from(PIECES) | st.just("")) + text[place + draw(st.integers(0, 3)) :]


any_text = texts() | damaged() | scraps | strung


def cut(text: str, places: Sequence[int]) -> list[str]:
    """Cut a text at some places."""
    bounds = sorted({place % (len(text) + 1) for place in places})
    return [text[a:b] for a, b in zip([0, *bounds], [*bounds, len(text)], strict=True)]


# ----------------------------------------------------------------------------------------- what is read


def told(node: Node) -> tuple[Any, ...]:
    """Tell all that there is to know of one value; a NaN or -0.0 would not be equal, or be too equal."""
    return (node.kind, node.start, node.end, node.key, node.key_start, node.key_end, node.pointer(), repr(node.value))


def feed(reader: Reader, chunks: Sequence[str]) -> None:
    """Read to the end."""
    for chunk in chunks:
        reader.feed(chunk)
    reader.close()


def reading(chunks: Sequence[str], faults: list[Fault] | None) -> tuple[Any, ...]:
    """Tell all of a reading: the nodes, or what was wrong and where."""
    reader = Reader(faults=faults)
    try:
        feed(reader, chunks)
    except Malformed as malformed:
        return (malformed.kind, malformed.offset, reader.offset, repr(faults))
    assert reader.root is not None
    return (*map(told, nodes(reader.root)), repr(faults))


def by_hand(text: str) -> Any:
    """Read as the standard library does, without what it takes beyond JSON; raises `ValueError`."""

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError("a key that is given twice")
        return dict(pairs)

    def finite(number: str) -> float:
        value = float(number)
        if value - value != 0:
            raise ValueError(number)
        return value

    text.encode()
    value = json.loads(text, object_pairs_hook=members, parse_float=finite, parse_constant=finite)
    json.dumps(value, ensure_ascii=False).encode()
    return value


@many
@given(any_text, cuts, st.booleans())
@example('["\\ud83d\\ude00\\n"]', [3, 4, 5, 9, 10, 11], True)
@example('{"a":1,"a":[NaN,{"b":1e999}]}', [2, 11, 15], True)
def test_any_split_gives_the_same(text: str, places: list[int], lenient: bool) -> None:
    """Where a text is cut makes no difference: the same values, places and faults, or the same refusal."""
    whole = reading([text], [] if lenient else None)
    assert reading(cut(text, places), [] if lenient else None) == whole
    assert reading(list(text), [] if lenient else None) == whole


@many
@given(any_text)
@example("-0")
@example("[1E5,1e+05,-0.0,0e0,123456789012345678,1234567890123456789,0.123456789012345678901]")
@example("[1]]")
@example("\ufeff1")
def test_the_same_as_the_standard_library(text: str) -> None:
    """What `json.loads` takes is read as the same value, of the same types; what it refuses is refused."""
    try:
        expected = by_hand(text)
    except ValueError:
        with pytest.raises(Malformed) as caught:
            read(text)
        assert 0 <= caught.value.offset <= len(text)
        return
    assert repr(read(text).value) == repr(expected)


@many
@given(texts())
def test_every_value_stands_where_it_says(text: str) -> None:
    """The span of a value is its text, that of a key the key in quotes, and the pointer leads to it."""
    root = read(text)
    for node in nodes(root):
        assert repr(read(text[node.start : node.end]).value) == repr(node.value)
        if node.key is not None:
            assert json.loads(text[node.key_start : node.key_end]) == node.key
        found = root.value
        for step in node.pointer().split("/")[1:]:
            found = found[int(step) if isinstance(found, list) else step.replace("~1", "/").replace("~0", "~")]
        assert repr(found) == repr(node.value)


def begins(part: Any, whole: Any) -> bool:
    """Tell whether a value is the beginning of another."""
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(begins, part, whole))
    if isinstance(part, dict) and isinstance(whole, dict):
        return list(part) == list(whole)[: len(part)] and all(begins(part[key], whole[key]) for key in part)
    if isinstance(part, str) and isinstance(whole, str):
        return whole.startswith(part)
    return repr(part) == repr(whole)


@many
@given(texts(), cuts)
def test_what_is_known_in_between(text: str, places: list[int]) -> None:
    """After any part of a text the beginning of its value is known, and can still be told at the end."""
    root, reader, last = read(text), Reader(), Reader()
    last.feed(text)
    for chunk in cut(text, places):
        reader.feed(chunk)
        at = reader.offset
        now = None if reader.root is None else plain(reader.root)
        assert begins(now, root.value) or now is None
        if at < len(text):
            assert repr(plain(root, at)) == repr(now)
        if reader.root is None:
            continue
        known = plain(reader.root, open_strings=reader)
        assert begins(known, root.value) or known is None
        assert repr(plain(root, at, open_strings=last)) == repr(known) or at == len(text)
        assert repr(plain(reader.root, at, open_strings=reader)) == repr(known)
    assert reader.offset == len(text)


@many
@given(texts(), st.integers(0, 10**6))
def test_what_is_open(text: str, place: int) -> None:
    """The open values lead from the root to the last one, and the tail is the end of the text."""
    reader = Reader()
    reader.feed(text[: place % len(text)])
    path, tail = reader.open_path(), reader.tail()
    assert [node.end for node in path] == [-1] * len(path)
    assert [node.parent for node in path] == [None, *path][:-1] or not path
    assert path[:1] == [reader.root] if not reader.done and reader.root is not None else path == []
    assert text[: reader.offset].endswith(tail)
    if path and not path[-1].kind.startswith(("obj", "arr")):
        assert tail == text[path[-1].start : reader.offset]
        assert path[-1].value is None


# ---------------------------------------------------------------------------------------- case by case

LONG = "1" * LONGEST_NUMBER


@pytest.mark.parametrize(
    ("text", "kind", "offset"),
    [
        ("", "ended_early", 0),
        (" \n", "ended_early", 2),
        ("[1", "ended_early", 2),
        ('{"a"', "ended_early", 4),
        ('"a', "ended_early", 2),
        ("tru", "ended_early", 3),
        ("-", "ended_early", 1),
        ("1.", "ended_early", 2),
        ("1e+", "ended_early", 3),
        ("[1.", "ended_early", 3),
        ("\ufeff{}", "syntax", 0),
        ("[1,]", "syntax", 3),
        ("[,1]", "syntax", 1),
        ("[1 2]", "syntax", 3),
        ("[1}", "syntax", 2),
        ("]", "syntax", 0),
        ('{"a":]', "syntax", 5),
        ('{"a":1,}', "syntax", 7),
        ('{"a" 1}', "syntax", 5),
        ('{"a":1 "b":2}', "syntax", 7),
        ("{1:2}", "syntax", 1),
        ("{,}", "syntax", 1),
        ("{'a':1}", "syntax", 1),
        ("trux", "syntax", 3),
        ("truex", "trailing_text", 4),
        ("[truex]", "syntax", 5),
        ("[1.x]", "syntax", 3),
        ("[01]", "syntax", 2),
        ("[-a]", "syntax", 2),
        ("[-Inx]", "syntax", 4),
        ("[+1]", "syntax", 1),
        ("[.5]", "syntax", 1),
        ("[\xa01]", "syntax", 1),
        ("[\ud800]", "syntax", 1),
        ("1 2", "trailing_text", 2),
        ("1,", "trailing_text", 1),
        ("01", "trailing_text", 1),
        ("{}}", "trailing_text", 2),
        ('"a\nb"', "control_character", 2),
        ('{"\x00":1}', "control_character", 2),
        ('"a\\xb"', "bad_escape", 2),
        ('"a\\u12g4"', "bad_escape", 2),
        ('"\\U0041"', "bad_escape", 1),
        ('"\\n\\ud83d\\n"', "lone_surrogate", 3),
        ('"\\ud83d"', "lone_surrogate", 1),
        ('"\\ud83d\\ud83d\\ude00"', "lone_surrogate", 1),
        ('"\\ude00"', "lone_surrogate", 1),
        ('{"\\ud800":1}', "lone_surrogate", 2),
        ('"a\ud800"', "lone_surrogate", 2),
        ("[NaN]", "not_finite", 1),
        ("-Infinity", "not_finite", 0),
        ("[1,-1e999]", "not_finite", 3),
        ('{"a":1, "a":2}', "duplicate_key", 8),
        ('{"a":1, "\\u0061":2}', "duplicate_key", 8),
        ("[" * (MAX_DEPTH + 1), "too_deep", MAX_DEPTH),
        ('{"":' * (MAX_DEPTH + 1), "too_deep", 4 * MAX_DEPTH),
        (f"[{LONG}1]", "number_too_long", LONGEST_NUMBER + 1),
        (f"[0.{LONG}", "number_too_long", LONGEST_NUMBER + 1),
    ],
)
def test_what_is_refused(text: str, kind: str, offset: int) -> None:
    """A fault has a name and a place, and the reader that found it stays where it was."""
    for chunks in ([text], list(text)):
        reader = Reader()
        for _ in range(2):
            with pytest.raises(Malformed) as caught:
                feed(reader, chunks)
            assert (caught.value.kind, caught.value.offset, reader.offset) == (kind, offset, offset)
        with pytest.raises(Malformed, match=re.escape(f"{KINDS[kind]}, at character {offset}")):
            reader.feed("[")
        assert text[:offset].endswith(reader.tail())


def test_what_was_read_stays() -> None:
    """A fault takes nothing away of what came before it."""
    reader = Reader()
    with pytest.raises(Malformed):
        reader.feed('{"a": [1, "two", "th\\x"]}')
    assert reader.root is not None
    assert reader.root.value == {"a": [1, "two"]}
    assert reader.text_of(reader.open_path()[-1]) == "th"
    assert reader.tail() == '"th'


@pytest.mark.parametrize(
    ("text", "value", "faults"),
    [
        ("[NaN,1]", [None, 1], [("not_finite", "/0", "NaN")]),
        ("-Infinity", None, [("not_finite", "", "-Infinity")]),
        ('{"a/~1":[1,1e999]}', {"a/~1": [1, None]}, [("not_finite", "/a~1~01/1", "1e999")]),
        ('{"a":1,"a":{"b":2},"c":3}', {"a": 1, "c": 3}, [("duplicate_key", "/a", "a")]),
        ('{"x":{"a":[],"a":[1],"a":2}}', {"x": {"a": []}}, [("duplicate_key", "/x/a", "a")] * 2),
        ('{"a":NaN,"a":1}', {"a": None}, [("not_finite", "/a", "NaN"), ("duplicate_key", "/a", "a")]),
        (f'{{"{LONG}":1,"{LONG}":2}}', {LONG: 1}, [("duplicate_key", "/" + LONG, LONG[:200])]),
    ],
)
def test_what_is_only_told(text: str, value: Any, faults: list[tuple[str, str, str]]) -> None:
    """Who asks for the faults gets them, each with its place, and the value without what must not become data."""
    found: list[Fault] = []
    root = read(text, faults=found)
    assert (root.value, plain(root)) == (value, value)
    assert [(fault.kind, fault.pointer, fault.found) for fault in found] == faults


def steps(text: str) -> Iterator[Reader]:
    """Read character by character."""
    reader = Reader()
    for character in text:
        reader.feed(character)
        yield reader


def test_a_string_as_it_grows() -> None:
    """The text of an open string is known up to the last whole escape, now and in retrospect."""
    text = '["a\\n\\ud83d\\ude00\\u00e9"]'
    known = {2: "", 3: "a", 5: "a\n", 17: "a\n😀", 23: "a\n😀é"}
    expected = ""
    for reader in steps(text):
        expected = known.get(reader.offset, expected)
        if reader.root is not None and reader.root.children:
            assert reader.text_of(reader.root.children[0]) == expected
            assert reader.text_of(reader.root.children[0], reader.offset) == expected
            assert reader.text_of(reader.root.children[0], 0) == ""
            assert reader.text_of(reader.root.children[0], 3) == expected[:1]
    for at in range(2, len(text)):
        expected = known.get(at, expected if at > 2 else "")
        assert reader.root is not None
        assert reader.text_of(reader.root.children[0], at) == expected


def test_the_view_as_it_grows() -> None:
    """Containers are there from their first character on, scalars when they are complete."""
    text = '{"a": [1, true], "b": "xy"}'
    views = [(plain(r.root), plain(r.root, open_strings=r)) for r in steps(text) if r.root is not None]
    changes = [view for number, view in enumerate(views) if views[number - 1] != view]
    assert changes == [
        ({}, {}),
        ({"a": []}, {"a": []}),
        ({"a": [1]}, {"a": [1]}),
        ({"a": [1, True]}, {"a": [1, True]}),
        ({"a": [1, True]}, {"a": [1, True], "b": ""}),
        ({"a": [1, True]}, {"a": [1, True], "b": "x"}),
        ({"a": [1, True]}, {"a": [1, True], "b": "xy"}),
        ({"a": [1, True], "b": "xy"}, {"a": [1, True], "b": "xy"}),
    ]


@pytest.mark.parametrize(
    ("text", "tail", "path"),
    [
        ("", "", []),
        (" ", "", []),
        ("[", "", [""]),
        ("[12", "12", ["", "/0"]),
        ("[12 ", "", [""]),
        ("[-", "-", ["", "/0"]),
        ("[fal", "fal", ["", "/0"]),
        ("[false", "", [""]),
        ('["a\\', '"a\\', ["", "/0"]),
        ('{"ke', '"ke', [""]),
        ('{"key"', "", [""]),
        ('{"key": ', "", [""]),
        ('{"key": {"b": "x', '"x', ["", "/key", "/key/b"]),
        ('{"key": {"b": 1}, "c', '"c', [""]),
        ("12", "12", [""]),
        ("12 ", "", []),
        ("{}", "", []),
    ],
)
def test_tails(text: str, tail: str, path: list[str]) -> None:
    """What is open, and the text of the token that is not complete."""
    for chunks in ([text], list(text)):
        reader = Reader()
        for chunk in chunks:
            reader.feed(chunk)
        assert (reader.tail(), [node.pointer() for node in reader.open_path()]) == (tail, path)


def test_a_number_is_complete_when_something_follows() -> None:
    """A number at the root waits for white space or for the end."""
    reader = Reader()
    reader.feed("12")
    assert (reader.done, reader.root is not None and plain(reader.root)) == (False, None)
    reader.close()
    assert (reader.done, reader.root is not None and plain(reader.root)) == (True, 12)
    with pytest.raises(Malformed, match="More text after the value, at character 2"):
        reader.feed("3")


def test_done() -> None:
    """Containers, strings and literals are complete with their last character; white space may follow."""
    for text in ('{"a":[]}', '"a"', "null"):
        assert [reader.done for reader in steps(text)] == [False] * (len(text) - 1) + [True]
        assert [reader.done for reader in steps(text + " \n")][-2:] == [True, True]


def test_the_bounds_themselves() -> None:
    """As many levels, and as long a number, as are allowed."""
    deep = read("[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert (len(list(nodes(deep))), repr(plain(deep))) == (MAX_DEPTH, "[" * MAX_DEPTH + "]" * MAX_DEPTH)
    assert read(f"[{LONG}]").value == [int(LONG)]
    assert read(f"[0.{LONG[2:]}]").value == [float(f"0.{LONG}")]


def test_a_lower_limit_of_the_process() -> None:
    """An int that Python was told not to read is a number that is too long, not an error of another kind."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(640)
    try:
        with pytest.raises(Malformed) as caught:
            read(f"[{LONG}]")
    finally:
        sys.set_int_max_str_digits(limit)
    assert (caught.value.kind, caught.value.offset) == ("number_too_long", 1)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps("ab\n" * 40_000),
        json.dumps({"k" * 100_000: [1.5] * 20_000}),
        " " * 100_000 + "1" + " " * 100_000,
        json.dumps([{}] * 30_000),
        "[" + "1e5 ," * 20_000 + "1]",
    ],
)
def test_long_texts(text: str) -> None:
    """A long text is read in short pieces, one long token or many short ones."""
    reader = Reader()
    for start in range(0, len(text), 3):
        reader.feed(text[start : start + 3])
    reader.close()
    assert reader.root is not None
    assert reader.root.value == json.loads(text)


@pytest.mark.parametrize(("key", "told"), [("k", 1_000), ("k" * 60_000, 17)])
def test_very_many_faults(key: str, told: int) -> None:
    """Of thousands of faults the first are told, fewer where a key makes all of their pointers long."""
    found: list[Fault] = []
    root = read(f'{{"{key}": [{"NaN, " * 10_000}1]}}', faults=found)
    assert len(root.value[key]) == 10_001
    assert len(found) == told
