"""Feeds that are made up, for tests of those who work through them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from extractor.chat.wire import Usage
from extractor.errors import ExtractorError
from extractor.result import DocumentResult, Extraction
from extractor.schema.target import Target, target_of
from extractor.several.feed import Extract, Work

__all__ = ["TARGET", "Feed", "result_of"]

TARGET: Target[Any] = target_of(dict[str, int])


def result_of(value: Any) -> Extraction[Any]:
    """An extraction that gave this."""
    return Extraction(value=value, usage=Usage(), attempts=(), model="m", seconds=0.0, mode=None)


class Feed:
    """A feed of one work for each number, made by `work`; it notes what was taken and closed."""

    def __init__(self, numbers: Iterable[Any], work: Callable[[Any], Work[Any]] | None = None) -> None:
        self.numbers = numbers
        self.work = work or self.plain
        self.taken: list[Any] = []
        self.given_up: list[Any] = []
        self.closed = threading.Event()
        self.closes = 0

    def works(self) -> Iterator[Work[Any] | None]:
        """See `extractor.several.feed.Feed`."""
        for number in self.numbers:
            self.taken.append(number)
            yield None if number is None else self.work(number)

    def close(self) -> None:
        """See `extractor.several.feed.Feed`."""
        self.closes += 1
        self.closed.set()

    def plain(self, number: int) -> Work[Any]:
        """One extraction."""
        try:
            result = yield Extract(target=TARGET, document=number, call={})
        except ExtractorError as error:
            return DocumentResult(number=number, name=str(number), error=error)
        except GeneratorExit:
            self.given_up.append(number)
            raise
        return DocumentResult(number=number, name=str(number), result=result)
