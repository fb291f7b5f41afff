"""The estimate of tokens."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.documents.lengths import hundredths_in, tokens_in


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("", 0),
        ("Hello world", 2),
        ("0123456789", 10),
        ("12.345,67", 9),
        ("東京都千代田区", 14),
        ("Привет мир, как дела", 15),
        ("مرحبا بالعالم", 10),
        ("😀😀", 6),
        ("ACME GMBH INVOICE", 7),
        ("antidisestablishmentarianism", 5),
        ("a@b.co https://example.com/x?y=1", 16),
        ("नमस्ते दुनिया", 13),
        ("สวัสดีชาวโลก", 23),
        ("한국어 텍스트", 17),
        ("| --- | --- |", 5),
    ],
)
def test_known_counts(text: str, truth: int) -> None:
    """The estimate is what a tokenizer counted, or somewhat more."""
    assert truth <= tokens_in(text) <= 2.2 * truth + 1


def test_prose_and_numbers() -> None:
    """Prose has far fewer tokens than characters, and numbers about as many."""
    prose = "The quick brown fox jumps over the lazy dog, and nobody is surprised by it any more. " * 100
    assert 0.2 < tokens_in(prose) / len(prose) < 0.4
    assert 1 <= tokens_in("1234567890" * 100) / 1000 < 1.3


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("Die Rechnung über die Lieferung von Schreibtischlampen wird innerhalb von dreißig Tagen bezahlt.", 37),
        ("De factuur voor de levering van bureaulampen moet binnen dertig dagen worden betaald.", 30),
        ("Faktura za dostawę lamp biurowych powinna zostać zapłacona w ciągu trzydziestu dni od otrzymania.", 47),
        ("La fattura per la consegna delle lampade da scrivania deve essere pagata entro trenta giorni.", 33),
    ],
)
def test_other_languages(text: str, truth: int) -> None:
    """Languages of which the tokens are not made are not taken for cheaper than they are."""
    assert 0.85 * truth < tokens_in(text) < 1.3 * truth


@pytest.mark.parametrize("text", ["\ud800", "a\x00b", "\u202e", "\uffff", "é" * 3])
def test_any_text_has_a_length(text: str) -> None:
    """Whatever stands in a text, halves of characters too, it has a length."""
    assert tokens_in(text) > 0


@settings(max_examples=200)
@given(st.lists(st.text(max_size=20), max_size=10))
def test_parts_have_no_less_than_the_whole(parts: list[str]) -> None:
    """Lines taken each by itself cost together what the whole costs, or more."""
    lines = [part.replace("\n", " ") + "\n" for part in parts]
    whole = hundredths_in("".join(lines))
    assert whole <= sum(map(hundredths_in, lines))
    assert tokens_in("".join(lines)) == -(-whole // 100)
