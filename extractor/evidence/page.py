"""A value beside its document, as one HTML page: where each field stands, how sure it is, and what is missing.

The page is read without a network and without its script: a value is a link to its place, and back. It takes time
linear in the text, the value and the places.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypedDict, Unpack

from extractor.evidence.field import Field
from extractor.evidence.page_parts import Marks, plain, shown
from extractor.evidence.page_style import POLICY, SCRIPT, STYLE
from extractor.evidence.page_values import LABEL, LISTS, STATUSES, Values, path, rows, short, text_of

__all__ = ["fragment", "page"]

LINKS = 20  # of one warning
_LEGEND = (
    "A value has the colour of its field, in all rows. The stronger the colour, the surer the value; in a thin dotted "
    "frame, nothing is known of how sure it is.",
    "A click or the focus on a value shows its place, and the other way. Enter goes over to the other side. "
    "A dotted line below a text: the same stands there, too.",
    "As written: the value stands in the document as it is. In another form: with other case or spaces, or as another "
    "way to write the number or the date. Nearly: something like it stands there. Not in the document: it stands "
    "nowhere. Inferred: it need not stand there.",
    "A dashed frame: this looks like rows of a list, and is not in the list.",
    "A small frame in a text, such as [U+202E]: a character that is not seen, or turns the direction of the text.",
)


def page(
    text: str | None,
    data: Any,
    fields: Mapping[str, Field],
    *,
    title: str = "",
    pages: Sequence[int] | None = None,
    lists: Iterable[Any] = (),
    conflicts: Iterable[Any] = (),
    notes: Iterable[str] = (),
) -> str:
    """One HTML document that needs nothing else: a text, the value found in it, and what is known of both.

    `text` is what the spans count in, None where there is none; `pages` is where its pages start (otherwise form feeds
    and the spans tell). `fields` are by JSON pointer into `data` (plain JSON). `lists` are reports on lists (`pointer`,
    `status`, `returned`, `expected`, `said`, `gaps`: each `start`, `end`, `rows`, `after`), `conflicts` on values
    (`pointer`, `values`: each a value and its spans first), and `notes` are any other warnings.

    Of a text of more than 2,000,000 characters only the beginning and what is around the places is shown, of a value
    only the first 50,000 parts; the page says so. A span that is reversed, empty or out of range is passed over.
    """
    name = title or "Extraction"
    reports = list(lists)
    values = Values(Marks(text or "", pages), fields, reports)
    tree = "".join(values.tree(data))  # before the document, since it tells what is marked there
    warnings = [*_warnings(values, reports, conflicts, notes)]
    panes = [*_section("values", "Values", tree, pane=True)]
    if text is not None:
        panes = [*_section("document", "Document", "".join(values.marks.document()), pane=True), *panes]
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
            f"<title>{plain(name)}</title><style>{STYLE}</style></head><body>\n<header>",
            '<a class="skip" href="#values">To the values</a>',
            f'<h1 dir="auto">{shown(name)}</h1><p>{_summary(values)}</p>',
            "<details><summary>How to read this page</summary><ul>",
            *(f"<li>{line}</li>" for line in _LEGEND),
            "</ul></details></header>\n",
            *(
                _section("warnings", f"Warnings ({len(warnings):,})", f"<ul>{''.join(warnings)}</ul>")
                if warnings
                else ()
            ),
            *('<main class="alone">' if text is None else "<main>", *panes, "</main>"),
            f"\n<script>{SCRIPT}</script></body></html>\n",
        ]
    )


class _More(TypedDict, total=False):
    """What else a page takes."""

    title: str
    pages: Sequence[int] | None
    lists: Iterable[Any]
    conflicts: Iterable[Any]
    notes: Iterable[str]


def fragment(
    text: str | None, data: Any, fields: Mapping[str, Field], *, height: int = 640, **more: Unpack[_More]
) -> str:
    """The `page` (which takes `more`) for a notebook: in a frame of `height` pixels, apart from all else there."""
    document = page(text, data, fields, **more).replace("&", "&amp;").replace('"', "&quot;")
    # In a <div>, since IPython warns of HTML that is a frame and nothing else.
    return (
        f'<div><iframe title="{plain(more.get("title") or "Extraction")}" sandbox="allow-scripts" width="100%" '
        f'height="{int(height)}" srcdoc="{document}"></iframe></div>'
    )


def _section(name: str, heading: str, content: str, *, pane: bool = False) -> Iterator[str]:
    scrolled = ' class="pane" tabindex="0"' if pane else ""
    yield f'<section id="{name}"{scrolled} aria-labelledby="h-{name}"><h2 id="h-{name}">{heading}</h2>'
    yield content
    yield "</section>\n"


def _summary(values: Values) -> str:
    """How many values there are, and how they stand in the document."""
    kinds = [f"{values.statuses[status]:,} {said}" for status, said in STATUSES.items() if values.statuses[status]]
    count = "1 value" if values.count == 1 else f"{values.count:,} values"
    return f"{count}: {', '.join(kinds)}." if kinds else f"{count}."


def _warnings(values: Values, reports: Sequence[Any], conflicts: Iterable[Any], notes: Iterable[str]) -> Iterator[str]:
    """What needs a look, as items of a list."""
    for note in notes:
        yield f'<li dir="auto">{shown(note)}</li>'
    for number, report in enumerate(reports):
        if report.gaps or report.status not in ("complete", "unknown"):
            yield f'<li id="w{number}">{_list(values, report, f"w{number}")}</li>'
    for number, conflict in enumerate(conflicts):
        yield f'<li id="k{number}">{_conflict(values, conflict, f"k{number}")}</li>'
    if values.absent:
        count = len(values.absent)
        said = "1 value is" if count == 1 else f"{count:,} values are"
        yield f"<li>{said} not in the document: {_some(values.absent)}.</li>"


def _list(values: Values, report: Any, name: str) -> str:
    """What is wrong with a list."""
    parts = [f"{path(report.pointer)}: {LISTS.get(report.status, 'unknown')}", rows(report.returned)]
    if report.expected is not None:
        said = () if report.said is None else (report.said,)
        label = f"how many {plain(short(report.pointer))} has"
        parts.append(values.marks.linked(said, name, label, f"{report.expected:,} expected"))
    links = [link for _, link in values.gaps.get(report.pointer, ())]
    return ", ".join(parts) + (f". Not in the list: {_some(links)}." if links else ".")


def _conflict(values: Values, conflict: Any, name: str) -> str:
    """What the parts of a document say differently."""
    label = f"{plain(short(conflict.pointer))}: one of several"
    found = [
        values.marks.linked(spans, name, label, f"<bdi>{text_of(value, LABEL)}</bdi>")
        for value, spans, *_ in islice(conflict.values, LINKS + 1)
    ]
    return f"{path(conflict.pointer)}: the document says different things: {_some(found)}."


def _some(links: Sequence[str]) -> str:
    more = f" and {len(links) - LINKS:,} more" if len(links) > LINKS else ""
    return ", ".join(links[:LINKS]) + more
