"""An evaluation as one HTML page: it has no script, and loads nothing. Whatever others wrote is shown, never markup."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from extractor.evaluation.plots import bar, curve, diagram
from extractor.evaluation.scores import MEASURES
from extractor.evaluation.text_report import interval, rules, said, signed, worst_of
from extractor.evidence.page_parts import plain, shown

if TYPE_CHECKING:  # which has the page as a method
    from extractor.evaluation.evaluation import DocumentScore, Evaluation

__all__ = ["page"]

PLACES = 100  # of one document
LONGEST = 500  # characters of a value, a place or a name
NAMES = 200

STYLE = """
:root{color-scheme:light dark;--ink:#16181d;--back:#fff;--dim:#595d66;--line:#c9ccd3;--soft:#f4f5f7;--bad:#a8001c;
--good:#0b57a4}
@media screen and (prefers-color-scheme:dark){:root{--ink:#f1f2f4;--back:#16181d;--dim:#b0b5bf;--line:#444a55;
--soft:#20242b;--bad:#ffa3a3;--good:#9cc9ff}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:80rem;padding:1rem;background:var(--back);color:var(--ink);
font:15px/1.5 system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.35rem;margin:0 0 .5rem;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:1.5rem 0 .5rem}
p{margin:.25rem 0;overflow-wrap:anywhere}
.w{overflow-x:auto}
.w:focus-visible{outline:3px solid var(--good)}
table{border-collapse:collapse;font-size:.9rem}
th,td{border:1px solid var(--line);padding:.2rem .5rem;text-align:start;vertical-align:top;overflow-wrap:anywhere}
th,thead td{background:var(--soft)}
thead th{overflow-wrap:normal}
td:first-child{min-width:9rem}
.n{text-align:end}
td.n,td.i{font-variant-numeric:tabular-nums;white-space:nowrap}
.worst{width:100%;min-width:44rem;table-layout:fixed}
.worst th:nth-child(3){width:5.5rem}
.dim{color:var(--dim)}
.bad{color:var(--bad)}
.x{font-style:normal;font-size:.8em;color:var(--bad);border:1px solid;border-radius:2px;margin:0 1px}
figure{display:inline-block;vertical-align:top;margin:0 1rem 0 0;width:22rem;max-width:100%}
figcaption{color:var(--dim);font-size:.85rem}
svg.p{width:100%}
svg.b{width:10rem;height:.9rem;vertical-align:middle}
svg text{font-size:11px;fill:var(--dim)}
.grid{stroke:var(--line);fill:none}
.even{stroke:var(--dim);stroke-dasharray:4 4;fill:none}
.line{stroke:var(--good);stroke-width:2;fill:none}
.dot,.bar{fill:var(--good)}
.bar{opacity:.45}
.whisker{stroke:var(--ink);fill:none}
.other{stroke:var(--bad);stroke-width:2;fill:none}
@media print{tr{break-inside:avoid}}
"""
_DIGEST = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'"


def page(evaluation: Evaluation, *, worst: int) -> str:
    """The page, with the `worst` documents."""
    title = f"Evaluation of {evaluation.source or 'predictions'}"
    return "".join(
        [
            '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer"><meta name="color-scheme" content="light dark">',
            f"<title>{plain(title)}</title><style>{STYLE}</style></head><body><main>\n",
            f'<h1 dir="auto">{shown(title)}</h1>',
            *_summary(evaluation),
            *_measures(evaluation),
            *_fields(evaluation),
            *_items(evaluation),
            *_surety(evaluation),
            *_spent(evaluation),
            *_worst(evaluation, worst),
            "<h2>What counts as what</h2>",
            *(f"<p>{shown(rule)}</p>" for rule in rules(evaluation)),
            "</main></body></html>\n",
        ]
    )


def _summary(evaluation: Evaluation) -> Iterator[str]:
    failed = ", ".join(f"{kind} {count:,}" for kind, count in evaluation.failed.items())
    yield f"<p>{evaluation.gold:,} documents compared; predicted {evaluation.predicted:,}"
    yield f', <span class="bad">failed: {shown(failed)}</span>.</p>' if failed else ", none failed.</p>"
    for what, names in (
        ("Without a right value, not compared", evaluation.ungolded),
        ("Not predicted, counted as empty", evaluation.unpredicted),
    ):
        if names:
            more = f" and {len(names) - NAMES:,} more" if len(names) > NAMES else ""
            listed = ", ".join(map(_brief, names[:NAMES]))
            yield f"<details><summary>{what}: {len(names):,}</summary><p>{listed}{more}</p></details>"
    if evaluation.elsewhere:
        yield f"<p>Right values of documents that the run does not have: {evaluation.elsewhere:,}.</p>"
    if evaluation.second is not None:
        yield f"<p>Against {shown(evaluation.second.source)}; * where the interval of a difference leaves out 0.</p>"


def _measures(evaluation: Evaluation) -> Iterator[str]:
    second = evaluation.second
    heads = ["Measure", "Value", *(("Second", "Difference") if second else ())]
    rows = []
    for name, measure in evaluation.measures.items():
        more = (interval(second.measures[name]), signed(evaluation.differences[name])) if second else ()
        rows.append([MEASURES[name], *map(_Interval, (interval(measure), *more))])
    yield from _table("Measures", heads, rows)


def _fields(evaluation: Evaluation) -> Iterator[str]:
    others = {each.pattern: each.f1 for each in evaluation.second.fields} if evaluation.second else {}
    heads = ["Place", "F1", "", "Right", "Wrong", "Missing", "Invented", "Precision", "Recall", "Soft F1"]
    rows: list[list[Any]] = []
    for each in evaluation.fields:
        counts = (each.right, each.wrong, each.missing, each.invented)
        shares = (f"{each.precision:.3f}", f"{each.recall:.3f}", "" if each.soft is None else f"{each.soft:.3f}")
        numbers = map(_Number, (*(f"{count:,}" for count in counts), *shares))
        plot = _Markup(bar(each.f1, others.get(each.pattern)))
        gap = evaluation.field_differences.get(each.pattern)
        more = [] if evaluation.second is None else [_Interval("" if gap is None else signed(gap))]
        rows.append([each.pattern or "(the whole)", _Interval(interval(each.f1)), plot, *numbers, *more])
    yield from _table("Fields", heads + ["Difference"] * bool(evaluation.second), rows)


def _items(evaluation: Evaluation) -> Iterator[str]:
    if evaluation.items:
        rows = [
            [
                name or "(the whole)",
                *(_Number(f"{count:,}") for count in (each.found, each.missing, each.invented, each.disordered)),
            ]
            for name, each in evaluation.items.items()
        ]
        yield from _table("Lists", ["Items of", "Found", "Missing", "Invented", "In another order"], rows)


def _surety(evaluation: Evaluation) -> Iterator[str]:
    known, seen = evaluation.reliability, evaluation.review
    if known is None and seen is None:
        return
    yield "<h2>Confidence</h2>"
    if known is not None:
        area = "" if known.auc is None else f", AUROC {known.auc:.3f}"
        yield (
            f"<p>{known.count:,} values, {known.accuracy:.1%} right. Expected calibration error {known.ece:.3f}, "
            f"Brier score {known.brier:.3f}{area}.</p>{diagram(known)}"
        )
    if seen is not None:
        yield curve(seen)


def _spent(evaluation: Evaluation) -> Iterator[str]:
    rows: list[list[Any]] = []
    for each in (evaluation, evaluation.second):
        if each is not None and each.spent.requests:
            spent = each.spent
            cost = "not known" if spent.cost is None else f"{spent.cost:.4f}"
            told = (f"{spent.requests:,}", f"{spent.prompt_tokens:,}", f"{spent.completion_tokens:,}", cost)
            rows.append([each.source, *map(_Number, (*told, f"{spent.seconds:,.1f}"))])
    if rows:
        yield from _table("Spent", ["", "Requests", "Prompt tokens", "Reply tokens", "US dollars", "Seconds"], rows)


def _worst(evaluation: Evaluation, most: int) -> Iterator[str]:
    found = worst_of(evaluation, most)
    if not found:
        return
    wrong = sum(1 for each in evaluation.documents if each.differences)
    yield f"<h2>What is not right</h2><p>The {len(found):,} documents with most of it, of {wrong:,}.</p>"
    yield '<div class="w" tabindex="0" role="region" aria-label="What is not right"><table class="worst"><thead><tr>'
    yield from (f'<th scope="col">{head}</th>' for head in ("Document", "Place", "What", "Got", "Expected"))
    yield "</tr></thead><tbody>"
    for each in found:
        yield from _places(each)
    yield "</tbody></table></div>"


def _places(document: DocumentScore) -> Iterator[str]:
    places = document.differences[:PLACES]
    more = len(document.differences) - len(places)
    state = "" if document.predicted and not document.failed else document.failed or "not predicted"
    for number, each in enumerate(places):
        yield "<tr>"
        if not number:
            counted = f"{len(document.differences):,} of {document.right + len(document.differences):,}"
            told = f'<br><span class="dim">{counted}{", " + shown(state) if state else ""}</span>'
            span = len(places) + bool(more)
            yield f'<th scope="rowgroup" rowspan="{span}" dir="auto">{_brief(document.name)}{told}</th>'
        got = "" if each.verdict == "missing" else _brief(said(each.got))
        expected = "" if each.verdict == "invented" else _brief(said(each.expected))
        yield f"<td>{_brief(each.pointer or '(the whole)')}</td><td>{each.verdict}</td>"
        yield f'<td dir="auto">{got}</td><td dir="auto">{expected}</td></tr>'
    if more:
        yield f'<tr><td colspan="4" class="dim">and {more:,} more</td></tr>'


def _brief(text: str) -> str:
    return shown(text if len(text) <= LONGEST else text[:LONGEST] + "…")


class _Number(str):
    """A cell that is set as a number."""


class _Interval(str):
    """A cell that is set as a number with its interval: they stand below each other from their beginning."""


class _Markup(str):
    """A cell that is HTML already: none of it is from others."""


def _table(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f'<h2>{title}</h2><div class="w" tabindex="0" role="region" aria-label="{title}"><table><thead><tr>'
    for number, head in enumerate(heads):
        over = _KINDS.get(type(rows[0][number]), "") if rows else ""
        yield f'<th scope="col"{over}>{head}</th>' if head else "<td></td>"
    yield "</tr></thead><tbody>"
    for row in rows:
        yield "<tr>"
        for cell in row:
            text = cell if isinstance(cell, _Markup) else _brief(cell)
            yield f"<td{_KINDS.get(type(cell), '')}>{text}</td>"
        yield "</tr>"
    yield "</tbody></table></div>"


_KINDS = {_Number: ' class="n"', _Interval: ' class="i"'}
