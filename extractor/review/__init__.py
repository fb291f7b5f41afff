"""Where people look at what was extracted, and say whether it is right: a page of this machine's browser."""

from __future__ import annotations

from extractor.review.serving import Review, review

__all__ = ["Review", "review"]
