"""Orders with long lists, in several layouts, and how an endpoint leaves out some of their rows."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel
from rows import Row

__all__ = ["COUNTED", "LAYOUTS", "MANNERS", "Layout", "Line", "Order", "document", "read", "rows_of"]


class Line(BaseModel):
    """One row."""

    sku: str
    description: str
    quantity: int
    price: float


class Order(BaseModel):
    """What is asked for."""

    number: str
    lines: list[Line]


# ------------------------------------------------------------------------------------------------- documents

KINDS = "lamp|chair|desk|shelf|stool|table 3000|USB cable 2 m|paint, white|total station|screws M4"
COLOURS = "blue red green black oak".split()
PAGE = 44
COUNTED = 800
"""A document with so many rows says how many it has."""


def rows_of(count: int, rnd: random.Random) -> list[Line]:
    """Rows of an order; some are there twice."""
    rows: list[Line] = []
    for index in range(count):
        if rows and rnd.random() < 0.02:
            rows.append(rows[-1])
            continue
        name = f"{rnd.choice(COLOURS)} {rnd.choice(KINDS.split('|'))}"
        price = rnd.randrange(100, 99_900) / 100
        rows.append(Line(sku=f"A-{1000 + index}", description=name, quantity=rnd.randint(1, 30), price=price))
    return rows


@dataclass(frozen=True)
class Layout:
    """How a table is written: its header, a row, a sum, and how a row is read back."""

    head: tuple[str, ...]
    row: Callable[[Line], str]
    total: Callable[[str, str], str]
    read: re.Pattern[str]


LAYOUTS: Mapping[str, Layout] = {
    "pipe": Layout(
        ("| SKU | Description | Qty | Price |", "|-----|-------------|----:|------:|"),
        lambda row: f"| {row.sku} | {row.description} | {row.quantity} | {row.price:,.2f} |",
        lambda word, total: f"| {word} | | | {total} |",
        re.compile(
            r"^\| (?P<sku>A-\d+) \| (?P<description>[^|]+) \| (?P<quantity>\d+) \| (?P<price>[\d,.]+) \|$", re.M
        ),
    ),
    "aligned": Layout(
        (f"{'SKU':10}{'Description':26}{'Qty':>5}{'Price':>12}", "-" * 53),
        lambda row: f"{row.sku:10}{row.description:26}{row.quantity:>5}{row.price:>12,.2f}",
        lambda word, total: f"{'':10}{word:31}{total:>12}",
        re.compile(r"^(?P<sku>A-\d+) +(?P<description>.{26}) *(?P<quantity>\d+) +(?P<price>[\d,.]+)$", re.M),
    ),
    "csv": Layout(
        ("sku,description,quantity,price",),
        lambda row: f'{row.sku},"{row.description}",{row.quantity},{row.price:.2f}',
        lambda word, total: f"{word},,,{total.replace(',', '')}",
        re.compile(r'^(?P<sku>A-\d+),"(?P<description>[^"]+)",(?P<quantity>\d+),(?P<price>[\d.]+)$', re.M),
    ),
    "bullets": Layout(
        ("What was ordered:", ""),
        lambda row: f"- {row.sku} {row.description}: {row.quantity} pcs at {row.price:,.2f}",
        lambda word, total: f"{word} {total}",
        re.compile(r"^- (?P<sku>A-\d+) (?P<description>.+): (?P<quantity>\d+) pcs at (?P<price>[\d,.]+)$", re.M),
    ),
}


def document(rows: Sequence[Line], layout: Layout, *, counted: bool) -> str:
    """An order with pages and sums."""
    lines = ["ACME Ltd, 12 Main Street, Springfield", "Order No. 2024-0077 of 3 March 2024", ""]
    if counted:
        lines += [f"Number of lines: {len(rows)}", ""]
    lines += layout.head
    for number, row in enumerate(rows, 1):
        lines.append(layout.row(row))
        if number % 30 == 0:
            lines.append(layout.total("Subtotal", f"{sum(each.price for each in rows[number - 30 : number]):,.2f}"))
        if number % PAGE == 0 and number < len(rows):
            page = number // PAGE
            lines += [
                "",
                f"Page {page} of {len(rows) // PAGE + 1}",
                "\fACME Ltd   Order No. 2024-0077",
                "",
                *layout.head,
            ]
    lines += [layout.total("Total", f"{sum(row.price for row in rows):,.2f}"), "", "Payable within 30 days.", ""]
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------- endpoint

MANNERS: Mapping[str, Callable[[list[Any], random.Random], list[Any]]] = {
    "all": lambda rows, rnd: rows,
    "stops early": lambda rows, rnd: rows[: max(1, int(len(rows) * 0.6))],
    "skips a block": lambda rows, rnd: rows[: int(len(rows) * 0.4)] + rows[int(len(rows) * 0.6) :],
    "drops a tenth": lambda rows, rnd: [row for row in rows if rnd.random() > 0.1],
    "first twenty": lambda rows, rnd: rows[:20],
}
"""What of the rows that it is shown an endpoint answers with."""


def read(text: str, layout: Layout) -> list[Row]:
    """The rows in a text."""
    return [
        {
            "sku": match["sku"],
            "description": match["description"].strip(),
            "quantity": int(match["quantity"]),
            "price": float(match["price"].replace(",", "")),
        }
        for match in layout.read.finditer(text)
    ]
