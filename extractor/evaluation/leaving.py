"""Whether examples help: each document with a right value is asked for twice, without examples and with the nearest.

Neither a document nor what may be another scan of it is an example for it, so that what comes out with examples is
what a new document would get.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from extractor.errors import BudgetExceeded, EndpointError, ExtractionFailed, OptionError
from extractor.evaluation.evaluating import compared_on
from extractor.evaluation.evaluation import Evaluation
from extractor.evaluation.sources import Predicted, Right
from extractor.examples.nearest import Examples
from extractor.examples.sources import found_in, located, text_in
from extractor.schema.target import Target, target_of

__all__ = ["without_and_with"]


class _Gold(NamedTuple):
    name: str
    text: str
    value: Any


def without_and_with(
    ask: Callable[..., Any],
    target: Any,
    source: Any,
    *,
    nearest: int = 3,
    tokens: int = 2_000,
    limit: int | None = None,
    progress: Callable[[int, int], object] = lambda done, all_: None,
    **options: Any,
) -> Evaluation:
    """Ask for each document of a source twice, and compare: the evaluation is without examples, its `second` with the
    `nearest`.

    `ask` is what asks, `Extractor.run`. `source` is what `Examples` takes; of more documents than `limit`, so many are
    taken evenly. `options` are those of `evaluate` (normal, level, seed, resamples). `progress` is told how many
    documents are done, of how many.

    Raises `OptionError` where there are no documents, and what a call raises that would fail for all.
    """
    wanted: Target[Any] = target_of(target)
    documents = _evenly(list(_documents(source, wanted)), limit)
    if not documents:
        raise OptionError(
            "There is no document with a text and a right value.",
            option="examples",
            hint="Give a job that people have looked through, or JSON lines with text and value.",
        )
    examples = Examples(source, nearest=nearest, tokens=tokens).held_out()
    runs: list[list[Predicted]] = []
    for number, call in enumerate(({}, {"examples": examples})):
        found: list[Predicted] = []
        for each in documents:
            found.append(_asked(ask, target, each, call))
            progress(number * len(documents) + len(found), 2 * len(documents))
        runs.append(found)
    right = [Right(name=each.name, value=each.value) for each in documents]
    labels = ("without examples", f"with the {nearest} nearest examples")
    return compared_on(right, runs[0], runs[1], target=wanted, labels=labels, **options)


def _documents(source: Any, target: Target[Any]) -> Iterator[_Gold]:
    """All that have a text and a right value, under names that are told apart."""
    path = located(source)
    pairs = [(text_in(document), value) for document, value in source] if path is None else found_in(path, target)
    digits = 4
    for number, (text, value) in enumerate(pairs, 1):
        if text is not None and value is not None:
            first = next((line.strip() for line in text.splitlines() if line.strip()), "")
            yield _Gold(name=f"{number:0{digits}} {first[:40]}".rstrip(), text=text, value=value)


def _evenly(documents: Sequence[_Gold], limit: int | None) -> Sequence[_Gold]:
    if limit is None or limit >= len(documents):
        return documents
    return [documents[number * len(documents) // limit] for number in range(limit)]


def _asked(ask: Callable[..., Any], target: Any, document: _Gold, call: Any) -> Predicted:
    """What comes of a document; one that fails counts as empty."""
    try:
        result = ask(target, document.text, **call)
    except BudgetExceeded:
        raise
    except (ExtractionFailed, EndpointError) as error:
        if isinstance(error, EndpointError) and error.lasting:
            raise
        failed, requests = type(error).__name__, len(error.attempts)
        return Predicted(names=[document.name], failed=failed, requests=requests, cost=error.cost)
    usage = result.usage
    return Predicted(
        names=[document.name],
        value=result.data,
        requests=len(result.attempts),
        tokens=(usage.prompt_tokens, usage.completion_tokens),
        cost=result.cost,
        seconds=result.seconds,
    )
