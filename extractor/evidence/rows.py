"""What a row of a list looks like: the shape that the found rows have in common, and which other lines have it too.

A line is read as cells (where a delimiter divides it) or as what stands before its first word and after its last
one; each cell or word is one letter: N a number, D a date, C a code, W words, M words with numbers, E nothing.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from extractor.evidence.shapes import (
    AFTER_ROWS,
    ALONE,
    HEADS,
    MOST,
    Shape,
    agreed,
    cells_of,
    columns_of,
    common,
    folded_name,
    is_mere_sum,
    is_near,
    is_periods,
    is_sum,
    known_as,
    plain,
    shape_of,
)
from extractor.evidence.units import Units

__all__ = ["Found", "Rows", "delimiter_of"]

TOLD = 3  # how much tells a row that begins with the same label as all others: as much as the cells of a table

_PAGE = re.compile(
    r"\W*+(?:(?:page|seite|página|pagina|pág|blatt|strona|стр|sayfa)\W{0,3}\d|\(?(?:continued|fortsetzung)\b)", re.I
)
_AMOUNT = re.compile(r"(?<![\d.,])([-−]?)(?:\d{1,3}(?:[.,'’]\d{3}){1,4}|\d{1,12})[.,]\d{2}(?=\W{0,5}$)")
_GAP = re.compile(r"\s{2,}+")
_PARTING = re.compile(r"(?<!\d),|,(?!\d{1,3}(?![\d,]))|^\S++$")  # a comma that is no decimal one
_PAGE_NUMBER = re.compile(r"\W*+\d{1,4}(?:\s*+/\s*+\d{1,4})?\W*+|第\s*+\d++\s*+[页頁].*+")


def delimiter_of(lines: Sequence[str]) -> str:
    """What divides the cells of most lines, or nothing."""
    for delimiter in "|\t;,":
        ends = delimiter if delimiter in ";," else ""  # those of an enumeration divide nothing
        numbers = Counter(len(cells_of(line.rstrip().removesuffix(ends), delimiter)) for line in lines)
        number, often = numbers.most_common(1)[0]
        loose = delimiter == "," and sum(", " in line or not _PARTING.search(line) for line in lines) > len(lines) / 2
        least = 3 if delimiter == "," else 2
        if number >= least and often >= MOST * len(lines) and not loose:
            return delimiter
    return ""


class Rows:
    """What the found rows of a list look like. `found` are their numbers, `names` those of the items' properties;
    `valued` says that what stands before their colons are values ("Lamp: 2"), and no labels ("Name: Lamp").
    """

    def __init__(
        self, units: Units, found: Sequence[int], names: Collection[str] = (), *, valued: bool = False
    ) -> None:
        self.units = units
        self._names = frozenset(map(folded_name, names)) | HEADS
        self._shapes: dict[int, Shape] = {}
        self._delimiter = delimiter_of([units.said(number) for number in found])
        shapes = [self.shape(number) for number in found]
        self._marker = agreed(Counter(shape.marker for shape in shapes))
        self._label = "" if valued else agreed(Counter(shape.label for shape in shapes))
        self._indents = frozenset(shape.indent for shape in shapes)
        self._heads = common(Counter(plain(shape.head) for shape in shapes))
        self._tails = common(Counter(plain(shape.tail) for shape in shapes))
        self._columns = columns_of(shapes)
        self._end = agreed(Counter(str(shape.end) for shape in shapes))
        self._wide = all(shape.columns for shape in shapes)
        self._labelled = all(shape.label for shape in shapes)
        self._decimal = all(shape.decimal for shape in shapes)
        self._filled = min((len(shape.cells) - shape.cells.count("E") for shape in shapes), default=0)
        self.most_words = max(len(shape.words) for shape in shapes)
        self._least_words = min(len(shape.words) for shape in shapes)
        self._says_total = any(is_sum(shape.words) for shape in shapes)
        self._of_periods = any(is_periods(units.said(number)) for number in found)
        self.strength = self._strength(shapes)

    def _strength(self, shapes: Sequence[Shape]) -> int:
        """How much tells a row from any other line: 0 for nothing but words, 3 and more for the row of a table."""
        if self._delimiter:
            return len(Counter(shape.cells for shape in shapes).most_common(1)[0][0])
        if self._label:
            return TOLD
        # Names with numbers in them make some rows look as if they had more.
        lengths = sorted(len(shape.head + shape.tail) for shape in shapes)
        return lengths[len(lengths) // 5]

    def strange(self, found: Sequence[int]) -> set[int]:
        """Those of the found units that are no rows of the table: its header, and what is in other cells than most
        and not below a row.
        """
        if not self._delimiter or len(found) < TOLD:
            return set()
        head = {number for number in found[:1] if self.is_head(number)}
        widths = {number: len(self.shape(number).cells) for number in found}
        usual = Counter(widths.values()).most_common(1)[0][0]
        other = (number for number, width in widths.items() if abs(width - usual) > 1)
        return head.union(number for number in other if self._is_alone(number, usual))

    def _is_alone(self, number: int, usual: int) -> bool:
        for above in range(number, max(number - TOLD, 0), -1):
            if self.units.apart(above):
                return True
            if len(self.shape(above - 1).cells) == usual:
                return False
        return True

    def between(self, number: int) -> bool:
        """Whether a unit directly between two rows is one, though it does not look like them: short lines of words,
        of which some begin or end with a number, and this one does not.
        """
        shape = self.shape(number)
        told = self._delimiter or self._label or self._marker or self.strength > 1
        return (
            not told
            and 0 < len(shape.words) <= self.most_words + 1
            and shape.indent in self._indents
            and not self.units.said(number).rstrip().endswith((":", "."))
            and not self.is_furniture(number)
        )

    @property
    def divided(self) -> bool:
        """Whether the rows are divided into at least three cells."""
        return bool(self._delimiter) and self.strength >= TOLD

    @property
    def marked(self) -> bool:
        """Whether a bullet, a number or a label begins each of the rows."""
        return bool(self._marker or self._label)

    @property
    def plain(self) -> bool:
        """Whether nothing but words and numbers tells the rows: no cells, bullets or labels."""
        return not (self._delimiter or self._label or self._marker)

    def shape(self, number: int) -> Shape:
        """The shape of a unit, made once."""
        made = self._shapes.get(number)
        if made is None:
            made = self._shapes[number] = shape_of(self.units.said(number), self._delimiter)
        return made

    def like(self, number: int) -> bool:
        """Whether a unit looks like the found rows."""
        shape = self.shape(number)
        if self._label:
            return shape.label == self._label
        if self._delimiter:
            return self._like_cells(shape.cells) and not self.is_head(number) and not self.is_total(number)
        if self._marker and (shape.marker != self._marker or not self._indented(shape.indent)):
            return False
        if self.is_total(number) or self.is_head(number) or self.is_page(number):
            return False
        return self._like_ends(shape)

    def like_piece(self, number: int) -> bool:
        """Whether a piece of a line looks like the found ones."""
        shape = self.shape(number)
        if not shape.words:
            return not self._least_words and is_near(plain(shape.head), self._heads)
        return self._least_words > 0 and len(shape.words) <= self.most_words + 1

    def continues(self, number: int) -> bool:
        """Whether a unit may go on with the row before it: words further in, or a table's row without its beginning."""
        shape = self.shape(number)
        if shape.cells:
            return shape.cells[0] == "E" and not self.like(number) and not self.is_total(number)
        if self.is_furniture(number) or shape.marker or shape.label:
            return False
        return shape.indent > min(self._indents) and not self.like(number)

    def _indented(self, indent: int) -> bool:
        return any(indent + step in self._indents for step in (-1, 0, 1))

    def _like_cells(self, cells: str) -> bool:
        known = self._columns.get(len(cells))
        if known is None and len(cells) > 3:  # a delimiter too few or too many
            known = self._columns.get(len(cells) - 1) or self._columns.get(len(cells) + 1)
        if known is None or (cells[0] == "E" and "E" not in known[0]):
            return False
        filled = len(cells) - cells.count("E")
        if filled < max(1, self._filled - 1):
            return False
        wrong = sum(cell != "E" and not known_as(cell, column) for cell, column in zip(cells, known, strict=False))
        return wrong <= len(cells) // 5

    def _like_ends(self, shape: Shape) -> bool:
        if self._marker and not (any(self._heads) and any(self._tails)):
            return bool(shape.words or shape.head)
        if not self.strength:
            known = plain(shape.head) in self._heads and plain(shape.tail) in self._tails
            known = known and (bool(shape.label) or not self._labelled)
            return known and bool(shape.words) and len(shape.words) <= self.most_words + 1
        ended = str(shape.end) == self._end
        dated = shape.head in self._heads and ("D" in shape.head or len(shape.head) > 1)
        if (self._wide and not (shape.columns or ended or dated)) or (
            self.strength < 2 and self._decimal and not shape.decimal
        ):
            return False
        head, tail = plain(shape.head), plain(shape.tail)
        backwards = frozenset(each[::-1] for each in self._heads)
        # A number more or less may be part of a name ("Table 3000") where the other end is that of a row; and a number
        # less an empty cell, where the rest stands in the columns.
        told = (head and head in self._heads) or (self._decimal and shape.decimal)
        if len(head) > 1 and head in self._heads and not tail:
            return True
        return is_near(tail, self._tails, 1 if told or ended else 2, 1 if told else 2) and is_near(
            head[::-1], backwards, 1 if tail and ended else 2, 1 if tail in self._tails else 2
        )

    def is_head(self, number: int) -> bool:
        """Whether a unit names the columns of a table."""
        shape = self.shape(number)
        if not (self._of_periods or self._marker) and is_periods(self.units.said(number)):
            return True
        if self._marker or shape.label or "N" in shape.head + shape.tail or "D" in shape.head + shape.tail:
            return False
        if self._delimiter:
            return "W" in shape.cells and not set(shape.cells) - set("WE") and self._names_columns(number, shape)
        known = sum(folded_name(word) in self._names for word in shape.words)
        return len(shape.words) > 1 and known * 2 >= len(shape.words)

    def _names_columns(self, number: int, shape: Shape) -> bool:
        following = self.units.said(number + 1) if number + 1 < len(self.units) else ""
        if "-" in following and not any(map(str.isalnum, following)):
            return True  # the line that parts a header from its table
        told = [cell for cell in cells_of(self.units.said(number), self._delimiter) if cell]
        known = sum(
            folded_name(cell) in self._names or any(folded_name(word) in self._names for word in cell.split())
            for cell in told
        )
        return known * 2 >= len(told) or (len(told) > 1 and not self._like_cells(shape.cells))

    def is_rule(self, number: int) -> bool:
        """Whether a unit has neither letters nor digits."""
        return not any(map(str.isalnum, self.units.said(number)))

    def is_header(self, number: int) -> bool:
        """Whether a unit directly above the rows, whatever its words mean, is the header of their columns."""
        said = self.units.said(number).strip()
        shape = self.shape(number)
        bare = not any(map(str.isdigit, said)) and not self._marker and not shape.label and not self._label
        return bare and self._wide and len(_GAP.split(said)) > 1 and not self.is_total(number)

    def is_total(self, number: int) -> bool:
        """Whether a unit is the sum of those above it, or carries one over."""
        shape = self.shape(number)
        net = shape.words in ALONE
        if self._says_total or not (net or is_sum(shape.words)):
            return False
        if net or is_mere_sum(shape.words):
            return True
        # "Total Commander" fills all the cells that other goods fill; and goods have a number before their name.
        if self._delimiter:
            return "E" in shape.cells or not self._like_cells(shape.cells)
        return not shape.head

    def cents(self, number: int) -> int | None:
        """The amount with which a unit ends, in hundredths; None where it does not end so."""
        found = _AMOUNT.search(self.units.said(number))
        return None if found is None else int("".join(filter(str.isdigit, found[0]))) * (-1 if found[1] else 1)

    def sums(self, known: Sequence[int]) -> set[int]:
        """Those of some rows, two or more behind the first, that end with what all before them come to."""
        found: set[int] = set()
        total = 0
        for number, line in enumerate(known):
            cents = self.cents(line)
            if cents is None:
                break
            if number > 1 and cents == total:
                found.add(line)
            else:
                total += cents
        return found

    def is_page(self, number: int) -> bool:
        """Whether a unit belongs to the page."""
        said = self.units.said(number)
        return bool(_PAGE.match(said) or _PAGE_NUMBER.fullmatch(said))

    def is_after(self, number: int) -> bool:
        """Whether a unit has words for what comes after the rows: how it was paid, taxes and the like."""
        shape = self.shape(number)
        return self.plain and not shape.head and any(word in AFTER_ROWS for word in shape.words[:1])

    def is_furniture(self, number: int) -> bool:
        """Whether a unit says nothing about whether the list goes on behind it."""
        return self.is_rule(number) or self.is_page(number) or self.is_total(number) or self.is_head(number)


