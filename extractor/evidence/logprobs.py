"""The log-probabilities of a reply's tokens, value by value: which tokens a value was written with.

Tokens know nothing of JSON: one may hold the end of a string, its quote and a comma, and a character may be cut into
several. So tokens and text are laid side by side as bytes. What they do not agree on gets nothing: a value either has
all of its tokens, or is left out.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple, TypeAlias

from extractor.chat.wire import TokenLogprob
from extractor.reply.node import CONTAINERS, Malformed, Node
from extractor.reply.reader import read
from extractor.schema.pointers import escaped

__all__ = ["Tokens", "tokens_of"]

LEAST = -30.0  # "-9999" stands for anything unlikely, and would drown all other tokens of a sum
ROUNDED = 0.01  # a logarithm slightly above 0 is one that was rounded; more is no log-probability
TRAILING = 16  # special tokens that may stand behind the text
DIFFERING = 3  # tokens that may differ from the text
WIDEST = 12  # bytes of the text that one of those may stand for
MOST_CHARACTERS = 10_000_000  # of all pointers: a long key stands in those of all that is inside


@dataclass(frozen=True, kw_only=True, slots=True)
class Tokens:
    """The log-probabilities (natural logarithms, at most 0) of a value's own tokens.

    Its own is every token that holds a character of it, of strings without the quotes: one that two values share counts
    for both. `total` is their sum, `count` their number, `least` the smallest.

    `first` is how it begins: the sum for all tokens from the mark before it (colon, comma, bracket) to its first
    character or its quote. There a model decides between a value and null.
    """

    total: float
    count: int
    least: float
    first: float


def tokens_of(text: str, logprobs: Sequence[TokenLogprob]) -> dict[str, Tokens]:
    """The tokens of every scalar in a reply's text, by its JSON pointer there (the wire's shape).

    `logprobs` may have more before and after the text: thoughts, the wrapper of a tool call, special tokens. {} where
    the text has not one JSON value that can be read as it stands, or the tokens are not those of the text. A value
    is left out where a log-probability of it is not known. Raises nothing.
    """
    if not logprobs:
        return {}
    found = _value_in(text)
    row = None if found is None else _laid(found, logprobs)
    if found is None or row is None:
        return {}
    byte = _bytes_before(found.text)
    values = ((each.pointer, _tokens(row, each, byte)) for each in _scalars(found.root, found.text))
    return {pointer: tokens for pointer, tokens in values if tokens is not None}


# ------------------------------------------------------------------------------ the values of the text


class _Found(NamedTuple):
    """The JSON in a text: `text` is its own, `before` and `after` what stands around it."""

    root: Node
    text: str
    before: str = ""
    after: str = ""


def _value_in(text: str) -> _Found | None:
    try:
        return _Found(read(text), text)
    except Malformed:
        from extractor.reply.repair import mended  # not for a reply that is JSON

    values = list(mended(text))
    if len(values) != 1 or not text.startswith(values[0].text, values[0].start):
        return None  # what was changed has no tokens
    own, start = values[0].text, values[0].start
    try:
        return _Found(read(own + values[0].closers), own, text[:start], text[start + len(own) :])
    except Malformed:
        return None


class _Scalar(NamedTuple):
    """Where a value begins to be decided (`lead`), its first character or quote, and its own characters."""

    pointer: str
    lead: int
    mark: int
    start: int
    end: int


def _scalars(root: Node, text: str) -> Iterator[_Scalar]:
    ahead: list[tuple[str, Node]] = [("", root)]
    room = MOST_CHARACTERS
    while ahead:
        pointer, node = ahead.pop()
        room -= len(pointer) * (1 + len(node.children))
        if node.kind in CONTAINERS and room > 0:
            steps = (str(n) if each.key is None else escaped(each.key) for n, each in enumerate(node.children))
            inside = [(f"{pointer}/{step}", each) for step, each in zip(steps, node.children, strict=True)]
            ahead += reversed(inside)
        elif node.kind not in CONTAINERS and node.end <= len(text):
            yield _scalar(pointer, node, text)


def _scalar(pointer: str, node: Node, text: str) -> _Scalar:
    lead, start, end = node.start, node.start, node.end
    while lead and text[lead - 1] in " \t\r\n":
        lead -= 1
    quotes = node.kind == "string" and end - start > 2  # "" has no characters but its quotes
    return _Scalar(pointer, lead, start, start + quotes, end - quotes)


def _bytes_before(text: str) -> Callable[[int], int]:
    """A character's place → the place of its first byte."""
    if text.isascii():
        return lambda at: at
    places = [0, *accumulate(map(_width, text))]
    return places.__getitem__


