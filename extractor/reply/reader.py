"""JSON read as it arrives: every value, where it stands, and how far the open ones have come.

Strict (RFC 8259), but for what the caller asks to hear of instead (`faults`). No character is looked at twice, but
for those of a number, literal or escape that a chunk cuts: these are put before the next chunk, and are short. A
string that is cut goes on where it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from extractor.reply.node import CONTAINERS, LONGEST_NUMBER, MAX_DEPTH, NO_KEY, Fault, Malformed, Node
from extractor.reply.tokens import (
    BEGUN,
    BLANK,
    CUT_ESCAPE,
    KIND_OF,
    LITERALS,
    NUMBER,
    RUN,
    STRANGE,
    decoded,
    end_of,
    match_colon,
    match_first,
    match_item,
    match_next,
    match_value,
)

__all__ = ["Reader", "read"]

FOUND_LENGTH = 200  # characters of a literal or key that a fault quotes
MOST_FAULTS = 1_000
MOST_CHARACTERS = 1_000_000  # of the pointers of all faults: a long key stands in those of all that is inside


class Reader:
    """One JSON text, in pieces of any size, all of which are kept.

    `root` is the value as far as it has come (None: not begun), `offset` the characters taken so far; after a fault,
    those before it. Numbers that are not finite (NaN, 1e999) and keys given twice raise `Malformed`. With a list of
    `faults` they are appended to it instead: such a number is None, and of such a key the first value is in the
    object's `value`, all are in its `children`. Of more than 1,000 faults the first are there.
    """

    def __init__(self, *, faults: list[Fault] | None = None) -> None:
        self.root: Node | None = None
        self.offset = 0
        self._faults = faults
        self._room = MOST_CHARACTERS
        self._malformed: Malformed | None = None
        self._chunks: list[str] = []
        self._half = ""  # an escape, number or literal that the last chunk cut
        self._base = 0  # the offset of the text that is being read: the half and the chunk
        self._top: Node | None = None  # the innermost open container
        self._depth = 0
        self._open: Node | None = None  # the open scalar
        self._pieces: list[str] = []  # of the open string or key, decoded
        self._key_from = -1  # where the open key begins
        self._key = NO_KEY  # of the next value
        self._state: _State = Reader._value
        self._next: _State = Reader._over  # the state after a value that is in `_top`

    @property
    def done(self) -> bool:
        """Whether the root's value is complete (a number only after white space or `close`)."""
        return self.root is not None and self.root.end >= 0

    def feed(self, text: str) -> None:
        """Read on. Raises `Malformed`, and then the same for ever; what was read stays."""
        self._check()
        self._chunks.append(text)
        self._base = self.offset - len(self._half)
        if self._half:
            text, self._half = self._half + text, ""
        at, end = 0, len(text)
        try:
            while at < end:
                at = self._state(self, text, at)
        except Malformed as malformed:
            self._die(malformed)
            raise
        self.offset = self._base + end

    def close(self) -> None:
        """The text has ended. Raises `Malformed` where its value has not."""
        self._check()
        node = self._open
        try:
            if node is not None and node is self.root and NUMBER.fullmatch(self._half):
                self._number(node, self._half)
        except Malformed as malformed:
            self._die(malformed)
            raise
        if not self.done:
            self._die(Malformed("ended_early", self.offset))
            self._check()
        self._half = ""

    def text_of(self, node: Node, at: int | None = None) -> str:
        """The text of a string, as it was known when `at` characters had been read (None: now).

        An escape of which a part was not read yet is left out.
        """
        if node.end >= 0 and (at is None or at >= node.end):
            text: str = node.value
            return text
        if node is self._open and (at is None or at >= self.offset):
            self._pieces = ["".join(self._pieces)]  # not all of them again at the next call
            return self._pieces[0]
        begin, end = node.start + 1, self.offset if at is None else at
        run = RUN.match(self._since(begin)[: max(end - begin, 0)])
        return decoded(run[0]) if run else ""

    def open_path(self) -> list[Node]:
        """The open values, from the root to the innermost; [] where none is."""
        path: list[Node] = []
        node = self._open or self._top
        while node is not None:
            path.append(node)
            node = node.parent
        return path[::-1]

    def tail(self) -> str:
        """The text of the token that is not complete: a string with its quote, number, literal or key. "" if none."""
        start = self._open.start if self._open is not None else self._key_from
        return self._since(start) if start >= 0 else ""

    def _since(self, start: int) -> str:
        """The text from an offset on. Looked for from the end: there it is, mostly."""
        chunks: list[str] = []
        missing = self.offset - start
        for chunk in reversed(self._chunks):
            if missing <= 0:
                break
            chunks.append(chunk)
            missing -= len(chunk)
        return "".join(reversed(chunks))[-missing:]

    def _check(self) -> None:
        if self._malformed is not None:
            raise Malformed(self._malformed.kind, self._malformed.offset)

    def _die(self, malformed: Malformed) -> None:
        self._malformed, self.offset = malformed, malformed.offset
        self._chunks = ["".join(self._chunks)[: self.offset]]

    # ------------------------------------------------- states: text, where it is read → where to go on in it

    def _value(self, text: str, at: int) -> int:
        match = match_value(text, at)
        return self._token(text, at) if match is None else _BEGIN[match.lastindex](self, match)

    def _first(self, text: str, at: int) -> int:
        """After `{`, or after a comma with which a chunk ended."""
        match = match_first(text, at)
        return self._blank(text, at) if match is None else self._keyed(match)

    def _member(self, text: str, at: int) -> int:
        """After a value in an object."""
        match = match_next(text, at)
        return self._blank(text, at) if match is None else self._keyed(match)

    def _colon(self, text: str, at: int) -> int:
        match = match_colon(text, at)
        if match is None:
            return self._blank(text, at)
        self._state = Reader._value
        return match.end()

    def _item(self, text: str, at: int) -> int:
        """After a value in an array."""
        match = match_item(text, at)
        if match is None:
            return self._blank(text, at)
        if match[1] == "]":
            return self._shut(match)
        self._state = Reader._value
        return match.end()

    def _over(self, text: str, at: int) -> int:
        """After the root's value."""
        return self._blank(text, at, "trailing_text")

    def _blank(self, text: str, at: int, kind: str = "syntax") -> int:
        """Where nothing that could be there was found: white space, or a fault."""
        at = end_of(BLANK, text, at)
        if at < len(text):
            raise Malformed(kind, self._base + at)
        return at

    def _string(self, text: str, at: int) -> int:
        """In a string, which may be a key."""
        end = end_of(RUN, text, at)
        self._pieces.append(decoded(text[at:end]))
        if end == len(text):
            return end
        if text[end] != '"':
            return self._cut_escape(text, end)
        whole, over = "".join(self._pieces), self._base + end + 1
        if self._open is not None:
            self._finish(self._open, over, whole)
        else:
            self._name(whole, self._key_from, over)
            self._key_from, self._state = -1, Reader._colon
        return end + 1

    def _cut_escape(self, text: str, at: int) -> int:
        """The beginning of an escape, which waits for the rest; anything else cannot be in a string."""
        if CUT_ESCAPE.match(text, at):
            self._half = text[at:]
            return len(text)
        kind = next(kind for pattern, kind in STRANGE if pattern.match(text, at))
        raise Malformed(kind, self._base + at)

    def _token(self, text: str, at: int) -> int:
        """A literal or number: one that a chunk cuts, or a rare one. Is called again with all of it, and more."""
        node = self._open
        if node is None:
            at = end_of(BLANK, text, at)
            kind = KIND_OF.get(text[at : at + 1])
            if kind is None:
                return self._blank(text, at)
            node = self._open = self._node(kind, at, None)
            self._state = Reader._token
        end = end_of(BEGUN, text, at)
        token = text[at:end]
        if len(token) > LONGEST_NUMBER:
            raise Malformed("number_too_long", node.start + LONGEST_NUMBER)
        if token in LITERALS:
            self._finish(node, self._base + end, LITERALS[token])
        elif end == len(text):
            self._half = token
        elif NUMBER.fullmatch(token):
            self._number(node, token)
        else:
            raise Malformed("syntax", self._base + end)
        return end

    # ------------------------------------------------------------ what a match begins: → where to go on

    def _whole_string(self, match: re.Match[str]) -> int:
        return self._complete("string", match.start(1) - 1, match.end(), match[1])

    def _half_string(self, match: re.Match[str]) -> int:
        self._open = self._node("string", match.start(1) - 1, None)
        self._pieces = [match[1]]
        self._state = Reader._string
        return match.end()

    def _container(self, match: re.Match[str]) -> int:
        start = match.start(3)
        if self._depth == MAX_DEPTH:
            raise Malformed("too_deep", self._base + start)
        kind, state, following = _INSIDE[match[3]]
        node = self._node(kind, start, CONTAINERS[kind]())
        node.children = []
        self._put(node.value)
        self._top, self._state, self._next, self._key = node, state, following, NO_KEY
        self._depth += 1
        return match.end()

    def _literal(self, match: re.Match[str]) -> int:
        word = match[4]
        return self._complete(KIND_OF[word[0]], match.start(4), match.end(), LITERALS[word])

    def _empty(self, match: re.Match[str]) -> int:
        """A `]` in the place of a value."""
        if self._top is None or self._top.kind != "array" or self._top.children:
            raise Malformed("syntax", self._base + match.end() - 1)
        return self._shut(match)

    def _int(self, match: re.Match[str]) -> int:
        return self._complete("number", match.start(6), match.end(), int(match[6]))

    def _float(self, match: re.Match[str]) -> int:
        return self._complete("number", match.start(6), match.end(), float(match[6] + match[7]))

    def _keyed(self, match: re.Match[str]) -> int:
        """A member, as far as the chunk has it: its comma, half of its key, the key, its colon. Or no more."""
        known = match.lastindex
        if known == 4:
            if self._state is Reader._first and self._top is not None and self._top.children:
                raise Malformed("syntax", self._base + match.end() - 1)  # after a comma
            return self._shut(match)
        if known is None:
            self._state = Reader._first
        elif known == 1:
            self._pieces, self._key_from = [match[1]], self._base + match.start(1) - 1
            self._state = Reader._string
        else:
            self._name(match[1], self._base + match.start(1) - 1, self._base + match.end(2))
            self._state = Reader._value if known == 3 else Reader._colon
        return match.end()

    # ---------------------------------------------------------------------------------------- the tree

    def _node(self, kind: str, at: int, value: Any) -> Node:
        top = self._top
        node = Node(kind, self._base + at, value, self._key, top)
        if top is None:
            self.root = node
        else:
            top.children.append(node)
        return node

    def _put(self, value: Any) -> None:
        """What is complete, or a container that begins, is in the value of the container around it."""
        top = self._top
        if top is not None:
            key = self._key[0]
            if key is None:
                top.value.append(value)
            else:
                top.value.setdefault(key, value)
        self._state = self._next

    def _complete(self, kind: str, at: int, end: int, value: Any) -> int:
        """A scalar is there at once."""
        self._node(kind, at, value).end = self._base + end
        self._put(value)
        return end

    def _finish(self, node: Node, end: int, value: Any) -> None:
        """The open scalar is complete."""
        node.end, node.value, self._open = end, value, None
        self._put(value)

    def _number(self, node: Node, token: str) -> None:
        """The open number is complete, and right."""
        value: float | None
        try:
            value = float(token) if token.strip("-0123456789") else int(token)
        except ValueError:  # a lower limit for ints was set in this process
            raise Malformed("number_too_long", node.start) from None
        if value - value != 0:
            self._doubt("not_finite", node, token, node.start)
            value = None
        self._finish(node, node.start + len(token), value)

    def _name(self, key: str, start: int, end: int) -> None:
        """The key of the next value is known."""
        self._key = (key, start, end)
        top = self._top
        if top is not None and key in top.value:
            self._doubt("duplicate_key", Node("", end, None, self._key, top), key, start)

    def _doubt(self, kind: str, node: Node, found: str, offset: int) -> None:
        if self._faults is None:
            raise Malformed(kind, offset)
        if len(self._faults) < MOST_FAULTS and self._room > 0:
            pointer = node.pointer()
            self._room -= len(pointer)
            self._faults.append(Fault(kind=kind, pointer=pointer, found=found[:FOUND_LENGTH]))

    def _shut(self, match: re.Match[str]) -> int:
        """The innermost container is complete."""
        top = self._top
        if top is not None:
            top.end = self._base + match.end()
            self._top, self._key = top.parent, NO_KEY
            self._depth -= 1
            self._next = _AFTER[top.parent.kind] if top.parent is not None else Reader._over
        self._state = self._next
        return match.end()


_State: TypeAlias = Callable[[Reader, str, int], int]
# What a container begins with → its kind, the state in it, and that after each of its values.
_INSIDE: Mapping[str, tuple[str, _State, _State]] = {
    "{": ("object", Reader._first, Reader._member),
    "[": ("array", Reader._value, Reader._item),
}
_AFTER: Mapping[str, _State] = {kind: following for kind, _, following in _INSIDE.values()}
# By the last group of `match_value` that matched.
_BEGIN: Mapping[int | None, Callable[[Reader, re.Match[str]], int]] = {
    1: Reader._half_string,
    2: Reader._whole_string,
    3: Reader._container,
    4: Reader._literal,
    5: Reader._empty,
    6: Reader._int,
    7: Reader._float,
}


def read(text: str, *, faults: list[Fault] | None = None) -> Node:
    """Read a whole text. Raises `Malformed`; for `faults` see `Reader`."""
    reader = Reader(faults=faults)
    reader.feed(text)
    reader.close()
    if reader.root is None:
        raise Malformed("ended_early", reader.offset)
    return reader.root
