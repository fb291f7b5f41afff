"""The two drivers of a plan: pieces side by side, on threads or as tasks."""

from __future__ import annotations

import functools
import math
import queue
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from extractor.errors import ExtractorError
from extractor.result import Extraction
from extractor.several.pieces import Came, Piece, Plan
from extractor.several.threads import Threads

__all__ = ["by_tasks", "by_threads"]

T = TypeVar("T")

MOST = 64  # threads of one plan


def by_threads(plan: Plan[T], one: Callable[[Piece], Extraction[Any]]) -> Extraction[T]:
    """Drive a plan: each piece in a thread, a single one in this. Raises what the plan does."""
    finished: queue.SimpleQueue[Came | BaseException] = queue.SimpleQueue()
    threads = Threads("extractor")
    running, ahead = 0, list(next(plan))
    try:
        while True:
            if running == 0 and len(ahead) == 1:
                came: Came | BaseException = _came(ahead.pop(), one)
            else:
                for piece in ahead:
                    running += 1
                    threads.begin(functools.partial(_put, finished, piece, one), min(running, MOST))
                came, running = finished.get(), running - 1
            if isinstance(came, BaseException):
                raise came
            ahead = list(plan.send(came))
    except StopIteration as done:
        result: Extraction[T] = done.value
        return result
    finally:
        plan.close()
        threads.dismiss()


def _came(piece: Piece, one: Callable[[Piece], Extraction[Any]]) -> Came:
    try:
        return Came(piece=piece, result=one(piece))
    except ExtractorError as error:
        return Came(piece=piece, error=error)


def _put(
    finished: queue.SimpleQueue[Came | BaseException], piece: Piece, one: Callable[[Piece], Extraction[Any]]
) -> None:
    try:
        finished.put(_came(piece, one))
    except BaseException as error:  # noqa: BLE001  # it is raised where the plan is driven
        finished.put(error)


async def by_tasks(plan: Plan[T], one: Callable[[Piece], Awaitable[Extraction[Any]]]) -> Extraction[T]:
    """The same with tasks, under asyncio and trio."""
    import anyio  # httpx has it; those who do without plans need not load it

    sending, finished = anyio.create_memory_object_stream[Came](math.inf)
    failed: list[BaseException] = []
    result: list[Extraction[T]] = []

    async def put(piece: Piece) -> None:
        try:
            came = Came(piece=piece, result=await one(piece))
        except ExtractorError as error:
            came = Came(piece=piece, error=error)
        sending.send_nowait(came)

    try:
        async with sending, finished, anyio.create_task_group() as group:
            try:
                ahead = next(plan)
                while True:
                    for piece in ahead:
                        group.start_soon(put, piece)
                    ahead = plan.send(await finished.receive())
            except StopIteration as done:
                result.append(done.value)
            except ExtractorError as error:  # else it would come out in a group
                failed.append(error)
            group.cancel_scope.cancel()
    except BaseExceptionGroup as errors:
        failed.append(_first(errors))
    finally:
        plan.close()
    if failed:
        raise failed[0]
    return result[0]


def _first(errors: BaseException) -> BaseException:
    """The first error of a group, as a caller without groups would have seen it."""
    while isinstance(errors, BaseExceptionGroup):
        errors = errors.exceptions[0]
    return errors
