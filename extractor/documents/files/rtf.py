r"""RTF → text, in one pass: groups, control words and characters in the code page of their font.

It is read here since the general reader loses line ends and page borders (kreuzberg 4.10: "a\line b" becomes "ab").
Source: the RTF specification 1.9.1.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from extractor.documents.files.limits import Content, FileLimits
from extractor.documents.files.writing import Writer
from extractor.errors import DocumentTooLarge

__all__ = ["read_rtf"]

GROUPS = 1_000  # nested in one another; real files have a few dozen
_TOKEN = re.compile(
    r"\\([a-zA-Z]{1,32}+)(-?+[0-9]{1,10}+)?+ ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|[\r\n\0]++|([^\\{}\r\n\0]++)|.",
    re.DOTALL,
)
_MARKS: Mapping[str, str] = {
    "tab": "\t", "emdash": "—", "endash": "–", "lquote": "‘", "rquote": "’", "ldblquote": "“", "rdblquote": "”",
    "bullet": "•", "emspace": " ", "enspace": " ", "~": "\xa0", "_": "-", "\\": "\\", "{": "{", "}": "}",
    "nestcell": " ", "nestrow": " ",
}  # fmt: skip
_SKIPPED = frozenset(
    "colortbl stylesheet pict objdata fldinst listtable listoverridetable themedata datastore generator xmlnstbl sp "
    "nonshppict revtbl rsidtbl pgptbl filetbl mmathPr colorschememapping latentstyles".split()
)
_META = {"title": "title", "author": "author", "subject": "subject", "keywords": "keywords", "doccomm": "description"}
_CHARSETS = {
    0: "cp1252", 77: "mac-roman", 128: "cp932", 129: "cp949", 134: "gbk", 136: "big5", 161: "cp1253", 162: "cp1254",
    163: "cp1258", 177: "cp1255", 178: "cp1256", 186: "cp1257", 204: "cp1251", 222: "cp874", 238: "cp1250",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class _State:
    r"""What a group inherits: where its text goes ("": nowhere), its font, and how long the stand-ins of \\u are."""

    target: str = "text"
    font: int = -1
    stand_in: int = 1
    hidden: bool = False


def read_rtf(data: bytes, limits: FileLimits) -> Content:
    """The text of an RTF file."""
    reader = _Rtf(Writer(limits))
    return reader.read(data.decode("latin-1"))


class _Rtf:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._state = _State()
        self._groups: list[_State] = []
        self._page = "cp1252"
        self._fonts: dict[int, str] = {}
        self._bytes = bytearray()
        self._units: list[str] = []
        self._left = 0  # characters that stand in for one that was given as \u
        self._in_table = False  # what the paragraph says of itself
        self._meta: dict[str, list[str]] = {}

    def read(self, text: str) -> Content:
        at = 0
        while at < len(text):
            token = _TOKEN.match(text, at)
            if token is None:
                break
            at = token.end()
            word, number, hexed, sign, brace, plain = token.groups()
            if brace:
                self._group(brace)
            elif word:
                value = int(number) if number else None
                if word == "bin":
                    at += min(max(0, value or 0), len(text))
                else:
                    self._word(word, value)
            elif hexed:
                self._raw(bytes([int(hexed, 16)]))
            elif plain:
                self._raw(plain.encode("latin-1"))
            elif sign:
                self._sign(sign)
        self._flush()
        return self._writer.content({key: "".join(parts)[:2_000] for key, parts in self._meta.items()})

    def _group(self, brace: str) -> None:
        self._flush()
        self._left = 0
        if brace == "{":
            if len(self._groups) >= GROUPS:
                raise DocumentTooLarge(f"It nests groups deeper than {GROUPS:,} levels.")
            self._groups.append(self._state)
        elif self._groups:
            self._state = self._groups.pop()

    def _sign(self, sign: str) -> None:
        if self._left and sign in _MARKS:
            self._left -= 1  # it stands in for what was given as \u
            return
        self._flush()
        if sign == "*":
            self._state = replace(self._state, target="*" if self._state.target else "")
        elif sign in "\r\n":
            self._word("par", None)
        elif sign in _MARKS:
            self._say(_MARKS[sign])

    def _word(self, word: str, value: int | None) -> None:
        if word == "u" and value is not None:
            self._flush_bytes()
            self._units.append(chr(value % 0x10000))
            self._left = self._state.stand_in
            return
        self._flush()
        if self._state.target == "*":
            # A destination that readers may pass over. Of those, only shapes hold text.
            self._state = replace(self._state, target="text" if word in ("shpinst", "shppict") else "")
        if word in _SKIPPED:
            self._state = replace(self._state, target="")
        elif self._state.target == "text":
            self._text_word(word, value)
        elif self._state.target in ("fonttbl", "info"):
            self._table_word(word, value)

    def _table_word(self, word: str, value: int | None) -> None:
        """In the list of fonts, or of what the file says of itself."""
        if word == "f" and value is not None:
            self._state = replace(self._state, font=value)
        elif word == "fcharset" and value in _CHARSETS and len(self._fonts) < 10_000:
            self._fonts[self._state.font] = _CHARSETS[value]
        elif self._state.target == "info" and word in _META:
            self._state = replace(self._state, target=_META[word])

    def _text_word(self, word: str, value: int | None) -> None:
        writer = self._writer
        if word in _MARKS:
            self._say(_MARKS[word])
        elif word in ("fonttbl", "info"):
            self._state = replace(self._state, target=word)
        elif word in _STATES:
            self._state = replace(self._state, **{_STATES[word]: _STATE_VALUES[word](value)})
        elif word in ("par", "line", "sect"):
            self._leave_table()
            writer.end_line()
        elif word in ("page", "pagebb"):
            self._leave_table()
            writer.page()
        elif word == "ansicpg" and value is not None:
            self._page = _known(f"cp{value}")
        elif word in ("mac", "pc"):
            self._page = "mac-roman" if word == "mac" else "cp437"
        else:
            self._row_word(word)

    def _row_word(self, word: str) -> None:
        writer = self._writer
        if word == "pard":
            self._in_table = False
        elif word in ("intbl", "trowd"):
            self._in_table = True
            if not writer.level:
                writer.start_table()
                writer.row()
                writer.cell()
        elif word == "cell" and writer.level:
            writer.cell()
        elif word == "row" and writer.level:
            writer.row()
            writer.cell()

    def _leave_table(self) -> None:
        if self._writer.level and not self._in_table:
            self._writer.end_table()

    def _raw(self, data: bytes) -> None:
        r"""Characters of the code page; the first of them may only stand in for what was said as \\u."""
        passed = min(self._left, len(data))
        self._left -= passed
        if passed < len(data):
            self._flush_units()
            self._bytes += data[passed:]

    def _flush(self) -> None:
        self._flush_bytes()
        self._flush_units()

    def _flush_bytes(self) -> None:
        if self._bytes:
            page = self._fonts.get(self._state.font, self._page)
            data, self._bytes = bytes(self._bytes), bytearray()
            self._flush_units()
            self._say(data.decode(page, "replace"))

    def _flush_units(self) -> None:
        if self._units:
            text = "".join(self._units)
            self._units.clear()
            self._say(text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace"))

    def _say(self, text: str) -> None:
        if self._state.target == "text" and not self._state.hidden:
            self._leave_table()
            self._writer.say(text)
        elif self._state.target in _META.values() and len(self._meta.setdefault(self._state.target, [])) < 1_000:
            self._meta[self._state.target].append(text)


_STATES = {"f": "font", "uc": "stand_in", "v": "hidden", "plain": "hidden"}
_STATE_VALUES: Mapping[str, Callable[[int | None], Any]] = {
    "f": lambda value: -1 if value is None else value,
    "uc": lambda value: 1 if value is None else min(max(0, value), 100),
    "v": lambda value: value != 0,
    "plain": lambda value: False,
}


def _known(page: str) -> str:
    try:
        return codecs.lookup("utf-8" if page == "cp65001" else page).name
    except LookupError:
        return "cp1252"
