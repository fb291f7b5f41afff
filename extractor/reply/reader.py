"""JSON read as it arrives: every value, where it stands, and how far the open ones have come.

Strict (RFC 8259), but for what the caller asks to hear of instead (`faults`). No character is looked at twice, but
for those of a number, literal or escape that a chunk cuts: these are put before the next chunk, and are short. A
string that is cut goes on where it stopped. One match of a regular expression takes as much as is usual in one go,
such as `, "key":`; all of them are possessive where they repeat, so none goes back over what it has read.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, TypeAlias

__all__ = ["KINDS", "LONGEST_NUMBER", "MAX_DEPTH", "Fault", "Malformed", "Node", "Reader", "nodes", "plain", "read"]

MAX_DEPTH = 200  # containers inside of each other: what pydantic-core takes
LONGEST_NUMBER = 4_300  # characters: Python's own limit for the digits of an int
FOUND_LENGTH = 200  # characters of a literal or key that a fault quotes

KINDS = {
    "syntax": "This is no JSON",
    "too_deep": f"More than {MAX_DEPTH} levels",
    "number_too_long": f"A number of more than {LONGEST_NUMBER} characters",
    "control_character": "A control character in a string",
    "bad_escape": "An escape that JSON does not have",
    "lone_surrogate": "Half a character (a lone surrogate)",
    "trailing_text": "More text after the value",
    "ended_early": "The text ends before its value does",
    "not_finite": "A number that is not finite",
    "duplicate_key": "A key that is given twice",
}


class Malformed(ValueError):
    """The text is no JSON. `kind` is one of `KINDS`, `offset` the place, in characters from the start."""

    def __init__(self, kind: str, offset: int) -> None:
        super().__init__(kind, offset)
        self.kind = kind
        self.offset = offset

    def __str__(self) -> str:
        return f"{KINDS[self.kind]}, at character {self.offset}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """Something that was read but must not become data.

    `kind` is "not_finite" or "duplicate_key", `pointer` the JSON pointer of the value, `found` the number or the key
    (at most 200 characters).
    """

    kind: str
    pointer: str
    found: str


# ---------------------------------------------------------------------------------------------- values


class Node:
    """One value: half-open spans are characters from the start of the text, -1 what is not known (yet).

    `kind` is "object", "array", "string", "number", "boolean" or "null". `value` of a container is a dict or list that
    grows with it, and holds complete scalars, and containers from their first character on; that of an open scalar
    is None. A member of an object has its `key`, whose span includes the quotes.
    """

    __slots__ = ("children", "end", "key", "key_end", "key_start", "kind", "parent", "start", "value")

    def __init__(self, kind: str, start: int, value: Any, key: Key, parent: Node | None) -> None:
        self.kind = kind
        self.start = start
        self.end = -1
        self.value = value
        self.key, self.key_start, self.key_end = key
        self.parent = parent
        self.children: list[Node] = _NO_CHILDREN

    def __repr__(self) -> str:
        return f"<{self.kind} {self.start}:{self.end} {self.pointer()!r}>"

    def pointer(self) -> str:
        """The JSON pointer of the place in the root's value ("" for the root)."""
        steps: list[str] = []
        node, parent = self, self.parent
        while parent is not None:
            # Children stand in the order of the text: no search through a long list for each of its items.
            step = node.key if node.key is not None else str(bisect_left(parent.children, node.start, key=_start))
            steps.append("/" + step.replace("~", "~0").replace("/", "~1"))
            node, parent = parent, parent.parent
        return "".join(reversed(steps))


Key: TypeAlias = "tuple[str | None, int, int]"
_NO_KEY: Key = (None, -1, -1)
_NO_CHILDREN: Any = ()  # all scalars share it
_CONTAINERS: dict[str, Callable[[], Any]] = {"object": dict, "array": list}
_start = attrgetter("start")
_ABSENT = object()


def nodes(root: Node) -> Iterator[Node]:
    """The node and all inside of it, in the order of the text."""
    ahead = [iter((root,))]
    while ahead:
        for node in ahead[-1]:
            yield node
            if node.children:
                ahead.append(iter(node.children))
                break
        else:
            ahead.pop()


def plain(node: Node, at: int | None = None, *, open_strings: Reader | None = None) -> Any:
    """A copy of the value, as it was known when `at` characters of the text had been read (None: now).

    Scalars that were not complete then are left out (a number is complete when the character after it is read), the
    containers around them are there; a root that is left out is None. With its reader as `open_strings`, strings
    that were open are there as far as they were known.
    """
    whole: list[Any] = []
    ahead: list[tuple[Any, Any]] = [((node,), whole)]
    while ahead:
        children, made = ahead.pop()
        for child in children:
            if at is not None and child.start >= at:
                break
            value = _known(child, at, open_strings)
            if value is _ABSENT:
                break  # what is not complete is the last
            if made is whole or child.key is None:
                made.append(value)
            else:
                made.setdefault(child.key, value)
            if child.children:
                ahead.append((child.children, value))
    return whole[0] if whole else None


