"""Writing rules, literals and choices."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from extractor.grammar.gbnf import MOST_CHARACTERS, Rules, TooLong, any_of, choice, json_text, literal, repeated, trie


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""'),
        ("a b", '"a b"'),
        ('"', '"\\""'),
        ("\\", '"\\\\"'),
        ("a\nb\tc\r", '"a\\nb\\tc\\r"'),
        ("\x00\x1f", '"\\x00\\x1F"'),
        ("(Größe|日本)*", '"(Größe|日本)*"'),
    ],
)
def test_literals(text: str, written: str) -> None:
    """Nothing has a meaning of its own in a literal."""
    assert literal(text) == written


@given(st.text())
def test_a_literal_is_one_line(text: str) -> None:
    """No text ends a literal or its line early."""
    written = literal(text)
    assert "\n" not in written
    assert not written[1:-1].replace("\\\\", "").replace('\\"', "").count('"')


@pytest.mark.parametrize(
    ("least", "most", "written"),
    [
        (0, None, "(x)*"),
        (1, None, "(x)+"),
        (0, 1, "(x)?"),
        (2, 2, "(x){2}"),
        (2, 5, "(x){2,5}"),
        (3, None, "(x){3,}"),
        (0, 100_000, "(x)*"),
        (100_000, None, "(x){500,}"),
    ],
)
def test_counts(least: int, most: int | None, written: str) -> None:
    """A count that engines would not take is left out."""
    assert repeated("x", least, most) == written


def test_choices() -> None:
    """What is given twice stands in a choice once, and one alternative needs no brackets."""
    assert choice(["a", "b", "a"]) == "(a | b)"
    assert choice(["a", "a"]) == "a"


@pytest.mark.parametrize(
    ("texts", "written"),
    [
        (["ab"], '"ab"'),
        (["ab", "ac"], '"a" ("b" | "c")'),
        (["a", "ab"], '"a" ("b")?'),
        (["b", "a"], '("a" | "b")'),
        (["The", "Then", "There", "x"], '("The" ("n" | "re")? | "x")'),
    ],
)
def test_many_texts(texts: list[str], written: str) -> None:
    """Texts that begin alike share their beginning."""
    assert any_of(texts) == written


def test_what_follows_a_text() -> None:
    """Behind each text stands what may follow it."""
    assert trie({"a": ("one", "two"), "ab": ("",)}) == ['"a" (one | two | "b")']
    assert trie({"a": ("", "two")}) == ['"a" (two)?']


def test_texts_that_share_much() -> None:
    """A trie is not as deep as its texts are long."""
    texts = ["a" * length for length in range(1, 1_000)]
    assert len(any_of(texts)) > 1_000


def test_rules() -> None:
    """A rule has a name of its own, is written once where it says the same, and `root` comes first."""
    rules = Rules()
    one, two = rules.add("x", "a"), rules.add("x", "a")
    other = rules.add("x", "b")
    assert one == two != other
    assert rules.once("same", lambda: "c") == rules.once("same", lambda: "d") == "same"
    rules.set("root", one)
    assert str(rules).splitlines() == [f"root ::= {one}", f"{one} ::= a", f"{other} ::= b", "same ::= c"]


def test_a_grammar_is_bounded() -> None:
    """A grammar that is too long for a request is not made."""
    with pytest.raises(TooLong):
        Rules().add("x", "a" * (MOST_CHARACTERS + 1))


def test_json() -> None:
    """A value is written as JSON with one space behind commas and colons, its characters as they are."""
    assert json_text({"ä": [1, None, "b\n"]}) == '{"ä": [1, null, "b\\n"]}'
