"""The table of dialects."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace

import pytest

from extractor.errors import ConfigurationError
from extractor.schema.dialects import DIALECTS, dialect_named

UNSUPPORTED_BY_OPENAI = [
    "allOf",
    "oneOf",
    "not",
    "if",
    "then",
    "else",
    "dependentRequired",
    "dependentSchemas",
    "patternProperties",
    "propertyNames",
    "uniqueItems",
    "contains",
    "minProperties",
    "maxProperties",
    "default",
]
IGNORED_BY_LLAMA_CPP = [
    "multipleOf",
    "uniqueItems",
    "contains",
    "not",
    "if",
    "patternProperties",
    "propertyNames",
    "nullable",
    "allOf",
]


def test_names() -> None:
    """Each dialect stands under its own name."""
    assert {"openai", "llama.cpp", "unknown"} <= DIALECTS.keys()
    assert all(dialect.name == name for name, dialect in DIALECTS.items())


@pytest.mark.parametrize("name", DIALECTS)
def test_by_name(name: str) -> None:
    """A dialect is found by its name, and one of the caller's own is taken as it is."""
    assert dialect_named(name) is DIALECTS[name]
    own = replace(DIALECTS[name], name="mine")
    assert dialect_named(own) is own


def test_unknown_name() -> None:
    """An unknown name is an error that lists those there are."""
    with pytest.raises(ConfigurationError, match="no dialect 'klingon'") as caught:
        dialect_named("klingon")
    assert "llama.cpp" in caught.value.hint


def test_dialects_are_frozen() -> None:
    """The table cannot be changed by accident."""
    with pytest.raises(FrozenInstanceError):
        DIALECTS["openai"].strict = False  # type: ignore[misc]


@pytest.mark.parametrize("name", ["openai", "unknown"])
def test_openai(name: str) -> None:
    """The strict form allows none of what OpenAI's strict mode refuses."""
    dialect = DIALECTS[name]
    assert not dialect.keywords & set(UNSUPPORTED_BY_OPENAI)
    assert (dialect.strict, dialect.all_required, dialect.closed) == (True, True, True)
    assert (dialect.maps, dialect.any, dialect.ref_siblings) == (False, False, False)
    assert dialect.formats == {
        "date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid",
    }  # fmt: skip


def test_llama_cpp() -> None:
    """Nothing is left to llama.cpp that it silently ignores."""
    dialect = DIALECTS["llama.cpp"]
    assert not dialect.keywords & set(IGNORED_BY_LLAMA_CPP)
    assert dialect.formats == {"date", "time", "date-time", "uuid"}
    assert (dialect.simple_patterns, dialect.real_bounds) == (True, False)


def test_who_shows_the_schema() -> None:
    """Only where the model sees the schema does the prompt leave it out."""
    assert DIALECTS["openai"].shows_schema
    assert not DIALECTS["llama.cpp"].shows_schema
    assert not DIALECTS["unknown"].shows_schema