@dataclass(frozen=True, slots=True)
class Found:
    """The rows of one list: the units of its items, with their indexes, in order; and those that look like them and
    hold none. An item mostly takes as many units `ahead` of its own and `behind` it. Nothing before the unit `low`
    belongs to the list, nor any from `high` on; `label` is what stands before pieces of a line. `doubtful` says that
    there are more units that look like them, of which it cannot be told whether they belong to the list; `borders` are
    those of them at which an item surely ends. `holds`: the items have all between them.
    """

    units: Units
    rows: Rows
    homes: list[tuple[int, int]]
    lacking: list[int]
    ahead: int = 0
    behind: int = 0
    low: int = 0
    high: int = 0
    label: tuple[int, int] | None = None
    head: int | None = None
    doubtful: bool = False
    borders: tuple[int, ...] = ()
    holds: bool = False

    @property
    def taken(self) -> frozenset[int]:
        """The units that items stand on."""
        return frozenset(unit for unit, _ in self.homes)

    @property
    def count(self) -> int:
        """How many rows the document has: what was made up of a header or a sum is none."""
        told = self.rows.strength > 0
        return sum(not (told and (self.rows.is_head(unit) or self.rows.is_total(unit))) for unit in self.all)

    @property
    def all(self) -> list[int]:
        """All rows."""
        return sorted({*self.taken, *self.lacking})
