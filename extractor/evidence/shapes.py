"""How a line is built: its cells, where a delimiter divides it; else what is before its first word and after its last;
and the words that tell sums and headers from rows.

Each cell or word is one letter: N a number, D a date, C a code, W words, M words with numbers, E nothing.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "AFTER_ROWS",
    "ALONE",
    "HEADS",
    "MOST",
    "Shape",
    "agreed",
    "cells_of",
    "columns_of",
    "common",
    "folded_name",
    "is_mere_sum",
    "is_near",
    "is_periods",
    "is_sum",
    "known_as",
    "plain",
    "shape_of",
]

RARE = 0.02  # the share of the found rows below which a form is taken for an accident
MOST = 0.8  # the share of them that must agree for a rule to be made of it

_ALIKE: Mapping[str, str] = {"N": "NMC", "D": "D", "C": "CMNW", "W": "WMC", "M": "MWCN", "E": "E"}
_MARKER = re.compile(r"\s*+(?:([-*•·‣◦▪–—+>])|\[([ xX])\]|[(\[#]?(\d{1,5}|[A-Za-z])[.)\]])\s++")
_LABEL = re.compile(r"\s*+([^\W\d_][^:|\t,;\d]{0,39}):(?=\s|$)")
_DATE = re.compile(r"\d{1,4}([-/.])\d{1,2}\1\d{1,4}(?:T.*)?|\d{1,2}:\d{2}(?::\d{2})?(?:[ap]m)?", re.IGNORECASE)
_NUMBER = re.compile(r"[-+−]?\d[\d.,'’٬٫]*+")
_DECIMAL = re.compile(r"\d[.,]\d{1,2}\W{0,5}$")
_FRACTION = re.compile(r"[\d⁄/]*+[½¼¾⅓⅔⅛⅜⅝⅞]|\d++[⁄/]\d++")
_WRITTEN_OUT = re.compile(r"nm{1,2}n?|mn{1,2}")
_OF_A_DATE = re.compile(r"\d{1,2}\.?|\d{4}")
_AROUND = "()[]{}<>*_\"'`“”„.,;:!?%€$£¥₹₽~|"
_NOTHING = frozenset("- – — -- --- n/a na nil null none k.a. / .".split())
_CURRENCIES = frozenset("EUR USD GBP CHF JPY CNY INR CAD AUD SEK NOK DKK PLN CZK HUF BRL MXN".split())
_MONTHS = frozenset(
    "jan feb mar apr may jun jul aug sep sept oct nov dec january february march april june july august september "
    "october november december januar februar märz mai juni juli oktober dezember janvier février mars avril juin "
    "juillet août septembre octobre novembre décembre".split()
)


_TOTALS = frozenset(
    "total totals subtotal sub-total sum sums summe zwischensumme gesamt gesamtsumme gesamtbetrag endsumme übertrag "
    "saldo sous-total somme totale subtotale suma razem totaal subtotaal итого всего 合计 小计 总计 合計 小計 المجموع "
    "forward balance".split()
)
_BEFORE_TOTALS = frozenset(
    "page grand net gross amount carried brought opening closing running over seite général general de la der the "
    "sub".split()
)
ALONE = frozenset(
    tuple(words.split())
    for words in "net|netto|gross|brutto|amount|nettobetrag|gross pay|net pay|bruttolohn|nettolohn|net amount".split(
        "|"
    )
)
_PERIOD = re.compile(r"[QHT]\d|FY\d{2,4}|(?:19|20)\d{2}")
AFTER_ROWS = frozenset(
    "cash change card visa mastercard tax vat mwst ust tva iva tip shipping freight delivery versand discount rabatt "
    "remise rounding paid due payment bar rückgeld".split()
)
HEADS = frozenset(
    "name date datum description beschreibung bezeichnung désignation qty quantity menge quantité amount betrag price "
    "montant preis prix unit einheit unité item article artikel no nr pos position id code sku city country street "
    "email phone type status number nummer value title author year debit credit balance total category "
    "reference".split()
)


@dataclass(frozen=True, slots=True)
class Shape:
    """How a line is built. `cells` is empty where no delimiter divides it; `number` is what it is numbered with.

    `end` is the column in which it ends, `columns` says whether wide gaps part it, `decimal` whether it ends with a
    number with a fraction.
    """

    marker: str
    indent: int
    cells: str
    head: str
    tail: str
    label: str
    number: int | None
    words: tuple[str, ...]
    end: int
    columns: bool
    decimal: bool


def _letter(token: str) -> str:
    bare = token.strip(_AROUND)
    if not bare or token.casefold() in _NOTHING:
        return "E" if token.casefold() in _NOTHING else ""
    if bare.isalpha():
        return "" if bare in _CURRENCIES else "m" if bare.casefold() in _MONTHS else "W"
    if _DATE.fullmatch(bare):
        return "D"
    if _NUMBER.fullmatch(bare) or _FRACTION.fullmatch(bare):
        return "N"
    return "C" if any(map(str.isdigit, bare)) else "W" if any(map(str.isalpha, bare)) else ""


def _letters(text: str) -> str:
    """The letters of the words of a text, dates that are written out as one."""
    letters = "".join(map(_letter, text.split()))
    if "m" not in letters:
        return letters
    dated = (("n" if _OF_A_DATE.fullmatch(token.strip(_AROUND)) else _letter(token)) for token in text.split())
    return _WRITTEN_OUT.sub("D", "".join(dated)).replace("m", "W").replace("n", "N")


def _cell(text: str) -> str:
    letters = set(_letters(text)) - {"E"}
    if not letters:
        return "E"
    if "W" in letters:
        return "W" if letters == {"W"} else "M"
    return "D" if "D" in letters else "N" if letters == {"N"} else "C"


def cells_of(line: str, delimiter: str) -> list[str]:
    """The cells of a line."""
    if delimiter == "|":
        return [cell.strip() for cell in line.strip().strip("|").split("|")]
    if '"' in line and delimiter in ",;":
        try:
            return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]
        except csv.Error:
            return []
    return [cell.strip() for cell in line.strip(" ").split(delimiter)]


def folded_name(name: str) -> str:
    """A name without case and punctuation, as headers are compared."""
    return "".join(filter(str.isalnum, name.casefold()))


def shape_of(line: str, delimiter: str = "") -> Shape:
    """The shape of a line."""
    marker = _MARKER.match(line)
    bullet, box, numbered = marker.groups() if marker else (None, None, None)
    rest = line[marker.end() :] if marker else line
    letters = _letters(rest)
    first, last = letters.find("W"), letters.rfind("W")
    label = _LABEL.match(rest)
    words = tuple(
        word.strip(_AROUND).casefold() for word in rest.replace("|", " ").split() if _letter(word) in ("W", "m")
    )
    if delimiter in (",", ";", "\t"):
        words = tuple(
            word.casefold()
            for cell in cells_of(line, delimiter)
            for word in cell.split()
            if _letter(word) in ("W", "m")
        )
    return Shape(
        marker=bullet or ("[" if box else "" if numbered is None else "1" if numbered.isdigit() else "a"),
        indent=len(line) - len(line.lstrip()),
        cells="".join(map(_cell, cells_of(line, delimiter))) if delimiter else "",
        head=letters if first < 0 else letters[:first],
        tail="" if first < 0 else letters[last + 1 :],
        label=label[1].casefold().strip() if label else "",
        number=_numbered(numbered, line, delimiter),
        words=tuple(filter(None, words)),
        end=len(line.rstrip()),
        columns="   " in line.strip(),
        decimal=bool(_DECIMAL.search(line)),
    )


def _numbered(marker: str | None, line: str, delimiter: str) -> int | None:
    first = (
        marker or (cells_of(line, delimiter)[:1] or [""])[0]
        if delimiter or marker
        else (line.split(None, 1) or [""])[0]
    )
    first = first.strip(_AROUND + "#")
    return int(first) if first.isdecimal() and len(first) <= 6 else None


# ------------------------------------------------------------------------------------------- what is alike


def plain(letters: str) -> str:
    """Codes and numbers as one: "10024" and "A10024" are both names of goods."""
    return letters.replace("C", "N").replace("E", "N")


def is_near(letters: str, known: Collection[str], fewer: int = 2, more: int = 2) -> bool:
    """Whether the end of a line is like a known one: one letter shorter where `fewer` are left, or up to two longer
    where it has at least `more`.
    """
    return letters in known or any(
        (
            len(each) - len(letters) == 1
            and len(letters) >= fewer
            and (each.endswith(letters) or each.startswith(letters))
        )
        or (len(each) >= more and 0 < len(letters) - len(each) <= 2 and letters.endswith(each))
        for each in known
    )


def known_as(cell: str, column: Collection[str]) -> bool:
    """Whether a cell is of a kind that its column has."""
    return any(each in column for each in _ALIKE[cell])


def common(seen: Counter[str]) -> frozenset[str]:
    """What is not so rare that it may be an accident."""
    return frozenset(each for each, often in seen.items() if often >= RARE * seen.total())


def agreed(seen: Counter[str]) -> str:
    """What nearly all have in common, or nothing."""
    each, often = seen.most_common(1)[0]
    return each if often >= MOST * seen.total() else ""


def columns_of(shapes: Sequence[Shape]) -> dict[int, list[frozenset[str]]]:
    """The kinds of cells by column, for each number of cells that rows have."""
    widths = Counter(len(shape.cells) for shape in shapes)
    usual = {width for width, often in widths.items() if width and often >= RARE * len(shapes)}
    made: dict[int, list[frozenset[str]]] = {}
    for width in usual:
        rows = [shape.cells for shape in shapes if len(shape.cells) == width]
        made[width] = [common(Counter(column)) for column in zip(*rows, strict=True)]
    return made


# --------------------------------------------------------------------------------------- what its words mean


def is_periods(line: str) -> bool:
    """Whether all numbers of a line are years or quarters, as above the columns of a table."""
    told = [word for word in line.replace("|", " ").split() if any(map(str.isdigit, word))]
    return len(told) > 1 and all(map(_PERIOD.fullmatch, told)) and len(told) * 2 >= len(line.replace("|", " ").split())


def is_sum(words: Sequence[str]) -> bool:
    """Whether a text begins with a word for a sum."""
    for word in words[:3]:
        if word in _TOTALS:
            return True
        if word not in _BEFORE_TOTALS:
            return False
    return False


def is_mere_sum(words: Sequence[str]) -> bool:
    """Whether a text has words for a sum, and no others."""
    return frozenset(words) <= _TOTALS | _BEFORE_TOTALS