def _known(node: Node, at: int | None, reader: Reader | None) -> Any:
    if node.kind in _CONTAINERS:
        return _CONTAINERS[node.kind]()
    if node.end >= 0 and (at is None or at >= node.end + (node.kind == "number")):
        return node.value
    return reader.text_of(node, at) if reader is not None and node.kind == "string" else _ABSENT


# -------------------------------------------------------------------------------------------- patterns


def _begun(*steps: str) -> str:
    """A pattern for every beginning, of one step or more, of a sequence of patterns."""
    return "(?:".join(steps) + ")?" * (len(steps) - 1)


_SPACE = r"[ \t\n\r]*+"
_CLEAN = r'[^"\\\x00-\x1f\ud800-\udfff]'
_HEX = "[0-9a-fA-F]"
_INTEGER = "-?+(?:0|[1-9][0-9]*+)"

# As far as the text has it: a key, its end, its colon.
_KEYED = rf'{_SPACE}"({_CLEAN}*+)(?:(")({_SPACE}:)?)?'
_FIRST = re.compile(rf"{_KEYED}|{_SPACE}(}})")
_NEXT = re.compile(rf"{_SPACE}(?:,(?:{_KEYED})?|(}}))")
_COLON = re.compile(f"{_SPACE}:")
_ITEM = re.compile(rf"{_SPACE}([,\]])")
_BLANK = re.compile(_SPACE)

# Only numbers that are neither too long nor too large for sure; `_BEGUN` takes the others.
_VALUE = re.compile(
    rf'{_SPACE}(?:"({_CLEAN}*+)(")?|([{{\[])|(true|false|null)|(\])'
    r"|(-?+(?:0|[1-9][0-9]{0,16}+))(\.[0-9]{1,17}+)?(?=[ \t\n\r,\]}]))"
)
_NUMBER = re.compile(rf"{_INTEGER}(?:\.[0-9]++)?+(?:[eE][+-]?+[0-9]++)?+|NaN|-?+Infinity")
_EXPONENT = "[eE][+-]?+[0-9]*+"
_BEGUN = re.compile(
    "|".join([_begun(*word) for word in ("true", "false", "null", "NaN", "Infinity")])
    + rf"|-{_begun(*'Infinity')}|{_INTEGER}(?:\.[0-9]++(?:{_EXPONENT})?+|\.|{_EXPONENT})?+|-"
)
_LITERALS = {"true": True, "false": False, "null": None}
_KIND_OF = {**dict.fromkeys("-0123456789NI", "number"), "t": "boolean", "f": "boolean", "n": "null"}

_ONE = ("u", "[0-9abcefABCEF]", _HEX, _HEX, _HEX)
_LOW = ("u", "[dD]", "[0-7]", _HEX, _HEX)
_PAIR = ("u", "[dD]", "[89abAB]", _HEX, _HEX, r"\\", "u", "[dD]", "[c-fC-F]", _HEX, _HEX)
_ESCAPES = (_ONE, _LOW, _PAIR)
_RUN = re.compile(rf'(?:{_CLEAN}++|\\(?:["\\/bfnrt]|{"|".join(map("".join, _ESCAPES))}))*+')
_CUT_ESCAPE = re.compile(rf"\\(?:{'|'.join(_begun(*steps) for steps in _ESCAPES)})?\Z")
_STRANGE = (
    (re.compile(rf"[\ud800-\udfff]|\\u[dD](?:[c-fC-F]|[89abAB]{_HEX}{_HEX})"), "lone_surrogate"),
    (re.compile(r"\\"), "bad_escape"),
    (re.compile(r"[\x00-\x1f]"), "control_character"),
)
_decode: Callable[[str], str] = json.JSONDecoder().decode


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    """The end of the match of a pattern that matches nothing at least."""
    match = pattern.match(text, at)
    return match.end() if match else at


def _decoded(run: str) -> str:
    """The text of a piece of a string, all escapes of which are whole."""
    return _decode(f'"{run}"') if "\\" in run else run


# ---------------------------------------------------------------------------------------------- reader


