"""One call of an extractor of either kind, for the tests that hold for both: see the fixture `kind`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from extractor import AsyncExtractor, Extraction, Extractor


def run_once(kind: str, made: Mapping[str, Any], target: Any, document: Any, **call: Any) -> Extraction[Any]:
    """The result of one call of a new extractor of the model `m`: `made` are its settings, the rest is for the call."""
    if kind == "sync":
        with Extractor("m", **made) as one:
            return one.run(target, document, **call)

    async def run() -> Extraction[Any]:
        async with AsyncExtractor("m", **made) as one:
            result = await one.run(target, document, **call)
            assert len(asyncio.all_tasks()) == 1  # nothing is left running
            return result

    return asyncio.run(run())
