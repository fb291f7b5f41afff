"""The only table of a document, for a list of which nothing was found."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from extractor.evidence.items import Places
from extractor.evidence.rows import delimiter_of
from extractor.evidence.shapes import AFTER_ROWS, cells_of, is_sum, plain, shape_of
from extractor.evidence.units import Units

__all__ = ["table_of"]

_WIDE = re.compile(r"\s{2,}+")
_PAIR = re.compile(r"[^,\s][^,]*+,[^,\s]++")  # "Bolt,2"
_OF_PAIRS = ",2"


def table_of(places: Places) -> tuple[int | None, list[int]] | None:
    """The header row and the rows of the only table of a document; None where there is none, or more than one, or
    values of anything stand in it.
    """
    tables = [*_tables(places.lines)]
    if len(tables) != 1:
        return None
    head, rows = tables[0]
    held = {item.home for each in places.lists.values() for item in each.items.values()} | places.others
    return None if held.intersection(rows) else (head, rows)


def _tables(lines: Units) -> Iterator[tuple[int | None, list[int]]]:
    """Three rows or more that are alike, or two below a header: cells between delimiters, bullets, wide columns."""
    run: list[int] = []
    kind = ""
    for line in range(len(lines) + 1):
        said = lines.said(line) if line < len(lines) else ""
        if said and not lines.apart(line) and not any(map(str.isalnum, said)):
            continue  # the line below a header
        own = _division(said)
        if run and (own != kind or not kind or lines.apart(line)):
            yield from _table(lines, run, kind)
            run = []
        run, kind = [*run, line] if own else [], own


def _division(said: str) -> str:
    """What divides a line into cells, and how many there are; nothing for a line of text."""
    shape = shape_of(said)
    if is_sum(shape.words) or any(word in AFTER_ROWS for word in shape.words[:1]):
        return ""
    sign = delimiter_of([said])
    if sign:
        return f"{sign}{len(cells_of(said, sign))}"
    if _PAIR.fullmatch(said.strip()):
        return _OF_PAIRS
    if shape.marker:
        return f"{shape.marker} {plain(shape.head)} {plain(shape.tail)}" if shape.head + shape.tail else ""
    return "" if shape.label or not shape.columns else f"  {len(_WIDE.split(said.strip()))}"


def _table(lines: Units, run: Sequence[int], kind: str) -> Iterator[tuple[int | None, list[int]]]:
    bare = [not any(map(str.isdigit, lines.said(line))) for line in run]
    head = run[0] if bare[0] and not all(bare) else None
    rows = [*run] if head is None else [*run[1:]]
    if head is None and kind == _OF_PAIRS:
        return
    cells = ([shape_of(cell).words for cell in _WIDE.split(lines.said(line).strip())] for line in rows)
    numbers = any(not any(column) for column in zip(*cells, strict=True)) if kind.startswith("  ") else True
    if len(rows) >= (3 if head is None else 2) and numbers:
        yield head, rows