def _width(character: str) -> int:
    code = ord(character)
    return 1 if code < 0x80 else 2 if code < 0x800 else 3 if code < 0x10000 else 4


# ------------------------------------------------------------------------------ tokens and text, side by side


class _Row(NamedTuple):
    """Tokens in the order of the text: the half-open bytes that each stands for, and its log-probability."""

    starts: list[int]
    ends: list[int]
    logprobs: list[float | None]

    def within(self, start: int, end: int) -> list[float | None]:
        """The log-probabilities of all tokens that hold any of these bytes."""
        first = after = bisect_right(self.ends, start)
        while after < len(self.starts) and self.starts[after] < end:
            after += 1
        return self.logprobs[first:after]


def _tokens(row: _Row, scalar: _Scalar, byte: Callable[[int], int]) -> Tokens | None:
    own = row.within(byte(scalar.start), byte(scalar.end))
    begun = row.within(byte(scalar.lead), byte(scalar.mark) + 1)
    known = [each for each in own if each is not None]
    first = [each for each in begun if each is not None]
    if not own or len(known) < len(own) or len(first) < len(begun):
        return None
    return Tokens(total=sum(known), count=len(known), least=min(known), first=sum(first))


def _laid(found: _Found, logprobs: Sequence[TokenLogprob]) -> _Row | None:
    """The tokens of what was found; None where they are not those of it."""
    own, before = _encoded(found.text), _encoded(found.before)
    whole = before + own + _encoded(found.after)
    known = [_known(each.logprob) for each in logprobs]
    for spelled in _SPELLED:
        pieces = [_bytes_of(each, spelled) for each in logprobs]
        # What stands around it tells it from a draft, but may have been trimmed.
        for wanted, begin in ((whole, len(before)), (own, 0)) if whole != own else ((own, 0),):
            if row := _exactly(wanted, pieces, known):
                return _cut(row, begin, len(own))
    row = _nearly(whole, [_piece(each) for each in logprobs], known)
    return None if row is None else _cut(row, len(before), len(own))


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _known(logprob: float | None) -> float | None:
    if logprob is None or math.isnan(logprob) or logprob > ROUNDED:
        return None
    return max(min(logprob, 0.0), LEAST)


def _as_it_is(token: str) -> bytes:
    return _encoded(token)


def _pieces_of_sentences(token: str) -> bytes:
    return _encoded(_BYTE.sub(lambda match: chr(int(match[1], 16)), token.replace("▁", " ")))


def _letters_for_bytes(token: str) -> bytes:
    return b"".join(_LETTERS.get(each) or _encoded(each) for each in token)


_BYTE = re.compile(r"<0x([0-7][0-9A-F])>")
# Byte-level tokenizers write every byte as a printable letter: those that are none follow from U+0100 on.
_PRINTABLE = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
_OTHERS = [byte for byte in range(256) if byte not in set(_PRINTABLE)]
_LETTERS: Mapping[str, bytes] = {
    **{chr(byte): bytes([byte]) for byte in _PRINTABLE},
    **{chr(0x100 + number): bytes([byte]) for number, byte in enumerate(_OTHERS)},
}
_Spelled: TypeAlias = "Callable[[str], bytes]"
# How endpoints write a token that has no `bytes`: as its text, or in its tokenizer's own letters.
_SPELLED: Sequence[_Spelled] = (_as_it_is, _pieces_of_sentences, _letters_for_bytes)


