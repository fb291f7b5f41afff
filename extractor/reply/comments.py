"""One comment in a broken JSON text: where it ends, if it plainly is one and hides nothing."""

from __future__ import annotations

import re

from extractor.reply.quoted import Unplain

__all__ = ["comment_end"]

_SUSPICIOUS = re.compile(r'["}\]]')


def comment_end(text: str, start: int) -> int:
    """Where the comment that begins at `start` with `/` or `#` ends. Raises `Unplain`."""
    if text.startswith("/*", start):
        end = text.find("*/", start + 2) + 2
        end = end if end >= 2 else len(text)
    elif text[start] == "#" or text.startswith("//", start):
        end = text.find("\n", start)
        end = end if end >= 0 else len(text)
        if _SUSPICIOUS.search(text, start, end):
            _check(text[start:end], start)
    else:
        raise Unplain(start)
    if text.find("...", start, end) >= 0 or text.find("…", start, end) >= 0:
        raise Unplain(start)  # "// ... and so on": data was left out
    return end


def _check(comment: str, start: int) -> None:
    """Refuse what may be the end of a string rather than a comment: `"12" #5 rebar", "b": 1}`."""
    closed, opened = (sum(map(comment.count, brackets)) for brackets in ("}]", "{["))
    if comment.count('"') % 2 or closed > opened:
        raise Unplain(start)
