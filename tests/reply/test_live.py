"""A streamed answer: where it comes from and begins, whatever stands before it, and that it is read when asked."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.chat.sse import Piece
from extractor.reply.live import Live
from extractor.reply.node import plain

many = settings(max_examples=200)
cuts = st.lists(st.integers(min_value=0, max_value=10**6), max_size=20)

VALUE = {"a": [1, {"b": "é😀"}], "c": "x{y"}
JSON = json.dumps(VALUE, ensure_ascii=False)


def cut(text: str, places: Sequence[int]) -> list[str]:
    """Cut a text at some places."""
    bounds = sorted({place % (len(text) + 1) for place in places})
    return [text[a:b] for a, b in zip([0, *bounds], [*bounds, len(text)], strict=True)]


def told(live: Live, *pieces: Piece) -> Any:
    """Add pieces; give the value then, None where it has not begun."""
    for piece in pieces:
        live.add(piece)
    root = live.read()
    return None if root is None else plain(root)


BEFORE = [
    "",
    "\n  ",
    "```json\n",
    "Here you are:\n\n",
    "<think>a {b} [c]</think>",
    "\n <Think>\nß İ ß <b> {</THINK>\n```\n",
    "<thinking>\n</think> {x} </thinking> So:",
    "<reasoning>{</reasoning>",
    "<p>Thus: ",
    "<thin ",
    "Thoughts ßßßß: ",
]


@many
@given(st.sampled_from(BEFORE), cuts)
def test_what_stands_before_it(before: str, places: list[int]) -> None:
    """White space, prose, a fence and thoughts in a tag are passed over, wherever they are cut."""
    assert told(Live(), *map(Piece, cut(before + JSON, places))) == VALUE
    assert told(Live(), *map(Piece, before + JSON)) == VALUE


@pytest.mark.parametrize(
    "text", ["", "  ", "<", "<think", "<think>", "<think>{", "<think>{}</thin", "I cannot do that.", "```json\n", '"a"']
)
def test_nothing_yet(text: str) -> None:
    """Before an object or list begins, nothing adds anything."""
    live = Live()
    assert not any(live.add(Piece(each)) for each in text)
    assert live.read() is None
    assert live.offset == 0


def test_every_piece_adds_something() -> None:
    """From the beginning of the JSON on, every piece adds something, but for an empty one."""
    live = Live()
    added = [live.add(Piece(each)) for each in ("So: ", '{"a"', "", ": 1", "}")]
    assert added == [False, True, False, True, True]
    assert live.offset == len('{"a": 1}')


def test_nothing_is_read_until_asked() -> None:
    """What has come is read when somebody wants to know, all at once."""
    live = Live()
    for each in JSON:
        live.add(Piece(each))
    assert (live.offset, live.reader.offset) == (len(JSON), 0)
    live.read()
    assert (live.offset, live.reader.offset) == (len(JSON), len(JSON))


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ('{"a": 1, b: 2}', {"a": 1}),
        ('{"a": [1, 2,], "b": 1}', {"a": [1, 2]}),
        ('{"a": 1, "a": 2}', {"a": 1}),
        ('{"a": 1} and {"a": 2}', {"a": 1}),
        ('{"a": "x\ny", "b": 1}', {}),
        ('{"a": 1 "b"} ' + JSON, {"a": 1}),
    ],
)
def test_what_is_no_clean_json(text: str, known: Any) -> None:
    """Where the text is no clean JSON the reading ends, with what was known then."""
    live = Live()
    assert told(live, *map(Piece, text)) == known
    live.settled = True
    assert not live.add(Piece("1"))
    assert told(live, Piece('"more"')) == known
    assert live.following() is None


def found(*pieces: Piece, tool: str = "") -> tuple[Any, str]:
    """What is known in the end where nothing is taken for the answer before, and the text that it was read from."""
    live = Live(tool)
    for piece in pieces:
        if live.add(piece):
            live.read()
        while (following := live.following()) is not None:
            live = following
            live.read()
    root = live.read()
    assert live.offset >= live.reader.offset
    return (None, "") if root is None else (plain(root), live.text(root.start, root.end))


PROSE = [
    "{curly}: ",
    "See [1], [2] and {x [y] z}:\n",
    "- [ ] one {1}\n",
    '[a](b) {"a": 1 "b": [1, {"c": 2}]} so ',
    '{"a": 1, "a": [{}]}',
    "[NaN, [1]] [1, 2, nil] ",
    '["x\ty", {}] {} [] ',
    "[" * 201 + "]" * 201,
    '{\n"a": ' + "1" * 5_000 + "}",
    "[1] " * 800,
]


@many
@given(st.sampled_from(PROSE), cuts)
def test_brackets_in_prose(before: str, places: list[int]) -> None:
    """What turns out to be no JSON is passed over with all that is in it, as long as nothing was shown of it."""
    assert found(*map(Piece, cut(before + JSON, places))) == (VALUE, JSON)
    assert found(Piece(before + JSON)) == (VALUE, JSON)


@pytest.mark.parametrize(
    "text", ['{a: "x", "b": ' + JSON, '{"a": 1 2, "b": ' + JSON, "{ // so\n" + JSON, "see :[ so " + JSON]
)
def test_what_is_inside_of_no_json(text: str) -> None:
    """What stands in a bracket that is no JSON, and does not close, is not taken for the answer."""
    for pieces in (text, [text]):
        assert found(*map(Piece, pieces))[0] in (None, {}, {"a": 1})


@many
@given(cuts, st.integers(0, 60), st.integers(0, 60))
def test_its_text(places: list[int], start: int, end: int) -> None:
    """A part of what was read can be had again, however it was cut."""
    live = Live()
    told(live, *map(Piece, cut(JSON, places)))
    assert live.text(start, min(end, len(JSON))) == JSON[start:end]


def test_no_end_of_brackets() -> None:
    """After a thousand brackets that are no JSON no other is tried."""
    assert found(Piece("[1] " * 900 + JSON)) == (VALUE, JSON)
    assert found(Piece("[1] " * 1_100 + JSON)) == ([1], "[1]")


def test_long_pieces() -> None:
    """A piece of any length is read, before and after something was shown."""
    long = json.dumps([VALUE] * 2_000, ensure_ascii=False)
    assert found(Piece("[x] {y} " * 400 + "{x: y" * 900 + "}" * 900 + long)) == (json.loads(long), long)
    live = Live()
    live.add(Piece(long[:3_000]))
    live.read()
    live.settled = True
    assert told(live, Piece(long[3_000:9_000]), Piece(long[9_000:])) == json.loads(long)


@pytest.mark.parametrize("tool", ["", "Record"])
def test_the_arguments_of_a_call(tool: str) -> None:
    """The arguments of a tool call are the answer, beside an empty content; of a tool that was asked for always."""
    pieces = [Piece(""), Piece("\n"), *(Piece("", each) for each in JSON)]
    assert told(Live(tool), *pieces) == VALUE
    said = [Piece("Let me call {it}."), *pieces]
    assert told(Live("Record"), *said) == VALUE


@pytest.mark.parametrize("before", ["", "\n", "```json\n"])
def test_content_instead_of_a_call(before: str) -> None:
    """Where a tool was asked for, a content that begins as JSON does is the answer; another one is not."""
    assert found(*map(Piece, before + JSON), tool="Record") == (VALUE, JSON)
    assert found(Piece("I think: "), *map(Piece, JSON), tool="Record") == (None, "")


def test_a_call_after_content() -> None:
    """The arguments of the tool that was asked for are the answer as soon as they come, but for what was shown."""
    calls = [Piece("", each) for each in JSON]
    assert found(Piece('{"x": '), *calls, Piece("", " "), tool="Record") == (VALUE, JSON)
    assert found(Piece("```\n"), *calls, tool="Record") == (VALUE, JSON)
    live = Live("Record")
    live.add(Piece('{"x": 1'))
    live.read()
    live.settled = True
    assert told(live, *calls, Piece("}")) == {"x": 1}


def test_content_comes_before_arguments() -> None:
    """Where no tool was asked for and there is content, that is the answer."""
    assert told(Live(), Piece(JSON[:5]), Piece("", '{"other": 1}'), Piece(JSON[5:])) == VALUE


def test_half_characters() -> None:
    """A character whose halves come in two pieces is one; a half that stays alone is no JSON."""
    text = '{"a": "\ud83d|\ude00|!", "b": 1}'
    live = Live()
    assert told(live, *map(Piece, text.split("|"))) == {"a": "😀!", "b": 1}
    assert live.offset == len(text) - 3
    assert told(Live(), *map(Piece, '{"a": 1, "b": "\ud83d|x"}'.split("|"))) == {"a": 1}


@many
@given(cuts, cuts)
def test_reading_in_between_makes_no_difference(places: list[int], asked: list[int]) -> None:
    """When it is read, and how often, makes no difference to what is known at the end."""
    live, moments = Live(), {place % 10 for place in asked}
    for number, piece in enumerate(cut(JSON, places)):
        live.add(Piece(piece))
        if number in moments:
            live.read()
    assert told(live) == VALUE
