"""All that is known of the fields of an extraction, put together: places, tokens, votes, confidence, completeness."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from extractor.errors import MissingExtra
from extractor.evidence.confidence import confident
from extractor.evidence.field import Field
from extractor.evidence.grounding import ground
from extractor.evidence.leaves import leaves, left_out
from extractor.evidence.source import Source, source_of
from extractor.schema.pointers import is_within

if TYPE_CHECKING:
    from extractor.evidence.completeness import ListReport
    from extractor.result import Extraction

__all__ = ["display", "fields_of", "lists_of"]


def fields_of(result: Extraction[Any]) -> dict[str, Field]:
    """What is known of every scalar of the value, and of everything that is absent."""
    fields = _grounded(result) if result.grounds is None else dict(result.grounds)
    for pointer, field in fields.items():
        tokens, vote = result.tokens.get(pointer), _vote(result, pointer)
        if tokens is not None:
            field = replace(field, logprob=tokens.total)  # noqa: PLW2901  # it is made step by step
        if vote is not None:
            field = replace(field, agreement=vote.agreement, others=vote.others)  # noqa: PLW2901
        fields[pointer] = field
    nothing = [*result.absent, *left_out(result.schema, result.data)]
    fields |= {pointer: Field(status="absent") for pointer in nothing if pointer not in fields}
    # What was put together of several pieces has been judged by what was known of each.
    judged = {pointer: field for pointer, field in fields.items() if field.confidence is not None}
    known = confident(fields, result.tokens, data=result.data)
    if result.calibration is not None:
        known = {pointer: _calibrated(field, result) for pointer, field in known.items()}
    return known | judged


def _grounded(result: Extraction[Any]) -> dict[str, Field]:
    source = _source(result)
    if source is not None:
        return ground(result.schema, result.data, source)
    return {
        leaf.pointer: Field(status="absent" if leaf.value is None else "inferred" if leaf.inferred else None)
        for leaf in leaves(result.schema, result.data)
    }


def _source(result: Extraction[Any]) -> Source | None:
    if result.document is None:
        return None
    known: dict[str, Any] = result._known
    if "source" not in known:
        known["source"] = source_of(result.document)
    source: Source = known["source"]
    return source


def _vote(result: Extraction[Any], pointer: str) -> Any:
    """What the candidates say of a place; of what is inside of it where nothing is said of that."""
    votes = result.votes
    while pointer and pointer not in votes:
        pointer = pointer.rpartition("/")[0]
    return votes.get(pointer)


def _calibrated(field: Field, result: Extraction[Any]) -> Field:
    if field.confidence is None or result.calibration is None:
        return field
    return replace(field, confidence=result.calibration.apply(field.confidence))


def lists_of(result: Extraction[Any]) -> tuple[ListReport, ...]:
    """How complete the lists of the value are, as far as the document tells; nothing where there is no text."""
    from extractor.evidence.completeness import completeness

    source = _source(result)
    if source is None:
        return ()
    mended = {
        repair.pointer: repair.message
        for attempt in result.attempts
        for repair in attempt.repairs
        if repair.kind == "list" and repair.pointer is not None and not is_within(repair.pointer, attempt.asked)
    }
    return completeness(result.schema, result.data, source, result.fields, mended=mended)


def display(result: Extraction[Any]) -> None:
    """Show a result in a notebook. Raises `MissingExtra` where there is none."""
    try:
        from IPython.display import HTML
        from IPython.display import display as shown
    except ImportError as error:
        raise MissingExtra(
            "There is no notebook: IPython is not installed.", hint="Write .to_html() to a file."
        ) from error
    from extractor.evidence.page import fragment

    shown(HTML(fragment(result.document, result.data, result.fields, **result._shown())))
