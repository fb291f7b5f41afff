"""The demonstration, with the embedded model."""

from __future__ import annotations

import contextlib

from extractor import ExtractionFailed, Extractor
from extractor.demo import DEMOS
from extractor.schema.ready import ready_names, ready_sample


def test_every_demonstration_has_a_document() -> None:
    """Each is made for the sample of a ready schema."""
    assert set(DEMOS) <= set(ready_names())


def test_the_embedded_model_conforms() -> None:
    """A real model in this process gives validated records of at least three kinds of document.

    Which three may depend on the processor: rounding decides between words that are equally likely.
    """
    results = []
    with Extractor("local/smollm2-135m", max_completion_tokens=300, max_retries=1) as extractor:
        for name, wanted in DEMOS.items():
            with contextlib.suppress(ExtractionFailed):
                results.append((wanted, extractor.run(wanted, ready_sample(name))))
    assert len(results) >= 3
    for wanted, result in results:
        assert type(result.value) is wanted
        assert result.model == "smollm2-135m"
        assert result.usage.completion_tokens > 10
