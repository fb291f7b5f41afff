"""Which tokens each value of a reply was written with."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.chat.wire import TokenLogprob
from extractor.evidence import logprobs
from extractor.evidence.logprobs import LEAST, Tokens, tokens_of
from extractor.schema.pointers import value_at


def said(*pieces: str | tuple[str, float | None]) -> list[TokenLogprob]:
    """Tokens as endpoints give them that send no bytes; -1 is the log-probability of those that say none."""
    pairs = [(each, -1.0) if isinstance(each, str) else each for each in pieces]
    return [TokenLogprob(token=token, logprob=logprob) for token, logprob in pairs]


def cut(text: str, places: Sequence[int], logprob: float = -1.0) -> list[TokenLogprob]:
    """The bytes of a text, cut into tokens anywhere, as endpoints give them that send bytes."""
    raw = text.encode()
    at = sorted({0, len(raw), *(place % (len(raw) + 1) for place in places)})
    parts = [raw[begin:end] for begin, end in pairwise(at)]
    return [TokenLogprob(token=part.decode("utf-8", "replace"), logprob=logprob, bytes=tuple(part)) for part in parts]


def text_of(tokens: Sequence[TokenLogprob]) -> str:
    """The text that the tokens are."""
    return "".join(each.token for each in tokens)


def test_each_value_has_its_own_tokens() -> None:
    """A string has the tokens of its content, a number and a literal those of their own characters."""
    tokens = said(
        '{"', "a", '":', ' "', ("new", -0.5), (" york", -0.25), '",', ' "b":', " ", ("12", -2.0), ",", ' "c":'
    )
    tokens += said((" null", -3.0), "}")
    found = tokens_of(text_of(tokens), tokens)
    assert {pointer: (each.total, each.count, each.least) for pointer, each in found.items()} == {
        "/a": (-0.75, 2, -0.5),
        "/b": (-2.0, 1, -2.0),
        "/c": (-3.0, 1, -3.0),
    }


def test_how_a_value_begins() -> None:
    """`first` is what was decided before the first character: the quote, or the literal itself."""
    tokens = said('{"a":', (" ", -0.5), ('"', -0.25), ("x", -4.0), '","b":', (" null", -3.0), "}")
    found = tokens_of(text_of(tokens), tokens)
    assert {pointer: each.first for pointer, each in found.items()} == {"/a": -0.75, "/b": -3.0}


def test_a_token_that_straddles_a_quote_counts_for_the_value() -> None:
    """A token that holds the last character, the quote and the comma is one of the value's own."""
    tokens = said('{"a": "', "x", ('y.",', -7.0), ' "b": 1}')
    assert tokens_of(text_of(tokens), tokens)["/a"].total == -8.0


def test_a_token_that_two_values_share_counts_for_both() -> None:
    """One token that holds two numbers and the comma between them is part of both."""
    tokens = said("[", ("1,2", -5.0), "]")
    found = tokens_of("[1,2]", tokens)
    assert found["/0"].total == found["/1"].total == -5.0


def test_an_empty_string_has_the_tokens_of_its_quotes() -> None:
    """Where there is no content, the quotes are what was said."""
    tokens = said('{"a":', (' ""', -2.0), "}")
    assert tokens_of('{"a": ""}', tokens)["/a"].total == -2.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([], []),
        (["<think>", "maybe ", '{"a": "x"}', "</think>", "\n"], ["<|im_end|>"]),
        (["<tool_call>", '{"name": "f", "arguments": '], ["}", "</tool_call>", ""]),
        ([" \n"], [" \n", "</s>"]),
    ],
)
def test_what_stands_around_the_text_is_passed_over(before: list[str], after: list[str]) -> None:
    """Thoughts, even with the same JSON in them, wrappers, special tokens and white space have no part in it."""
    own = said('{"a": "', ("x", -0.5), '"}')
    tokens = [*said(*((each, -9.0) for each in before)), *own, *said(*((each, -9.0) for each in after))]
    assert tokens_of('{"a": "x"}', tokens)["/a"].total == -0.5


def test_json_in_a_fence() -> None:
    """Around the value there may be a fence and prose."""
    tokens = said("Here:\n", "```json\n", '{"a": "', ("x", -0.5), '"}', "\n```")
    assert tokens_of(text_of(tokens), tokens)["/a"].total == -0.5


def test_a_reply_that_lacks_its_end() -> None:
    """Missing brackets at the end change nothing of what was said before."""
    tokens = said('{"a": "', ("x", -0.5), '"')
    assert tokens_of(text_of(tokens), tokens)["/a"].total == -0.5


@pytest.mark.parametrize(
    "text", ["", "no JSON", '{"a": 1} {"a": 2}', "{'a': 'x'}", '{"a": 1, "a": 2}', '{"a": NaN}', '{"a": "x']
)
def test_what_cannot_be_read_as_it_stands(text: str) -> None:
    """Two values, or what would have to be mended, get nothing."""
    assert tokens_of(text, cut(text, range(0, 99, 2))) == {}


