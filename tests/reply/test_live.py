"""A streamed answer: where its JSON begins, whatever stands before it, and that it is read only when asked."""

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

many = settings(max_examples=200, deadline=None)
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
        ("{curly}: " + JSON, {}),
    ],
)
def test_what_is_no_clean_json(text: str, known: Any) -> None:
    """Where the text is no clean JSON the reading ends, with what was known then."""
    live = Live()
    assert told(live, *map(Piece, text)) == known
    assert not live.add(Piece("1"))
    assert told(live, Piece('"more"')) == known


@pytest.mark.parametrize("tool", ["", "Record"])
def test_the_arguments_of_a_call(tool: str) -> None:
    """The arguments of a tool call are the answer, beside an empty content; of a tool that was asked for always."""
    pieces = [Piece(""), Piece("\n"), *(Piece("", each) for each in JSON)]
    assert told(Live(tool), *pieces) == VALUE
    said = [Piece("Let me call {it}."), *pieces]
    assert told(Live("Record"), *said) == VALUE


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
