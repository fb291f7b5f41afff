"""One broken JSON value of a text → strict JSON, in one pass.

Whole runs of clean tokens are taken by one match and stay as they are in the text; only what is mended is
written anew. The scanner knows which containers are open and the place behind the last complete value, to
which it goes back for a trailing comma and for what the text's end has torn. It raises `Unplain` as soon as
there is more than one way to read on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from extractor.reply.comments import comment_end
from extractor.reply.node import MAX_DEPTH
from extractor.reply.quoted import BLANK, ENDS, FOLLOWS, MARKS, TEXT, Torn, Unplain, quoted
from extractor.reply.unquoted import MAX_DIGITS, WORD, unquoted

__all__ = ["Log", "Scanner"]

_WHITE = r"[ \t\r\n]*+"
_PLAIN_NUMBER = rf"-?(?:0|[1-9][0-9]{{0,{MAX_DIGITS - 1}}}+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SCALAR = rf"(?:{TEXT}|{_PLAIN_NUMBER}|true|false|null)"
_ITEMS = re.compile(rf"(?:{_WHITE}{_SCALAR}{_WHITE},)++")
_MEMBERS = re.compile(rf"(?:{_WHITE}{TEXT}{_WHITE}:{_WHITE}{_SCALAR}{_WHITE},)++")
_LAST = re.compile(rf"{_SCALAR}(?={_WHITE}[,;\]}}])")
_KEY = re.compile(rf"{TEXT}{_WHITE}:{_WHITE}")
_SPACE = re.compile(_WHITE)
_BLANKS = re.compile(rf"{BLANK}++")
_COMMAS = re.compile(rf"(?:[,;，；、]{BLANK}*+)++")
_ONE_COMMA = re.compile(rf"""{_WHITE}([,;，；、]){_WHITE}(?=["'+\-.0-9A-Za-z{{\[(])""")

_COMMA = frozenset(",;，；、")
# What begins a comment, or white space that JSON does not know: `BLANK` has none above U+3000 but the byte order mark.
_ODD = (frozenset("/#\ufeff") | frozenset(re.findall(BLANK, "".join(map(chr, range(0x3001)))))) - frozenset(" \t\r\n")
# What opens a container → its closer.
_OPENERS: Mapping[str, str] = {"{": "}", "[": "]", "(": ")", "｛": "}", "［": "]", "（": ")"}
_CLOSERS: Mapping[str, str] = {"}": "}", "]": "]", ")": ")", "｝": "}", "］": "]", "）": ")"}
_WRITTEN: Mapping[str, str] = {"}": "}", "}}": "}", "]": "]", ")": "]"}


class Log:
    """What was mended and where: the first of it, and how much it is in all."""

    LENGTH = 100

    def __init__(self) -> None:
        self.found: list[tuple[str, int]] = []
        self.count = 0

    def add(self, kind: str, offset: int) -> None:
        """Note one thing, once for each place."""
        if self.count < self.LENGTH:
            if (kind, offset) in self.found:
                return
            self.found.append((kind, offset))
        self.count += 1


class Scanner:
    """Reads the value that begins at `start`. After `read`: `text`, `closers`, `torn`, `at` (where it ends)."""

    def __init__(self, source: str, start: int) -> None:
        self.log = Log()
        self.at = start
        self.text = self.closers = ""
        self.torn = False
        self._source = source
        self._open: list[str] = []
        self._several: set[int] = set()  # the depths of tuples in which a comma stands
        self._fresh = True  # no value yet in the innermost container
        self._due = False  # a value has ended, so that a comma or a closer is due
        self._pieces: list[str] = []
        self._copied = start  # up to here the source is in the pieces
        # Behind the last complete value: the number of pieces, what of the source is in them, the place itself.
        self._kept = (0, start, start)

    def read(self) -> None:
        """Read the value. Raises `Unplain` where it cannot be read without guessing."""
        try:
            self._value()
            while self._open:
                if self._open[-1][0] == "}":
                    self._member()
                else:
                    self._item()
        except Torn:
            self.torn = True
        except _Ended:
            pass
        if self._open:
            self.log.add("missing_closers", self.at)
        elif self.torn:
            raise Unplain(self.at)
        self._go_back()
        self.text = "".join(self._pieces)
        self.closers = "".join(_WRITTEN[each] for each in reversed(self._open))

    # ------------------------------------------------------------------------------------- writing

    def _put(self, start: int, end: int, new: str) -> None:
        """Write `new` for what stands from `start` to `end`."""
        if self._copied < start:
            self._pieces.append(self._source[self._copied : start])
        self._pieces.append(new)
        self._copied = end

    def _mend(self, kind: str, end: int, new: str) -> None:
        self.log.add(kind, self.at)
        self._put(self.at, end, new)
        self.at = end

    def _keep(self, at: int) -> None:
        self._kept = (len(self._pieces), self._copied, at)

    def _go_back(self) -> None:
        """Leave out what came after the last complete value."""
        pieces, copied, at = self._kept
        del self._pieces[pieces:]
        self._pieces.append(self._source[copied:at])
        self._copied = self.at

    # ------------------------------------------------------------------------------- between values

    def _ends(self) -> bool:
        char = self._source[self.at : self.at + 1]
        return not char or (char in "`~" and self._source.startswith(char * 3, self.at))

    def _gap(self) -> None:
        """Pass over white space and comments."""
        source = self._source
        at = _SPACE.match(source, self.at).end()  # type: ignore[union-attr]  # matches nothing, too
        self.at = at
        while at < len(source) and source[at] in _ODD:
            if blanks := _BLANKS.match(source, at):
                self._mend("spaces", blanks.end(), " ")
            else:
                self._mend("comments", comment_end(source, at), " ")
            at = self.at = _SPACE.match(source, self.at).end()  # type: ignore[union-attr]  # as above

    def _next(self) -> bool:
        """Go to the next item or member; False where the container is closed instead."""
        behind = self.at
        if self._due and (comma := _ONE_COMMA.match(self._source, behind)):
            self._comma(comma.start(1))
            self.at = comma.end()
            return True
        self._gap()
        elided = self._commas()
        if self._source[self.at : self.at + 1] in _CLOSERS:
            self._close()
            return False
        if self._ends():
            raise _Ended
        if elided and self._open[-1][0] != "}":
            raise Unplain(self.at)  # [1,,2] lacks an item
        if self._due:
            self._missing_comma(behind)
        return True

    def _after_comma(self) -> None:
        self._due = False
        if self._open[-1] == ")":
            self._several.add(len(self._open))

    def _comma(self, at: int) -> None:
        char = self._source[at]
        self.at = at
        if char == ",":
            self.at += 1
        else:
            self._mend("semicolon" if char in ";；" else "full_width", at + 1, ",")
        self._after_comma()

    def _commas(self) -> bool:
        """Pass over commas; whether there is one too many between two values."""
        source, elided = self._source, False
        while source[self.at : self.at + 1] in _COMMA:
            if self._due:
                self._comma(self.at)
            else:
                elided = not self._fresh
                self._mend("trailing_comma", _COMMAS.match(source, self.at).end(), " ")  # type: ignore[union-attr]
            self._gap()
        return elided

    def _missing_comma(self, behind: int) -> None:
        """Write the comma that is missing, where it is plain that it is."""
        source = self._source
        gap = source[behind : self.at]
        before, char = _CLOSERS.get(source[behind - 1]), source[self.at]
        if self._open[-1][0] == "}":
            plain = char in MARKS and (before is not None or gap != "")
        elif before and char in _OPENERS:
            plain = _OPENERS[char] == before  # } {
        else:
            plain = "\n" in gap
        if not plain:
            raise Unplain(self.at)
        self._mend("missing_comma", self.at, ",")
        self._after_comma()

    def _close(self) -> None:
        char = self._source[self.at]
        if not self._due and not self._fresh:
            self.log.add("trailing_comma", self.at)
            self._go_back()
        closer, top = _CLOSERS[char], self._open[-1]
        if top[0] != closer:
            if self._fresh or len(self._open) < 2 or self._open[-2][0] != closer:
                raise Unplain(self.at)  # {"a": [} may have a bracket too many
            self._mend("missing_closers", self.at, _WRITTEN[self._open.pop()])
            top = self._open[-1]
        if top == ")" and not self._fresh and len(self._open) not in self._several:
            raise Unplain(self.at)  # (1) is no tuple
        self._open.pop()
        if char == _WRITTEN[top] and top != "}}":
            self.at += 1
        else:
            if char not in "}])":
                self.log.add("full_width", self.at)
            doubled = top == "}}" and self._source.startswith("}}", self.at)
            self._put(self.at, self.at + 1 + doubled, _WRITTEN[top])
            self.at += 1 + doubled
        self._ended()

    def _ended(self) -> None:
        """Note that a value is complete."""
        self._keep(self.at)
        self._due, self._fresh = True, False

    # --------------------------------------------------------------------------------------- values

    def _item(self) -> None:
        if not self._due and (run := _ITEMS.match(self._source, self.at)):
            self._passed(run.end())
        if self._next():
            self._value()

    def _passed(self, end: int) -> None:
        """Pass over clean items or members, up to behind a comma."""
        self.at = end
        self._keep(end - 1)
        self._fresh = False
        self._after_comma()

    def _member(self) -> None:
        source = self._source
        if not self._due and (run := _MEMBERS.match(source, self.at)):
            self._passed(run.end())
        if not self._next():
            return
        if clean := _KEY.match(source, self.at):
            self.at = clean.end()
        else:
            self._key()
        self._gap()
        self._value()

    def _key(self) -> None:
        source = self._source
        if source[self.at] in MARKS:
            self._string(key=True)
        elif word := WORD.match(source, self.at):
            self._mend("unquoted_keys", word.end(), f'"{word[0]}"')
        else:
            raise Unplain(self.at)
        self._gap()
        if self._ends():
            raise Torn
        char = source[self.at]
        if char == ":":
            self.at += 1
        elif char == "：":
            self._mend("full_width", self.at + 1, ":")
        elif char == "=":
            self._mend("separator", self.at + 1 + source.startswith("=>", self.at), ":")
        else:
            raise Unplain(self.at)

    def _value(self) -> None:
        source = self._source
        if clean := _LAST.match(source, self.at):
            self.at = clean.end()
            self._ended()
            return
        if self._ends():
            raise Torn
        char = source[self.at]
        if char in _OPENERS:
            self._opened(char)
            return
        if char in MARKS:
            self._string()
        else:
            self._unquoted()
        self._ended()

    def _opened(self, char: str) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise Unplain(self.at)
        closer = _OPENERS[char]
        if self._source.startswith("{{", self.at):
            self._open.append("}}")
            self._mend("doubled_braces", self.at + 2, "{")
        else:
            self._open.append(closer)
            if char in "{[":
                self.at += 1
            else:
                written = "{" if closer == "}" else "["
                self._mend("tuple" if closer == ")" else "full_width", self.at + 1, written)
        self._several.discard(len(self._open))
        self._keep(self.at)
        self._due, self._fresh = False, True

    def _string(self, *, key: bool = False) -> None:
        source = self._source
        ends = ENDS["key" if key else "tuple" if self._open[-1:] == [")"] else "value"]
        follows = FOLLOWS if self._open and self._open[-1][0] == "}" and not key else None
        try:
            end, written, kinds = quoted(source, self.at, ends, follows)
        except Torn:
            self.at = len(source)
            raise
        for kind in kinds:
            self.log.add(kind, self.at)
        if kinds:
            self._put(self.at, end, written)
        self.at = end

    def _unquoted(self) -> None:
        try:
            end, written, kind = unquoted(self._source, self.at)
        except Torn:
            self.at = len(self._source)
            raise
        if kind:
            self._mend(kind, end, written)
        else:
            self.at = end


class _Ended(Exception):
    """The text, or its fence, ended between two tokens."""