class Reader:
    """One JSON text, in pieces of any size, all of which are kept.

    `root` is the value as far as it has come (None: not begun), `offset` the characters taken so far; after a fault,
    those before it. Numbers that are not finite (NaN, 1e999) and keys given twice raise `Malformed`. With a list of
    `faults` they are appended to it instead: such a number is None, and of such a key the first value is in the
    object's `value`, all are in its `children`.
    """

    def __init__(self, *, faults: list[Fault] | None = None) -> None:
        self.root: Node | None = None
        self.offset = 0
        self._faults = faults
        self._malformed: Malformed | None = None
        self._chunks: list[str] = []
        self._half = ""  # an escape, number or literal that the last chunk cut
        self._base = 0  # the offset of the text that is being read: the half and the chunk
        self._top: Node | None = None  # the innermost open container
        self._depth = 0
        self._open: Node | None = None  # the open scalar
        self._pieces: list[str] = []  # of the open string or key, decoded
        self._key_from = -1  # where the open key begins
        self._key = _NO_KEY  # of the next value
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
            if node is not None and node is self.root and _NUMBER.fullmatch(self._half):
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
        run = _RUN.match(self._since(begin)[: max(end - begin, 0)])
        return _decoded(run[0]) if run else ""

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
        match = _VALUE.match(text, at)
        return self._token(text, at) if match is None else _BEGIN[match.lastindex](self, match)

    def _first(self, text: str, at: int) -> int:
        """After `{`, or after a comma with which a chunk ended."""
        match = _FIRST.match(text, at)
        return self._blank(text, at) if match is None else self._keyed(match)

    def _member(self, text: str, at: int) -> int:
        """After a value in an object."""
        match = _NEXT.match(text, at)
        return self._blank(text, at) if match is None else self._keyed(match)

    def _colon(self, text: str, at: int) -> int:
        match = _COLON.match(text, at)
        if match is None:
            return self._blank(text, at)
        self._state = Reader._value
        return match.end()

    def _item(self, text: str, at: int) -> int:
        """After a value in an array."""
        match = _ITEM.match(text, at)
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
        at = _end_of(_BLANK, text, at)
        if at < len(text):
            raise Malformed(kind, self._base + at)
        return at

    def _string(self, text: str, at: int) -> int:
        """In a string, which may be a key."""
        end = _end_of(_RUN, text, at)
        self._pieces.append(_decoded(text[at:end]))
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
        if _CUT_ESCAPE.match(text, at):
            self._half = text[at:]
            return len(text)
        kind = next(kind for pattern, kind in _STRANGE if pattern.match(text, at))
        raise Malformed(kind, self._base + at)

    def _token(self, text: str, at: int) -> int:
        """A literal or number: one that a chunk cuts, or a rare one. Is called again with all of it, and more."""
        node = self._open
        if node is None:
            at = _end_of(_BLANK, text, at)
            kind = _KIND_OF.get(text[at : at + 1])
            if kind is None:
                return self._blank(text, at)
            node = self._open = self._node(kind, at, None)
            self._state = Reader._token
        end = _end_of(_BEGUN, text, at)
        token = text[at:end]
        if len(token) > LONGEST_NUMBER:
            raise Malformed("number_too_long", node.start + LONGEST_NUMBER)
        if token in _LITERALS:
            self._finish(node, self._base + end, _LITERALS[token])
        elif end == len(text):
            self._half = token
        elif _NUMBER.fullmatch(token):
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
        node = self._node(kind, start, _CONTAINERS[kind]())
        node.children = []
        self._put(node.value)
        self._top, self._state, self._next, self._key = node, state, following, _NO_KEY
        self._depth += 1
        return match.end()

    def _literal(self, match: re.Match[str]) -> int:
        word = match[4]
        return self._complete(_KIND_OF[word[0]], match.start(4), match.end(), _LITERALS[word])

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
        self._faults.append(Fault(kind=kind, pointer=node.pointer(), found=found[:FOUND_LENGTH]))

    def _shut(self, match: re.Match[str]) -> int:
        """The innermost container is complete."""
        top = self._top
        if top is not None:
            top.end = self._base + match.end()
            self._top, self._key = top.parent, _NO_KEY
            self._depth -= 1
            self._next = _AFTER[top.parent.kind] if top.parent is not None else Reader._over
        self._state = self._next
        return match.end()


_State: TypeAlias = Callable[[Reader, str, int], int]
# What a container begins with → its kind, the state in it, and that after each of its values.
_INSIDE: dict[str, tuple[str, _State, _State]] = {
    "{": ("object", Reader._first, Reader._member),
    "[": ("array", Reader._value, Reader._item),
}
_AFTER: dict[str, _State] = {kind: following for kind, _, following in _INSIDE.values()}
# By the last group of `_VALUE` that matched.
_BEGIN: dict[int | None, Callable[[Reader, re.Match[str]], int]] = {
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
