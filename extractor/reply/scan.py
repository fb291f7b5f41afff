"""One broken JSON value of a text → strict JSON, in one pass.

Whole runs of clean tokens are taken by one match and stay as they are in the text; only what is mended is
written anew. The scanner knows which containers are open and the place behind the last complete value, to
which it goes back for a trailing comma and for what the text's end has torn. It raises `Unplain` as soon as
there is more than one way to read on.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from extractor.reply.quoted import BLANK, ENDS, FOLLOWS, MARKS, TEXT, Torn, Unplain, quoted

__all__ = ["OPENERS", "Log", "Scanner"]

MAX_DEPTH = 200  # what pydantic-core reads
MAX_DIGITS = 200  # no document has longer numbers, and Python refuses integers of more than 4,300 digits

_WHITE = r"[ \t\r\n]*+"
_PLAIN_NUMBER = r"-?(?:0|[1-9][0-9]{0,199}+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?"
_SCALAR = rf"(?:{TEXT}|{_PLAIN_NUMBER}|true|false|null)"
_ITEMS = re.compile(rf"(?:{_WHITE}{_SCALAR}{_WHITE},)++")
_MEMBERS = re.compile(rf"(?:{_WHITE}{TEXT}{_WHITE}:{_WHITE}{_SCALAR}{_WHITE},)++")
_LAST = re.compile(rf"{_SCALAR}(?={_WHITE}[,;\]}}])")
_KEY = re.compile(rf"{TEXT}{_WHITE}:{_WHITE}")
_SPACE = re.compile(_WHITE)
_BLANKS = re.compile(rf"{BLANK}++")
_COMMAS = re.compile(rf"(?:[,;，；、]{BLANK}*+)++")
_ONE_COMMA = re.compile(rf"""{_WHITE}([,;，；、]){_WHITE}(?=["'+\-.0-9A-Za-z{{\[(])""")
_WORD = re.compile(r"(?:[$@]|[^\W\d])[\w$.-]*+")
_NUMBER = re.compile(
    r"(?P<sign>[+-]?)(?:0[xX](?P<hex>[0-9a-fA-F]++)|"
    r"(?P<whole>(?:[0-9]++(?:_[0-9]++)*+)?)(?P<dot>\.?)(?P<part>(?:[0-9]++(?:_[0-9]++)*+)?)(?P<power>(?:[eE][+-]?[0-9]++)?))"
)
_BEHIND = re.compile(rf"{BLANK}|[\]}})｝］）,;，；、/#]|`{{3}}|~{{3}}|\Z")
_SUSPICIOUS = re.compile(r'["}\]]')
_UNFINISHED = re.compile(r"[-+]?(?:[0-9_]*+\.?[0-9_]*+(?:[eE][-+]?|[xX])?|I[a-z]*+)\Z")

_COMMA = frozenset(",;，；、")
_ODD = frozenset("/#") | {chr(code) for code in range(0x3001) if re.match(BLANK, chr(code))} | {"\ufeff"}
_ODD -= frozenset(" \t\r\n")
OPENERS: Mapping[str, str] = {"{": "}", "[": "]", "(": ")", "｛": "}", "［": "]", "（": ")"}
"""What opens a container → its closer."""
_CLOSERS: Mapping[str, str] = {"}": "}", "]": "]", ")": ")", "｝": "}", "］": "]", "）": ")"}
_WRITTEN: Mapping[str, str] = {"}": "}", "}}": "}", "]": "]", ")": "]"}
_LITERALS: Mapping[str, str] = {
    **{"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false"},
    **{"null": "null", "None": "null", "NULL": "null", "Null": "null"},
    **{"NaN": "NaN", "nan": "NaN", "Infinity": "Infinity", "inf": "Infinity"},
}


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
                self._mend("comments", self._comment_end(at), " ")
            at = self.at = _SPACE.match(source, self.at).end()  # type: ignore[union-attr]  # as above

    def _comment_end(self, at: int) -> int:
        source = self._source
        if source.startswith("/*", at):
            end = source.find("*/", at + 2) + 2
            end = end if end >= 2 else len(source)
        elif source[at] == "#" or source.startswith("//", at):
            end = source.find("\n", at)
            end = end if end >= 0 else len(source)
            if _SUSPICIOUS.search(source, at, end):
                _check_comment(source[at:end], at)
        else:
            raise Unplain(at)
        if source.find("...", at, end) >= 0 or source.find("…", at, end) >= 0:
            raise Unplain(at)  # "// ... and so on": data was left out
        return end

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
        elif before and char in OPENERS:
            plain = OPENERS[char] == before  # } {
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
        elif word := _WORD.match(source, self.at):
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
        if char in OPENERS:
            self._opened(char)
            return
        if char in MARKS:
            self._string()
        elif char in "+-.0123456789":
            self._number()
        elif word := _WORD.match(source, self.at):
            self._literal("", word[0], word.end())
        else:
            raise Unplain(self.at)
        self._ended()

    def _opened(self, char: str) -> None:
        if len(self._open) >= MAX_DEPTH:
            raise Unplain(self.at)
        closer = OPENERS[char]
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

    def _number(self) -> None:
        source = self._source
        match = _NUMBER.match(source, self.at)
        if match is None or not (match["hex"] or match["whole"] or match["part"]):
            word = _WORD.match(source, self.at + 1)
            if word and source[self.at] != "." and _LITERALS.get(word[0]) == "Infinity":
                self._literal(source[self.at].strip("+"), word[0], word.end())
                return
            self._unfinished()
        elif not _BEHIND.match(source, match.end()):
            self._unfinished()
        else:
            if match.end() == len(source) and match["dot"] and not match["part"]:
                self._unfinished()
            self._written_number(match)

    def _unfinished(self) -> None:
        if _UNFINISHED.match(self._source, self.at):
            self.at = len(self._source)
            raise Torn
        raise Unplain(self.at)

    def _written_number(self, match: re.Match[str]) -> None:
        whole = (match["whole"] or "").replace("_", "")
        if (len(whole) > 1 and whole[0] == "0") or (len(match[0]) > MAX_DIGITS and not match["dot"]):
            raise Unplain(self.at)  # 01 may be octal
        sign = "-" if match["sign"] == "-" else ""
        if match["hex"]:
            new = f"{sign}{int(match['hex'], 16)}"
        else:
            part = "." + (match["part"].replace("_", "") or "0") if match["dot"] else ""
            new = f"{sign}{whole or '0'}{part}{match['power']}"
        if new == match[0]:
            self.at = match.end()
        else:
            self._mend("number", match.end(), new)

    def _literal(self, sign: str, word: str, end: int) -> None:
        source, literal = self._source, _LITERALS.get(word)
        if end == len(source) and literal is None and any(each.startswith(word) for each in _LITERALS):
            self.at = end
            raise Torn
        if literal is None or not _BEHIND.match(source, end):
            raise Unplain(self.at)
        if source[self.at : end] == sign + literal:
            self.at = end
        else:
            self._mend("python_literals", end, sign + literal)


def _check_comment(comment: str, at: int) -> None:
    """Refuse what may be the end of a string rather than a comment: `"12" #5 rebar", "b": 1}`."""
    closed, opened = (sum(map(comment.count, brackets)) for brackets in ("}]", "{["))
    if comment.count('"') % 2 or closed > opened:
        raise Unplain(at)


class _Ended(Exception):
    """The text, or its fence, ended between two tokens."""
