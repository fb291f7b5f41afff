"""Instances as the plain data that their target reads."""

from __future__ import annotations

import dataclasses
import datetime as dt
from decimal import Decimal
from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import (
    AliasChoices,
    AliasPath,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    RootModel,
    SecretStr,
    computed_field,
    field_validator,
)
from pydantic.dataclasses import dataclass

from extractor.errors import TargetFailed
from extractor.schema.plain import plain
from extractor.schema.target import target_of


class Part(BaseModel):
    """A part, read and written under different names."""

    model_config = ConfigDict(extra="allow")
    total: float = Field(0, validation_alias="sum", serialization_alias="Total")
    kept: int = Field(1, exclude=True)
    due: dt.date | None = Field(None, validation_alias=AliasChoices(AliasPath("a", "b"), "due day", "due"))

    @computed_field  # type: ignore[prop-decorator]
    @property
    def double(self) -> float:
        """Have something that is written and not read."""
        return self.total * 2


@dataclass
class Line:
    """A line."""

    text: Annotated[str, Field(validation_alias="words")]
    length: int = dataclasses.field(default=0, init=False)


class Names(RootModel[set[str]]):
    """Some names."""


class Whole(BaseModel):
    """All of it."""

    part: Part
    lines: list[Line] = []
    names: Names = Names(set())
    by_day: dict[dt.date, Decimal] = {}


class Odd(BaseModel):
    """What only its own class can write."""

    thing: Annotated[complex, PlainSerializer(lambda value: f"{value}")] = 0j


class Adding(BaseModel):
    """What is another one each time that it is read."""

    total: int

    @field_validator("total")
    @classmethod
    def _more(cls, total: int) -> int:
        return total + 1


class Secret(BaseModel):
    """What is not written at all."""

    word: SecretStr


class Failing(BaseModel):
    """What cannot be read without a context."""

    total: int

    @field_validator("total")
    @classmethod
    def _wrong(cls, total: int) -> int:
        raise KeyError("no context")


def test_names_are_those_of_the_schema() -> None:
    """Members are named as they are read, at every depth, with what is excluded from writing."""
    part = Part.model_validate({"sum": 5, "due day": "2024-02-29", "more": 1})
    read = {"sum": 5.0, "kept": 1, "due day": "2024-02-29", "more": 1}
    assert plain(part) == plain(part, target_of(Part)) == read
    line = Line(words="a")  # type: ignore[call-arg]
    whole = Whole(part=part, lines=[line], names=Names({"a"}), by_day={dt.date(2024, 1, 2): Decimal("1.50")})
    assert plain(whole) == {
        "part": read,
        "lines": [{"words": "a"}],
        "names": ["a"],
        "by_day": {"2024-01-02": "1.50"},
    }
    assert plain([part]) == [read]
    assert set(read) - {"more"} == target_of(Part).schema["properties"].keys()


def test_plain_data_stays() -> None:
    """What is plain data already is not read back, whatever the target is."""
    assert plain({"total": 1, "x": [None, True]}, target_of(Part)) == {"total": 1, "x": [None, True]}
    assert plain({1: (dt.date(2024, 1, 2), Decimal(3))}) == {"1": ["2024-01-02", "3"]}


def test_a_serializer_of_its_own_is_asked() -> None:
    """Where only the class can write a member, it does."""
    assert plain(Odd(thing=1j)) == {"thing": "1j"}


@pytest.mark.parametrize(("value", "said"), [(Adding(total=1), "Adding"), (Secret(word=SecretStr("a")), "Secret")])
def test_what_is_read_back_as_something_else_is_refused(value: Any, said: str) -> None:
    """Nothing that would be lost is passed over."""
    with pytest.raises(ValueError, match=f"a {said} whose plain data is read back as something else"):
        plain(value)


def test_what_is_no_plain_data_is_refused() -> None:
    """An object of a class that nobody knows, and a list that contains itself."""
    endless: list[Any] = []
    endless.append(endless)
    for value in (object(), [object()], endless):
        with pytest.raises(ValueError, match=r"\w"):
            plain(value)


def test_what_the_target_does_not_take_is_given() -> None:
    """It is for the caller to say what is wrong with it; a validator that fails says so."""
    assert plain(Part.model_construct(total="n/a")) == {"sum": "n/a", "kept": 1, "due day": None}
    with pytest.raises(TargetFailed, match="KeyError"):
        plain(Failing.model_construct(total=1), target_of(Failing))
    assert plain(Failing.model_construct(total=1)) == {"total": 1}


@given(
    part=st.builds(
        lambda total, kept, due: Part.model_validate({"sum": total, "kept": kept, "due": due}),
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(-(2**53), 2**53),
        st.none() | st.dates(),
    )
)
def test_what_is_given_makes_an_equal_instance(part: Part) -> None:
    """To validate it gives the same back."""
    assert target_of(Part).validate(plain(part)).value == part
