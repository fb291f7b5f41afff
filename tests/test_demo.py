"""The demonstration, with the embedded model."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from extractor import Extractor
from extractor.demo import DEMOS
from extractor.schema.ready import ready_names, ready_sample


def test_every_demonstration_has_a_document() -> None:
    """Each is made for the sample of a ready schema."""
    assert set(DEMOS) <= set(ready_names())


@pytest.mark.parametrize("name", ["contact", "receipt", "product"])
def test_the_embedded_model_conforms(name: str) -> None:
    """A real model in this process gives validated records of real-looking documents."""
    with Extractor("local/smollm2-135m", max_completion_tokens=300) as extractor:
        result = extractor.run(DEMOS[name], ready_sample(name))
    assert isinstance(result.value, BaseModel)
    assert type(result.value) is DEMOS[name]
    assert result.model == "smollm2-135m"
    assert result.usage.completion_tokens > 10
