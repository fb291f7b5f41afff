"""The demonstration: a few small models, for the sample documents of the ready schemas.

The ready schemas ask for what a professional needs; these ask for what a very small model can find.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, Field

__all__ = ["DEMOS"]


class Contact(BaseModel):
    """Who signed an e-mail."""

    name: str = Field(description="Name of the person")
    company: str | None = Field(description="Company or organisation")
    email: str | None = Field(description="E-mail address")
    phone: str | None = Field(description="Phone number")


class Receipt(BaseModel):
    """What was paid, where and when."""

    shop: str = Field(description="Name of the shop or restaurant")
    date: datetime.date = Field(description="Date of purchase")
    total: float = Field(description="Total amount")


class Product(BaseModel):
    """What is for sale."""

    name: str = Field(description="Name of the product")
    brand: str | None = Field(description="Maker")
    price: float | None = Field(description="Price")


class Ticket(BaseModel):
    """What somebody needs help with."""

    number: str = Field(description="Ticket number")
    sender: str = Field(description="Who wrote it")
    subject: str = Field(description="What it is about")
    priority: Literal["low", "normal", "high"]


class Job(BaseModel):
    """Who is looking for whom."""

    title: str = Field(description="Title of the position")
    company: str = Field(description="Who is hiring")
    location: str = Field(description="Where the work is")


DEMOS: Mapping[str, type[BaseModel]] = {
    "contact": Contact,
    "receipt": Receipt,
    "product": Product,
    "support_ticket": Ticket,
    "job_posting": Job,
}
"""Name of a sample document → what is asked of it."""
