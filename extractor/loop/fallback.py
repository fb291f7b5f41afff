"""The loop over several endpoints: where one fails for good, or its model never conforms, the next one is asked.

A generator without I/O around `extraction`, of which it is a drop-in. Nothing of what came before is lost: the
attempts go on, and what the earlier endpoints came to is in `failures`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from extractor.errors import (
    BudgetExceeded,
    CallerError,
    DeadlineExceeded,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
)
from extractor.loop.extraction import Flow, extraction
from extractor.loop.task import Errand, Task
from extractor.result import Attempt

if TYPE_CHECKING:
    from extractor.watching import Watch

__all__ = ["Other", "falling_back"]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Other(Generic[T]):
    """Another endpoint: its `model`, and the same task for it, which is made when it is its turn."""

    model: str
    task: Callable[[], Task[T]]

    def made(self) -> Task[T] | CallerError:
        """The task; or what is wrong with the endpoint."""
        try:
            return self.task()
        except CallerError as error:
            return error.with_traceback(None)


def falling_back(task: Task[T], others: Sequence[Other[T]], errand: Errand, attempts: list[Attempt]) -> Flow[T]:
    """The extraction of `task`; where that fails, of the same with each of the `others`. `errand.endpoint` says whose
    turn it is: 0 for the first.

    Raises what the last one does, and at once what no other endpoint would change: the budget, the deadline, and the
    caller's own faults. Where something has been `shown` that cannot be taken back, no other is asked.
    """
    started = time.perf_counter()
    failures: tuple[ExtractorError, ...] = ()
    steps: tuple[Any, ...] = ()
    for number in range(len(others) + 1):
        this = others[number - 1].made() if number else task
        if isinstance(this, CallerError):  # it cannot be asked; the next one may
            failures = (*failures, this)
            continue
        errand.endpoint, errand.tariff = number, this.tariff
        failed: EndpointError | ExtractionFailed | None = None
        try:
            result = yield from extraction(this, attempts)
        except (EndpointError, ExtractionFailed) as error:
            failed = error
        if failed is None:
            seconds = time.perf_counter() - started
            if failures:
                return replace(result, failures=failures, steps=steps + result.steps, seconds=seconds)
            return result
        steps += failed.steps
        if isinstance(failed, (BudgetExceeded, DeadlineExceeded)) or errand.shown:
            failed.failures, failed.steps = failures + failed.failures, steps
            raise failed
        # Its frames would keep the document, and all else, as long as the result is kept.
        failures = (*failures, failed.with_traceback(None))
        if errand.watch is not None and number < len(others):
            _tell(errand.watch, errand.key, str(this.form.prefix.fields["model"]), others[number].model, failed)
    raise _last(failures, steps)


def _last(failures: tuple[ExtractorError, ...], steps: tuple[Any, ...]) -> ExtractorError:
    """The failure of the last endpoint that could be asked, with what came before."""
    asked = [failure for failure in failures if isinstance(failure, (EndpointError, ExtractionFailed))]
    last = asked[-1]  # the first endpoint at least
    last.failures = tuple(failure for failure in failures if failure is not last) + last.failures
    last.steps = steps
    return last


def _tell(watch: Watch, key: str, model: str, then: str, failed: ExtractorError) -> None:
    from extractor.watching import FallingBack  # only for those who watch

    event = FallingBack(extraction=key, from_model=model, to_model=then, error=type(failed).__name__)
    watch.emit("on_fallback", lambda _: event)