@pytest.mark.parametrize("tokens", [[], ["x"], ['{"b": 1}'], ['{"a": ', "2}"], ["", ""], ['{"a": 1'], ["a"] * 50])
def test_tokens_of_another_text(tokens: list[str]) -> None:
    """Tokens that are not those of the text give nothing."""
    assert tokens_of('{"a": 1}', said(*tokens)) == {}


def test_a_character_that_is_cut_in_several_tokens() -> None:
    """With the bytes it is put together; without them, the tokens that lost it share its place."""
    text = '{"a": "x😀y", "b": "é"}'
    raw = text.encode()
    assert {each.count for each in tokens_of(text, cut(text, range(len(raw)))).values()} == {6, 2}
    tokens = said('{"a": "', "x", *["\ufffd"] * 4, "y", '", "b": "', "\ufffd", "\ufffd", '"}')
    assert {pointer: each.count for pointer, each in tokens_of(text, tokens).items()} == {"/a": 6, "/b": 2}


@pytest.mark.parametrize(
    "tokens",
    [
        ['{"a":', '▁"', "New", "▁York", '"', "}"],
        ['{"a":', 'Ġ"', "New", "ĠYork", '"', "}"],
        ['{"a":', ' "', "New", " York", '"', "}"],
    ],
)
def test_tokens_in_the_letters_of_their_tokenizer(tokens: list[str]) -> None:
    """Some endpoints give tokens as their tokenizer's vocabulary writes them."""
    assert tokens_of('{"a": "New York"}', said(*tokens))["/a"].count == 2


def test_a_token_that_differs_takes_only_its_own_value() -> None:
    """A value with a token that is not what stands there is left out; the others keep theirs."""
    tokens = said('{"a": "', "one", '", "b": "', "t", "XX", "o", '", "c": "', "three", '"}')
    assert list(tokens_of('{"a": "one", "b": "twwo", "c": "three"}', tokens)) == ["/a", "/c"]


@pytest.mark.parametrize("logprob", [None, math.nan, 5.0, math.inf])
def test_a_log_probability_that_is_none(logprob: float | None) -> None:
    """A value with a token whose log-probability is not known, or is no logarithm of one, is left out."""
    tokens = said('{"a": "', ("x", logprob), '", "b": "', "y", '"}')
    assert list(tokens_of(text_of(tokens), tokens)) == ["/b"]


@pytest.mark.parametrize(("logprob", "known"), [(-9999.0, LEAST), (-math.inf, LEAST), (1e-6, 0.0), (-0.0, 0.0)])
def test_odd_log_probabilities(logprob: float, known: float) -> None:
    """What stands for "very unlikely" does not drown the rest, and what was rounded above 0 is 0."""
    tokens = said('{"a": "', ("x", logprob), '"}')
    assert tokens_of(text_of(tokens), tokens)["/a"].total == known


@pytest.mark.parametrize("bad", [(300,), (-1,), ("a",), (1.5,)])
def test_bytes_that_are_none(bad: tuple[Any, ...]) -> None:
    """Where the bytes are none, the token's text counts."""
    tokens = [TokenLogprob(token='{"a": 1}', logprob=-1.0, bytes=bad)]
    assert tokens_of('{"a": 1}', tokens)["/a"] == Tokens(total=-1.0, count=1, least=-1.0, first=-1.0)


def test_pointers_are_escaped() -> None:
    """Keys are steps of a JSON pointer."""
    text = '{"a/b": [{"~": 1}]}'
    assert list(tokens_of(text, cut(text, []))) == ["/a~1b/0/~0"]


def test_long_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands below keys so long that the pointers would be endless is left out."""
    monkeypatch.setattr(logprobs, "MOST_CHARACTERS", 1_000)
    text = json.dumps({"a": 1, "k" * 400: {"b": {"c": 1}}, "d": 1})
    assert list(tokens_of(text, cut(text, []))) == ["/a", "/d"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-999, 999) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    max_leaves=12,
)


@given(values, st.lists(st.integers(0, 10**4), max_size=30), st.sampled_from([None, 1]), st.booleans())
def test_any_cut_gives_each_scalar_its_tokens(
    data: Any, places: list[int], indent: int | None, ascii_only: bool
) -> None:
    """Wherever the bytes are cut, every scalar has tokens, and no more of them than it has bytes."""
    text = json.dumps(data, indent=indent, ensure_ascii=ascii_only)
    found = tokens_of(text, cut(text, places, -0.5))
    whole = tokens_of(text, cut(text, [], -0.5))
    assert found.keys() == whole.keys()
    for pointer, each in found.items():
        value = value_at(data, pointer)
        length = len(json.dumps(value, ensure_ascii=ascii_only).encode())
        assert not isinstance(value, (dict, list))
        assert 1 <= each.count <= length
        assert each.total == -0.5 * each.count
        assert each.least == -0.5


@given(values, st.lists(st.text(max_size=4), max_size=20))
def test_tokens_of_any_text(data: Any, pieces: list[str]) -> None:
    """Whatever the tokens are, nothing is raised, and what is found is a place in the value."""
    found = tokens_of(json.dumps(data), said(*pieces))
    assert all(not isinstance(value_at(data, pointer), (dict, list)) for pointer in found)
