"""Jobs to look at in a browser: invoices with all kinds of fields, a PDF, one that failed, and some that mean harm."""

from __future__ import annotations

import datetime
import json
import re
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal

import httpx
from pydantic import BaseModel, Field, model_validator

from extractor import Extractor
from extractor.documents.loaded import Input
from extractor.testing import FakeEndpoint, Recorded, Reply

sys.path.insert(0, str(Path(__file__).parents[2] / "documents" / "files"))

from made_files import pdf

__all__ = ["HOSTILE", "TEXT", "Invoice", "Note", "invoices", "notes", "printed"]


class Address(BaseModel):
    """An address."""

    street: str
    city: str
    country: str | None = None


class Line(BaseModel):
    """A position."""

    description: str = Field(description="As it is printed")
    quantity: int
    unit_price: Decimal
    total: Decimal


class Transfer(BaseModel):
    """Paid to an account."""

    kind: Literal["transfer"] = "transfer"
    reference: str
    iban: str


class Card(BaseModel):
    """Paid by card."""

    kind: Literal["card"] = "card"
    reference: str
    last_digits: str


class Invoice(BaseModel):
    """An invoice."""

    number: str = Field(description="As it is printed, with all letters and signs")
    issued: datetime.date
    currency: Literal["EUR", "USD", "CHF"] = "EUR"
    supplier: Address
    lines: list[Line] = []
    total: Decimal = Field(description="With tax")
    paid: bool | None = None
    payment: Annotated[Transfer | Card, Field(discriminator="kind")] | None = None
    remarks: list[str] = []
    shipping: Address | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Invoice:
        if self.lines and sum(line.total for line in self.lines) != self.total:
            raise ValueError("the lines do not add up to the total")
        return self


class Note(BaseModel):
    """Something short."""

    title: str
    amount: Decimal | None = None


def _text(number: int) -> str:
    lines = "\n".join(f"  {at:2}  Widget {at:03}   {at} x 12.50   {at * 12.5:8.2f}" for at in range(1, 6))
    return (
        f"ACME GmbH \U0001f4c4\n12 Harbour Road, Hamburg\n\nInvoice INV-{number}\n"
        + f"Date: 11 September 2024\n\n{lines}\n\n"
        + "".join(f"Terms and conditions, paragraph {at}: goods remain ours.\n" for at in range(1, 31))
        + f"\nTotal due EUR 187.50\nReference RF-{number}\nIBAN DE89 3704 0044 0532 0130 00\nThank you.\n"
    )


def _invoice(number: int) -> dict[str, Any]:
    lines = [
        {"description": f"Widget {at:03}", "quantity": at, "unit_price": "12.50", "total": f"{at * 12.5:.2f}"}
        for at in range(1, 6)
    ]
    return {
        "number": f"INV-{number}",
        "issued": "2024-09-11",
        "currency": "EUR",
        "supplier": {"street": "12 Harbour Road", "city": "Hamburk", "country": "Germany"},
        "lines": lines,
        "total": "187.50",
        "paid": None,
        "payment": {"kind": "transfer", "reference": f"RF-{number}", "iban": "DE89370400440532013000"},
        "remarks": ["Thank you."],
        "shipping": None,
    }


TEXT = _text(1001)


def _answer(recorded: Recorded) -> Any:
    asked = json.dumps(recorded.body["messages"][-1]["content"])
    found = re.search(r"INV-(\d+)", asked)
    number = int(found[1]) if found else 0
    if number % 10 == 4:
        return Reply(content={"number": f"INV-{number}", "total": "much"})
    return _invoice(number)


def _map(target: Any, documents: Sequence[Any], path: Path, answer: Any) -> Path:
    fake = FakeEndpoint(answer, repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor("m", base_url="http://fake.test/v1", http_client=client, max_retries=0, api_key="k") as extractor,
        extractor.map(target, documents, job=path, concurrency=1) as results,
    ):
        list(results)
    return path


def invoices(folder: Path, count: int = 6) -> Path:
    """A job of invoices; that whose number ends with 4 failed."""
    documents = [Input(name=f"invoice-{1001 + at}.txt", document=_text(1001 + at)) for at in range(count)]
    return _map(Invoice, documents, folder / "invoices.db", _answer)


def printed(folder: Path) -> Path:
    """A job of one PDF of two pages."""
    path = folder / "printed.pdf"
    path.write_bytes(pdf(["Invoice INV-7\nACME Ltd, 12 Harbour Road", "Total due EUR 187.50\nReference RF-7"]))
    return _map(Note, [path], folder / "printed.db", lambda _: {"title": "INV-7", "amount": "187.50"})


HOSTILE = (
    '<script>window.hurt = 1</script><img src=x onerror="window.hurt = 2">\u202egnp.exe\u202c \x00 '
    "\U0001f600 javascript:alert(3)"
)


def notes(folder: Path, texts: Sequence[str] = (HOSTILE,)) -> Path:
    """A job of texts, each the value's title, as far as that goes."""
    documents = [Input(name=f"{HOSTILE[:40]}{at}", document=text) for at, text in enumerate(texts)]
    return _map(Note, documents, folder / "notes.db", lambda _: {"title": HOSTILE[:60], "amount": None})
