"""Which plan a call needs: a document too long for one request is cut, rows passed over are asked for, candidates vote.

Each plan makes the pieces of the next one: of a long document every chunk is looked through for rows that were
passed over, and every one of those answers is the vote of its candidates.
"""

from __future__ import annotations

import re
import time
from typing import Any

from extractor.chat.content import text_of
from extractor.documents.chunking import Chunking
from extractor.documents.lengths import tokens_in
from extractor.errors import RequestTooLarge
from extractor.loop.ladder import Form
from extractor.several.pieces import Plan, Whole, joined

__all__ = ["Whole", "bare", "known_context", "plan", "room", "shorter", "spare"]

MOST_REPLY = 16_384  # tokens that are kept free for a reply whose limit is not known
LEAST_ROOM = 128  # tokens: less is no document
SHORT = 1_000  # characters: a document that is refused although it is no longer is not cut
MOST_OVERLAP = 200  # tokens


def plan(whole: Whole, room: int | None) -> Plan[Any] | None:
    """The outermost plan that is needed; None where one flow does all. `room`: tokens that a document may have."""
    settings = whole.settings
    text = None if whole.document is None else text_of(whole.document)
    if text is not None and not text.strip():
        return None  # one flow says that there is nothing in it
    chunking = settings.chunking
    if chunking == "auto":
        chunking = None if room is None else _chunking(room)
    if text is not None and isinstance(chunking, Chunking) and tokens_in(text) > chunking.tokens:
        from extractor.several.chunks import chunked

        return chunked(whole, text, chunking)
    if text is not None and settings.recall == "high":
        from extractor.several.recalled import recalled

        return recalled(whole, text)
    if settings.candidates > 1:
        from extractor.several.candidates import candidates

        return candidates(whole)
    return None


def room(whole: Whole, form: Form, context: int) -> int:
    """How many tokens a document may have where a request and its reply may have `context`."""
    return max(_left(whole, form, context), LEAST_ROOM)


def _left(whole: Whole, form: Form, context: int) -> int:
    fields = whole.settings.fields
    limit = fields.get("max_completion_tokens") or fields.get("max_tokens")
    reply = min(limit or context // 4, MOST_REPLY if limit is None else context // 2)
    prompt = tokens_in(form.prefix.encoded.decode("utf-8", "replace"))
    return context - prompt - reply


def spare(whole: Whole, form: Form, context: int) -> int:
    """How many tokens are left beside the document; fewer than none where there is no room for it."""
    return _left(whole, form, context) - tokens_in(text_of(whole.document) or "")


def shorter(whole: Whole, form: Form, context: int) -> Plan[Any] | None:
    """The plan for a document that was refused as too long; None where it is not to be cut."""
    text = None if whole.document is None else text_of(whole.document)
    if whole.settings.chunking is None or text is None or len(text) <= SHORT:
        return None
    from extractor.several.chunks import chunked

    tokens = tokens_in(text) // 2
    if context:
        tokens = min(tokens, room(whole, form, context))
    return chunked(whole, text, _chunking(max(tokens, LEAST_ROOM)))


def _chunking(tokens: int) -> Chunking:
    return Chunking(tokens=tokens, overlap=min(MOST_OVERLAP, tokens // 10))


def bare(whole: Whole) -> Plan[Any]:
    """Ask without examples, of which there were too many beside the document. Raises what that does."""
    started = time.perf_counter()
    came = yield (whole.piece(0, "bare", examples=()),)
    return joined(came.taken(), [came], time.perf_counter() - started)


# "maximum context length is 8192 tokens", "n_ctx": 8192, "context window of 128,000 tokens", "the maximum number of
# tokens allowed (1048576)", "210000 tokens > 200000 maximum"
_CONTEXT = re.compile(
    r"(?:n_ctx|context (?:length|window|size)|tokens allowed)\W{1,4}(?:is|of)?\W{0,4}(\d[\d,]{2,9})"
    r"|> ?(\d[\d,]{2,9}) maximum",
    re.I,
)


def known_context(refused: RequestTooLarge, text: str) -> int:
    """How many tokens a request may have: as the endpoint says, else fewer than the document that it refused has."""
    found = _CONTEXT.search(f"{refused.said} {refused.body}"[:10_000])
    return int((found[1] or found[2]).replace(",", "")) if found else tokens_in(text)
