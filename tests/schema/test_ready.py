"""The ready schemas by their names."""

from __future__ import annotations

import pytest

from extractor.errors import ConfigurationError
from extractor.schema.ready import ready_names, ready_sample, ready_schema
from extractor.schema.target import target_of


def test_names() -> None:
    """The names are sorted, and the usual documents are among them."""
    names = ready_names()
    assert list(names) == sorted(names)
    assert {"invoice", "receipt", "resume", "contract"} <= set(names)


@pytest.mark.parametrize("name", ready_names())
def test_each(name: str) -> None:
    """Each name gives an object schema that is a target, and a sample document."""
    schema = ready_schema(name)
    assert schema["type"] == "object"
    assert target_of(name).name == schema["title"]
    assert len(ready_sample(name)) > 100


def test_each_call_gives_its_own() -> None:
    """Changing a schema that was handed out changes no other."""
    ready_schema("invoice").clear()
    assert ready_schema("invoice")["type"] == "object"


@pytest.mark.parametrize("name", ["", "Invoice", "../pyproject", "samples/invoice", "invoice.json", "nope"])
def test_unknown_names(name: str) -> None:
    """Only the names there are lead to files; the error lists them."""
    for ask in (ready_schema, ready_sample):
        with pytest.raises(ConfigurationError, match="There is no ready schema") as caught:
            ask(name)
        assert "bank_statement, contact" in caught.value.hint
        assert ".json" in caught.value.hint
