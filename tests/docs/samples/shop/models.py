"""What a shop asks for: the models that the pages name."""

from __future__ import annotations

from pydantic import BaseModel


class Line(BaseModel):
    """One line of an order."""

    item: str
    quantity: int
    price: float


class Order(BaseModel):
    """An order with its lines."""

    number: str
    lines: list[Line]


class Invoice(BaseModel):
    """What an invoice says."""

    number: str
    total: float
    currency: str
