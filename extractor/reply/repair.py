"""Tolerant reading: the JSON in a model's reply, mended without a guess.

It runs only after strict reading of the whole text has failed. A mend never changes a value that was there;
what cannot be mended without guessing is not mended, so that the model is asked again. Here the values are
found among prose, fences and thoughts; `extractor.reply.scan` reads each of them.

A value that cannot be read is passed over as a whole: what is inside of it is no answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace

from extractor.reply.quoted import Unplain
from extractor.reply.repairs import Mended, Repair
from extractor.reply.scan import Log, Scanner

__all__ = ["mended"]


MAX_VALUES = 20  # of more, the longest
MAX_TRIES = 10_000  # places where a value may begin; a text with more of them is no reply
MAX_LEVELS = 3  # of JSON in a string of JSON

_MESSAGES: Mapping[str, str] = {
    "bom": "A byte order mark stood before the text.",
    "fence": "The value stood in a Markdown fence.",
    "prose": "There was text around the value.",
    "thinking": "The model's thoughts stood before the value.",
    "comments": "A comment was left out.",
    "trailing_comma": "A comma without a value was left out.",
    "missing_comma": "A comma was missing.",
    "single_quotes": "A string stood in single quotes.",
    "smart_quotes": "A string stood in typographic quotes.",
    "backtick_quotes": "A string stood in backticks.",
    "triple_quotes": "A string stood in triple quotes.",
    "python_literals": "A literal was written in another way than JSON's.",
    "unquoted_keys": "A key had no quotes.",
    "raw_control": "A string had a raw line break or another control character.",
    "bad_escape": "A string had an escape that JSON does not know.",
    "lone_surrogate": "A string had half a character.",
    "inner_quotes": "Quotes within a string were not escaped.",
    "full_width": "Punctuation was full-width.",
    "spaces": "There was white space that JSON does not know.",
    "missing_closers": "A closing bracket was missing.",
    "extra_closer": "There were more closing brackets than open ones.",
    "number": "A number was written in another way than JSON's.",
    "double_encoded": "The value was JSON in a string.",
    "semicolon": "A semicolon stood for a comma.",
    "separator": "An equals sign stood for a colon.",
    "tuple": "A list stood in parentheses.",
    "doubled_braces": "Braces were doubled.",
    "passed_over": "Other values stood there that could not be read, or were too many.",
}

_FENCE = r"(?:`{3,}+|~{3,}+)(?:[ \t]*+[\w.+-]*+(?=[ \t]*+\r?(?:\n|\Z))|[ \t]*+(?i:json)\w*+)?"
_TAGS = "(?:think|thinking|thought|thoughts|reasoning)"
_NOISE = re.compile(rf"\s*+(?P<mark>{_FENCE}|<{_TAGS}>)")
_PLACE = re.compile(rf"(?P<mark>[{{\[｛［]|{_FENCE}|</?{_TAGS}>)")
_TAG = re.compile(rf"</?{_TAGS}>")
_THOUGHT = re.compile(rf"</{_TAGS}>")
_AFTER_THOUGHT = re.compile(r"[ \t\r]*+(?:[\n{\[｛［`~]|\Z)")
_EXTRA = re.compile(r"(?:\s*+[}\]｝］])++")
# The rest of a member behind the value: its object was closed too early. A key before it: it was not opened.
_MORE = re.compile(r"""\s*+(?:[,，;:：](?:\s*+["'“‘]|\s*+[\w-]++\s*+[:：=])|["“][^"”\n]*+["”]\s*+[:：=])""")
_MORE_BEHIND_EXTRA = re.compile(r"\s*+[,，;:：]")
_GLUED = frozenset("\"'”’0123456789")
_KEY = re.compile(r"""["'”’`]\s*+[:：=]\s*+\Z""")
_OPEN_FENCE = re.compile(r"^[ \t]*+(?:`{3}|~{3})", re.MULTILINE)
_ROUGH = re.compile(  # a string without its end takes the rest of the line, so that none is looked at twice
    r'"(?:[^"\\\n]++|\\.)*+"?|(?P<open>[\[{(｛［]++)|(?P<close>[\]})｝］]++)|^[ \t]*+(?P<fence>`{3}|~{3})', re.MULTILINE
)
_ENCODED = re.compile(r'"(?:\s|\\++[nrt"])*+(?:[\[{]|`{3}|~{3})')
_ESCAPED = re.compile(r'[\[{](?:\s|\\++[nrt])*+\\++"')
_BODY = re.compile(r'(?:[^"\\]++|\\.)*+', re.DOTALL)
_CUT = re.compile(r"\\u[0-9a-fA-F]{0,3}\Z")
_REST = re.compile(rf"\s*+(?:{_FENCE})?\s*+\Z")
_ENCODED_REST = re.compile(rf'(?:\\|")?\s*+(?:{_FENCE})?\s*+\Z')


def mended(text: str) -> tuple[Mended, ...]:
    """Every JSON object and array in a text, in order; another value only where the text is nothing else.

    At most 20, of more the longest. Never raises; () where there is none that can be read without guessing.
    """
    return _Search(text, 0).values()


class _Search:
    """The values of one text. `level` is how many strings it was in."""

    def __init__(self, text: str, level: int) -> None:
        self._text = text
        self._level = level
        self._found: list[Mended] = []
        self._around: dict[str, int] = {}  # what is mended for all: kind → where it stands first
        self._pairs: dict[int, int] | None = None
        self._end = 0  # of the last value that was read
        self._row = 0  # the first of the values that have only white space and commas between them
        self._spoilt = False  # one of these is a part of something

    def values(self) -> tuple[Mended, ...]:
        """All of them, in order."""
        text, tries = self._text, 0
        at = self._lead()
        if self._whole(at):
            at = len(text)
        while tries < MAX_TRIES and (place := _PLACE.search(text, at)):
            self._passed(at, place.start("mark"))
            if place["mark"] in "{[｛［":
                tries += 1
                at = self._candidate(place.start())
            else:
                at = self._marked(place)
        self._passed(at, len(text))
        found = self._longest()
        around = tuple(_repair(kind, offset) for kind, offset in self._around.items())
        return tuple(replace(each, repairs=around + each.repairs) for each in found) if around else tuple(found)

    def _longest(self) -> list[Mended]:
        kept = sorted(self._found, key=lambda each: each.start - each.end)[:MAX_VALUES]
        if len(kept) < len(self._found):
            self._around.setdefault("passed_over", self._found[0].start)
        return sorted(kept, key=lambda each: each.start)

    # ------------------------------------------------------------------------- what is no value

    def _lead(self) -> int:
        """Where the text begins, behind marks and thoughts."""
        text, at = self._text, 0
        if text.startswith("\ufeff"):
            self._around["bom"] = 0
            at = 1
        # Some templates open the thoughts in the prompt, so that the reply has their end only.
        tag = _TAG.search(text)
        if tag and tag[0][1] == "/" and (tag.start() == at or _lonely(text, tag)):
            self._around["thinking"] = at
            at = tag.end()
        while noise := _NOISE.match(text, at):
            at = self._marked(noise)
        return at

    def _marked(self, place: re.Match[str]) -> int:
        """Pass over a fence's line, or thoughts."""
        mark, start = place["mark"], place.start("mark")
        if mark[0] != "<":
            self._around.setdefault("fence", start)
            return place.end()
        self._around.setdefault("thinking", start)
        if mark[1] == "/":
            self._found.clear()
            return place.end()
        end = _THOUGHT.search(self._text, place.end())
        return end.end() if end else len(self._text)

    def _passed(self, start: int, end: int) -> None:
        if "prose" not in self._around and start < end and not self._text[start:end].isspace():
            self._around["prose"] = start

    # -------------------------------------------------------------------------------- the values

    def _whole(self, at: int) -> bool:
        """Whether the text is nothing but one value that is no container, or one in a string."""
        text = self._text
        while at < len(text) and text[at].isspace():
            at += 1
        if at == len(text) or text[at] in "{[｛［":
            return False
        if _ENCODED.match(text, at) and self._encoded(at, at + 1) is not None:
            return True
        scanner = Scanner(text, at)
        try:
            scanner.read()
        except Unplain:
            return False
        if scanner.closers or not _REST.match(text, scanner.at) or scanner.text[:2] in ('"{', '"['):
            return False
        self._add(at, scanner)
        return True

    def _candidate(self, start: int) -> int:
        """Read what begins with a bracket at `start`; where to go on."""
        text = self._text
        if _ESCAPED.match(text, start):
            end = self._encoded(start, start)
            return self._behind(start, _BODY.match(text, start).end()) if end is None else end  # type: ignore[union-attr]
        scanner = Scanner(text, start)
        try:
            scanner.read()
        except Unplain as failure:
            return self._behind(start, max(failure.at, scanner.at))
        end = scanner.at
        extra = None if scanner.closers else _EXTRA.match(text, end)
        if extra:
            scanner.log.add("extra_closer", end)
            end = extra.end()
        if text[self._end : start].strip() not in ("", ",", "，", ";"):
            self._row, self._spoilt = len(self._found), False
        self._end = end
        lost = extra is not None and self._row < len(self._found)  # {}, {}] lacks its beginning
        if self._spoilt or lost or self._is_part(start, end, extra is not None):
            del self._found[self._row :]
            self._spoilt = True
            self._around.setdefault("passed_over", start)
        else:
            self._add(start, scanner)
        return end

    def _is_part(self, start: int, end: int, extra: bool) -> bool:
        """Whether a value is a part of another, whose beginning or end is lost."""
        text = self._text
        if (_MORE_BEHIND_EXTRA if extra else _MORE).match(text, end) or _KEY.search(text, max(0, start - 40), start):
            return True
        behind = text[end : end + 1]  # of a string or number that seemed to end before: {"a": "x"}"}, {"a": 4}1}
        return behind in _GLUED and text[max(0, start - 1) : start] != behind

    def _add(self, start: int, scanner: Scanner) -> None:
        self._found.append(
            Mended(
                text=scanner.text,
                closers=scanner.closers,
                torn=scanner.torn,
                start=start,
                end=scanner.at,
                repairs=_repairs(scanner.log),
            )
        )
        if len(self._found) > MAX_VALUES * 10:
            self._found, self._row = self._longest(), 0

    def _encoded(self, start: int, body: int) -> int | None:
        """Read JSON that stands in a string, or whose quotes are escaped; None where that is no JSON."""
        text = self._text
        end = _BODY.match(text, body).end()  # type: ignore[union-attr]  # matches nothing, too
        if self._level >= MAX_LEVELS or not _ENCODED_REST.match(text, end):
            return None
        inside = _CUT.sub("", text[body:end])
        try:
            values = _Search(json.loads(f'"{inside}"', strict=False), self._level + 1).values()
        except ValueError:
            return None
        values = tuple(each for each in values if each.text[0] in "{[")  # not a text within a text
        for each in values:
            inner = tuple(replace(repair, offset=None) for repair in each.repairs)
            repairs = (_repair("double_encoded", start), *inner)
            self._found.append(replace(each, start=start, end=len(text), repairs=repairs))
        return len(text) if values else None

    def _behind(self, start: int, failed: int) -> int:
        """Where to go on when what began at `start` cannot be read from `failed` on: never before that."""
        text = self._text
        if self._pairs is None:
            self._pairs = _pairs(text, start)
        end = self._pairs.get(start)
        begun = text[start + 1 : failed].strip() not in ("", "{")  # otherwise a bracket of the prose
        if begun:
            self._around.setdefault("passed_over", start)
        if end is not None:
            return max(end, failed)
        if not begun:
            return max(start + 1, failed)
        fence = _OPEN_FENCE.search(text, failed)
        return fence.start() if fence else len(text)


def _lonely(text: str, tag: re.Match[str]) -> bool:
    """Whether a tag stands where a line begins or ends, and so in no string."""
    return text[tag.start() - 1] == "\n" or _AFTER_THOUGHT.match(text, tag.end()) is not None


def _pairs(text: str, start: int) -> dict[int, int]:
    """Each opening bracket from `start` on → the place behind the bracket that closes it, roughly.

    An interval may be [0, 1). What is open at a fence stays without a pair.
    """
    pairs: dict[int, int] = {}
    ahead: list[int] = []
    for found in _ROUGH.finditer(text, start):
        if found["open"]:
            ahead.extend(range(found.start(), found.end()))
        elif found["fence"]:
            ahead.clear()
        elif found["close"]:
            for at in range(found.start(), found.end()):
                if ahead and (text[ahead[-1]] in "{｛") == (text[at] in "}｝"):
                    pairs[ahead.pop()] = at + 1
    return pairs


def _repair(kind: str, offset: int | None = None) -> Repair:
    return Repair(kind=kind, message=_MESSAGES[kind], offset=offset)


def _repairs(log: Log) -> tuple[Repair, ...]:
    repairs = [_repair(kind, offset) for kind, offset in log.found]
    if log.count > len(repairs):
        more = Repair(kind="more", message=f"{log.count - len(repairs)} more were mended.")
        repairs.append(more)
    return tuple(repairs)