def _bytes_of(token: TokenLogprob, spelled: _Spelled = _as_it_is) -> bytes:
    if token.bytes is not None and (token.bytes or not token.token):
        try:
            return bytes(token.bytes)
        except (ValueError, TypeError):
            pass
    return spelled(token.token)


def _exactly(wanted: bytes, pieces: Sequence[bytes], known: Sequence[float | None]) -> _Row | None:
    """The text is in the tokens put together: where it stands last, since thoughts and drafts come before."""
    whole = b"".join(pieces)
    # Reversed, since only the search for the first one is linear whatever the bytes are.
    before = whole[::-1].find(wanted[::-1])
    if before < 0 or not wanted:
        return None
    begin = len(whole) - before - len(wanted)
    ends = [end - begin for end in accumulate(map(len, pieces))]
    starts = [end - len(piece) for end, piece in zip(ends, pieces, strict=True)]
    return _Row(starts, ends, list(known))


def _cut(row: _Row, begin: int, length: int) -> _Row:
    """The tokens of a part, with its bytes counted from its own beginning."""
    kept = [
        (start - begin, end - begin, known)
        for start, end, known in zip(*row, strict=True)
        if start < end and end > begin and start < begin + length
    ]
    return _Row([start for start, _, _ in kept], [end for _, end, _ in kept], [known for _, _, known in kept])


def _piece(token: TokenLogprob) -> bytes | None:
    """The bytes of a token; None where those of a character that was cut have been lost."""
    return None if token.bytes is None and "\ufffd" in token.token else _bytes_of(token)


_Piece: TypeAlias = "bytes | None"


def _nearly(wanted: bytes, pieces: Sequence[_Piece], known: Sequence[float | None]) -> _Row | None:
    """The text is nearly in the tokens: some have lost bytes of a character that was cut, or differ.

    From the end to the beginning, since the end is the same. Bytes between two tokens that agree with the text are
    those of the tokens between; what differs has no log-probability.
    """
    row: list[tuple[int, int, float | None]] = []
    between: list[int] = []
    at, differing = len(wanted), 0
    for number in range(_last(wanted, pieces), -1, -1):
        piece = pieces[number]
        if at <= 0 or differing > DIFFERING:
            break
        lost = sum(pieces[each] is None for each in between)  # a byte each at least
        start = _before(wanted, at - lost, piece, len(between)) if piece else -1
        if piece and start >= 0:
            row += _shared(start + len(piece), at, between, pieces, known)
            row.append((start, start + len(piece), known[number]))
            at, between = start, []
        elif piece != b"":
            differing += piece is not None
            between.append(number)
    if differing > DIFFERING or at > WIDEST * len(between):
        return None
    row += _shared(0, at, between, pieces, known)
    return _Row([each[0] for each in row[::-1]], [each[1] for each in row[::-1]], [each[2] for each in row[::-1]])


def _last(wanted: bytes, pieces: Sequence[_Piece]) -> int:
    """The number of the token that ends the text: special ones may stand behind it."""
    ahead = range(len(pieces) - 1, max(-1, len(pieces) - 1 - TRAILING), -1)
    return next((number for number in ahead if (piece := pieces[number]) and wanted.endswith(piece)), -1)


def _before(wanted: bytes, at: int, piece: bytes, skipped: int) -> int:
    """Where a token stands before `at`, where some were `skipped`; -1 where it does not."""
    if at < len(piece) and not skipped:
        return at - len(piece) if piece.endswith(wanted[:at]) else -1  # it began before the text
    return wanted.rfind(piece, max(0, at - skipped * WIDEST - len(piece)), at)


def _shared(
    start: int, end: int, between: Sequence[int], pieces: Sequence[_Piece], known: Sequence[float | None]
) -> Iterator[tuple[int, int, float | None]]:
    """What stands between two tokens belongs to all that are between: nobody knows how it was divided."""
    if start < end:
        differs = not all(pieces[number] is None for number in between)
        yield from ((start, end, None if differs else known[number]) for number in between)
