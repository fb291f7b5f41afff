"""HTML → text: what a reader of the page sees, its tables as tables. Scripts, styles and hidden parts are no text.

It is read here in one pass, in linear time and without recursion: the general reader leaves out what stands in plain
`div` elements (kreuzberg 4.10), and Python's own takes quadratic time for tags that do not end.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

from extractor.documents.files.limits import Content, FileLimits
from extractor.documents.files.writing import Writer

__all__ = ["read_html", "write_html"]

_NAME = re.compile(r"(/?)([a-zA-Z][^\s/>]*+)")
_END = re.compile(">|=\\s*+[\"']")
_SPACE = re.compile("[ \t\r\n\f]++")
_ATTRIBUTE = re.compile(r"""([a-zA-Z-]++)\s*+(?:=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]*+))?+""")
_HIDDEN = re.compile(r"display\s*+:\s*+none|visibility\s*+:\s*+hidden", re.IGNORECASE)
_SPAN = re.compile(r"""colspan\s*+=\s*+["']?+([0-9]{1,4})""", re.IGNORECASE)
_VALUE = re.compile(r"""\bvalue\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s"'>]++)""", re.IGNORECASE)

# What is text only, up to its end tag.
_RAW = frozenset("script style xmp iframe noembed noframes textarea title".split())
_NO_TEXT = frozenset("script style iframe noembed noframes title template".split())
_BLOCKS = frozenset(
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption figure footer "
    "form header hgroup hr legend li main menu nav ol optgroup option pre section summary ul".split()
)
_APART = frozenset("h1 h2 h3 h4 h5 h6 p table".split())  # with an empty line around them
_NO_END = frozenset("area base br col embed hr img input link meta param source track wbr".split())


def read_html(text: str, limits: FileLimits) -> Content:
    """The text of a page."""
    writer = Writer(limits)
    title = write_html(text, writer)
    return writer.content({"title": title})


def write_html(text: str, writer: Writer) -> str:
    """Write the text of a page; gives its title."""
    flow = _Flow(writer)
    for name, rest in _tokens(text):
        flow.take(name, rest)
    return " ".join(flow.title.split())


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    """Text ("", text), start tags (name, attributes), end tags (/name, "") and raw text (!name, text)."""
    at, end = 0, len(text)
    quotes = True  # whether they are taken to hold a ">"; not after one that nothing closes
    while at < end:
        start = text.find("<", at)
        if start < 0:
            yield "", text[at:]
            return
        if start > at:
            yield "", text[at:start]
        if text.startswith(("<!", "<?"), start):
            at = _after_remark(text, start)
            continue
        name = _NAME.match(text, start + 1)
        if name is None:
            yield "", "<"
            at = start + 1
            continue
        close, quotes = _tag_end(text, name.end(), quotes)
        tag = name[2].lower()
        yield name[1] + tag, text[name.end() : close]
        at = close + 1
        if tag in _RAW and not name[1]:
            found = re.compile(f"</{tag}(?=[\\s/>])", re.IGNORECASE).search(text, at)
            stop = found.start() if found else end
            yield f"!{tag}", text[at:stop]
            at = stop


def _after_remark(text: str, start: int) -> int:
    """Where a comment, a document type or an instruction has ended."""
    mark = "-->" if text.startswith("<!--", start) else ">"
    end = text.find(mark, start + 2)
    return len(text) if end < 0 else end + len(mark)


def _tag_end(text: str, at: int, quotes: bool) -> tuple[int, bool]:
    """Where a tag ends, and whether quotes can be relied on from there."""
    start = at
    while quotes:
        found = _END.search(text, at)
        if found is None:
            break
        if found[0] == ">":
            return found.start(), True
        at = text.find(found[0][-1], found.end()) + 1
        if not at:
            break  # seen once: to look for its end in every tag would take for ever
    end = text.find(">", start)
    return (len(text) if end < 0 else end), False


class _Flow:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._hidden = 0  # elements deep in one that is not shown
        self._hidden_by = ""
        self._as_is = 0
        self.title = ""

    def take(self, name: str, rest: str) -> None:
        if name in ("!title", "!textarea"):
            if name == "!title" and not self.title:
                self.title = html.unescape(rest[:2_000])
            elif name == "!textarea" and not self._hidden:
                self._text(rest)
        elif self._hidden:
            self._in_hidden(name)
        elif not name or name == "!xmp":
            self._text(rest)
        elif name[0] not in "/!" and self._hides(name, rest):
            self._hidden, self._hidden_by = 1, name
        elif name[0] != "!":
            self._tag(name.removeprefix("/"), name[0] == "/", rest)

    def _in_hidden(self, name: str) -> None:
        # Only the element itself counts, so that tags which nobody closes do not hide the rest of the page.
        if name == self._hidden_by:
            self._hidden += 1
        elif name == f"/{self._hidden_by}":
            self._hidden -= 1

    def _hides(self, name: str, attributes: str) -> bool:
        if name in _NO_END:
            return False
        if name in _NO_TEXT or not attributes:
            return name in _NO_TEXT
        if "hidden" not in attributes.lower() and "none" not in attributes.lower():
            return False
        for found in _ATTRIBUTE.finditer(attributes):
            attribute, value = found[1].lower(), found[2] or ""
            if attribute == "hidden" or (attribute == "style" and _HIDDEN.search(value)):
                return True
        return False

    def _text(self, text: str) -> None:
        text = html.unescape(text)
        if self._as_is:
            self._writer.say(text)
            return
        said = _SPACE.sub(" ", text)
        if self._writer.has_space:
            said = said.lstrip(" ")
        if said:
            self._writer.say(said)

    def _tag(self, name: str, closes: bool, attributes: str) -> None:
        writer = self._writer
        if name in ("table", "tr", "td", "th"):
            self._table(name, closes, attributes)
        elif name == "br":
            writer.end_line()
        elif name in _APART:
            writer.gap()
        elif name in _BLOCKS:
            writer.end_line(needed=False)
            if name == "pre":
                self._as_is = max(0, self._as_is + (-1 if closes else 1))
            elif name == "li" and not closes:
                writer.say("- ")
        elif name == "input" and not _is_hidden_input(attributes):
            value = _VALUE.search(attributes)
            self._text(" " + value[1].strip("\"'") if value else "")

    def _table(self, name: str, closes: bool, attributes: str) -> None:
        writer = self._writer
        if name == "table":
            (writer.end_table if closes else writer.start_table)()
        elif closes or not writer.level:
            writer.end_line(needed=False)
        elif name == "tr":
            writer.row()
        else:
            writer.cell()
            span = _SPAN.search(attributes)
            if span:
                writer.widen(int(span[1]))


def _is_hidden_input(attributes: str) -> bool:
    lowered = attributes.lower()
    return any(kind in lowered for kind in ("hidden", "password", "checkbox", "radio"))
