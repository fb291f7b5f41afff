"""The words for what a reply turned out to be."""

from __future__ import annotations

from extractor.reply.outcome import Outcome


def test_outcomes_are_words() -> None:
    """An outcome is its word, for logs and stores."""
    assert [f"{each}" for each in Outcome] == [
        "conforming", "incomplete", "invalid", "malformed", "cut_off", "broken_off", "empty", "refused", "filtered",
    ]  # fmt: skip
