"""The page of a value and its document, in a browser: what is seen, and how both sides lead to each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from extractor.evidence.field import Field, Span
from extractor.evidence.page import fragment, page

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Show = Callable[..., "Page"]


@pytest.fixture
def show(window: Show, tmp_path: Path) -> Iterator[Show]:
    """A function that shows HTML in a window. Nothing may go wrong there, and nothing else be asked for."""
    wrong: list[str] = []

    def shown(html: str, width: int = 1280, **more: Any) -> Page:
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        opened = window(width, **more)
        opened.on("console", lambda message: wrong.append(message.text))
        opened.on("dialog", lambda dialog: wrong.append(dialog.message))
        opened.on("request", lambda request: wrong.extend({request.url} - {path.as_uri()}))
        opened.goto(path.as_uri())
        return opened

    yield shown
    assert not wrong


# A document of more lines than a window has, with a table, of which rows 30 to 33 are missing in the value.
ROWS = [f"| {number:3} | Widget {number:03} | {number * 1.5:8.2f} |" for number in range(1, 81)]
TEXT = "ACME GmbH, Invoice INV-1\n\n" + "\n".join(ROWS) + "\n\fTotal 4860.00 EUR, Invoice INV-1\n"


class Gap:
    """Rows that are missing."""

    start, end = TEXT.index(ROWS[29]), TEXT.index(ROWS[33]) - 1
    rows, after = 4, 28


class Report:
    """A list with a gap."""

    pointer, status, returned, expected, said, gaps = "/lines", "incomplete", 76, 80, None, (Gap,)


def at(text: str, after: int = 0) -> tuple[Span, ...]:
    """Where a text stands."""
    start = TEXT.index(text, after)
    return (Span(start=start, end=start + len(text)),)


FOUND = [number for number in range(1, 81) if not 30 <= number <= 33]
DATA = {
    "seller": {"name": "ACME GmbH", "city": "Bonn", "country": None},
    "number": "INV-1",
    "lines": [{"name": f"Widget {number:03}", "price": number * 1.5} for number in FOUND],
    "total": 4860,
    "currency": "EUR",
    "paid": False,
}
FIELDS = {
    "/seller/name": Field(status="exact", spans=at("ACME GmbH"), confidence=0.99),
    "/seller/city": Field(status="absent", confidence=0.2),
    "/number": Field(status="exact", spans=at("INV-1"), elsewhere=at("INV-1", 100), confidence=0.9),
    "/total": Field(status="normalised", spans=at("4860.00"), score=0.95, confidence=0.05),
    "/currency": Field(status="exact", spans=at("EUR")),
    "/paid": Field(status="inferred"),
    **{
        f"/lines/{index}/{key}": Field(status="exact", spans=at(text, TEXT.index(ROWS[number - 1])), confidence=0.8)
        for index, number in enumerate(FOUND)
        for key, text in (("name", f"Widget {number:03}"), ("price", f"{number * 1.5:.2f}"))
    },
}
HTML = page(TEXT, DATA, FIELDS, title="Invoice 1", lists=[Report], notes=["Part 2 of 3 failed."])
MODES = pytest.mark.parametrize("mode", ["light", "dark"])
WIDTHS = pytest.mark.parametrize("width", [390, 1280])


def value(window: Page, text: str) -> Locator:
    """The value with this text."""
    return window.locator("#values a.v").get_by_text(text, exact=True).first


def mark(window: Page, text: str) -> Locator:
    """The mark with this text."""
    return window.locator("#text a").get_by_text(text, exact=True).first


def is_seen(element: Locator) -> bool:
    """Whether the middle of an element is what one sees there: neither outside of the window nor covered."""
    seen: bool = element.evaluate(
        """it => {
            const box = it.getBoundingClientRect();
            const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
            return it === top || it.contains(top);
        }"""
    )
    return seen


def lit(window: Page) -> list[str]:
    """What is outlined."""
    return window.locator(".on").all_inner_texts()


@WIDTHS
def test_a_click_on_a_value_shows_its_place(show: Show, width: int) -> None:
    """A click on a value outlines its place, and scrolls there."""
    window = show(HTML, width)
    assert not is_seen(mark(window, "4860.00"))
    value(window, "4860").click()
    assert is_seen(mark(window, "4860.00"))
    assert is_seen(value(window, "4860"))
    assert lit(window) == ["4860.00", "4860"]


@WIDTHS
def test_a_click_on_a_place_shows_its_value(show: Show, width: int) -> None:
    """A click on a place outlines its value, and scrolls there."""
    window = show(HTML, width)
    mark(window, "Widget 070").click()
    assert is_seen(value(window, "Widget 070"))
    assert lit(window) == ["Widget 070", "Widget 070"]


def test_the_keyboard_suffices(show: Show) -> None:
    """The focus alone shows the other side, and Enter goes over to it and back."""
    window = show(HTML)
    value(window, "4860").focus()
    assert is_seen(mark(window, "4860.00"))
    window.keyboard.press("Enter")
    assert window.evaluate("document.activeElement.closest('#document') !== null")
    window.keyboard.press("Enter")
    assert window.evaluate("document.activeElement.textContent") == "4860"
    window.keyboard.press("Tab")
    assert lit(window) == ["EUR", "EUR"]


def test_the_first_stop_leads_to_the_values(show: Show) -> None:
    """Who uses the keyboard need not pass through the document to get to the values."""
    window = show(HTML)
    window.keyboard.press("Tab")
    assert is_seen(window.get_by_text("To the values"))
    window.keyboard.press("Enter")
    assert window.evaluate("document.activeElement.id") == "values"
    window.keyboard.press("Tab")
    assert window.evaluate("document.activeElement.textContent") == "ACME GmbH"


def test_where_the_same_stands_leads_to_the_value(show: Show) -> None:
    """A place where the same stands as well leads to the value, too, and is lit with it, less strongly."""
    window = show(HTML)
    window.locator("#text a.e").click()
    assert is_seen(value(window, "INV-1"))
    value(window, "INV-1").click()
    assert window.locator(".also").all_inner_texts() == ["INV-1"]


@WIDTHS
def test_missing_rows_are_shown(show: Show, width: int) -> None:
    """A warning, and the row in the table that stands for missing ones, lead to their place, and it to that row."""
    window = show(HTML, width)
    window.locator("#warnings a").first.click()
    assert is_seen(window.locator("#text .tag"))
    assert "Widget 030" in window.locator("#text a.g").inner_text()
    window.locator("tr.gaps a").click()
    assert is_seen(window.locator("#text .tag"))
    window.locator("#text a.g").press("Enter")
    assert is_seen(window.locator("tr.gaps a"))


def test_a_short_document_stays_where_it_is(show: Show) -> None:
    """In a narrow window, the focus on a value does not scroll away from it, since the document is in sight anyway."""
    data = {f"field {number}": "ACME" for number in range(60)}
    fields = {f"/{name}": Field(status="exact", spans=(Span(start=0, end=4),)) for name in data}
    window = show(page("ACME", data, fields), 390)
    last = window.locator("#values a.v").last
    last.click()
    assert is_seen(last)
    assert is_seen(mark(window, "ACME"))
    assert window.evaluate("scrollY") > 500


@WIDTHS
def test_a_place_below_many_warnings(show: Show, width: int) -> None:
    """Where warnings fill the window, the window scrolls to the place, too."""
    html = page(
        "\n" * 30 + "ACME", "ACME", {"": Field(status="exact", spans=(Span(start=30, end=34),))}, notes=["!"] * 26
    )
    window = show(html, width)
    window.evaluate("document.querySelector('#values a.v').focus({preventScroll: true})")
    assert is_seen(mark(window, "ACME"))


def test_a_closed_list_is_opened(show: Show) -> None:
    """A value in a list that was closed is shown."""
    window = show(HTML)
    window.locator("#values summary").click()
    mark(window, "Widget 005").click()
    assert is_seen(value(window, "Widget 005"))


@WIDTHS
def test_without_scripts(show: Show, width: int) -> None:
    """Without scripts all can be read, and links lead to places and back."""
    window = show(HTML, width, java_script_enabled=False)
    value(window, "4860").click()
    target = window.locator("#text a:target")
    assert target.inner_text() == "4860.00"
    box, pane = target.bounding_box(), window.locator("#document").bounding_box()
    assert box is not None
    assert pane is not None
    assert pane["y"] <= box["y"] < pane["y"] + pane["height"]
    target.click()
    assert window.locator("#values a:target").inner_text() == "4860"


@WIDTHS
@MODES
def test_nothing_sticks_out(show: Show, width: int, mode: str) -> None:
    """In a narrow window and in a wide one, nobody has to scroll sideways."""
    long = "x" * 3_000
    html = page(
        TEXT + long, {**DATA, long: long, "wide": [dict.fromkeys("abcdefghijkl", long[:40])]}, FIELDS, title=long
    )
    window = show(html, width, color_scheme=mode)
    assert window.evaluate("document.documentElement.scrollWidth") == width
    for pane in ("#document", "#values"):
        assert window.locator(pane).evaluate("it => it.scrollWidth - it.clientWidth") == 0


# The contrast of each text with what is behind it: colours that let something through are laid upon each other.
CONTRASTS = """() => {
  const parts = (colour) => {
    const [red, green, blue, alpha = 1] = colour.match(/[0-9.]+/g).map(Number);
    return [red, green, blue, alpha];
  };
  const over = (top, low) => [0, 1, 2].map((at) => top[at] * top[3] + low[at] * (1 - top[3])).concat(1);
  const behind = (it) => {
    const layers = [];
    for (; it; it = it.parentElement) layers.push(parts(getComputedStyle(it).backgroundColor));
    return layers.reverse().reduce((low, top) => over(top, low), [255, 255, 255, 1]);
  };
  const light = (colour) => {
    const [red, green, blue] = colour.map((part) =>
      part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4);
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  return [...document.body.querySelectorAll("*")]
    .filter((it) => it.tagName !== "SCRIPT")
    .filter((it) => [...it.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
    .map((it) => {
      const low = behind(it);
      const [dark, bright] = [light(over(parts(getComputedStyle(it).color), low)), light(low)].sort((a, b) => a - b);
      return [(bright + 0.05) / (dark + 0.05), it.outerHTML.slice(0, 120)];
    })
    .sort(([one], [other]) => one - other);
}"""


@MODES
def test_everything_can_be_read(show: Show, mode: str) -> None:
    """Every text has the contrast that the guidelines for accessibility ask for, in the light and in the dark."""
    html = page(TEXT + "\x00", {**DATA, "none": None, "hidden": "\u202e"}, FIELDS, lists=[Report], notes=["Failed."])
    found = show(html, color_scheme=mode).evaluate(CONTRASTS)
    assert len(found) > 300
    assert found[0][0] >= 4.5, found[0]


def test_landmarks_and_headings(show: Show) -> None:
    """Each part has a name and a heading, and nothing that can be used has none."""
    window = show(HTML)
    for name in ("Warnings (3)", "Document", "Values"):
        assert window.get_by_role("region", name=name).count() == 1
        assert window.get_by_role("heading", name=name, level=2).count() == 1
    assert window.get_by_role("main").count() == 1
    assert window.get_by_role("heading", name="Invoice 1", level=1).count() == 1
    assert window.get_by_role("columnheader", name="price").count() == 1
    assert window.title() == "Invoice 1"
    nameless = "[...document.querySelectorAll('a, summary')].filter(it => !it.textContent.trim()).length"
    assert window.evaluate(nameless) == 0


def test_all_of_it_is_printed(show: Show) -> None:
    """On paper nothing is cut off, since paper does not scroll."""
    window = show(HTML)
    window.emulate_media(media="print")
    for pane in ("#document", "#values"):
        assert window.locator(pane).evaluate("it => it.scrollHeight - it.clientHeight") <= 2
    assert not window.locator(".skip").is_visible()


HOSTILE = (
    "</style></script><script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "<svg onload=alert(3)>",
    "javascript:alert(4)",
    "<!--",
    "]]><![CDATA[",
    "&lt;b&gt; \u202egnp.exe\u202c \x00 \ud800",
    "<iframe srcdoc='<script>alert(5)</script>'>",
)


def test_hostile_documents_do_nothing(show: Show) -> None:
    """Whatever stands in a document, a name or a value is shown as it is, and never done."""
    text = "\n".join(HOSTILE)
    fields = {
        "/" + each.replace("~", "~0").replace("/", "~1"): Field(
            status="exact",
            spans=(Span(start=text.index(each), end=text.index(each) + len(each)),),
            others=((each, 0.5),),
        )
        for each in HOSTILE
    }
    data = {each: each for each in HOSTILE}
    window = show(page(text, data, fields, title=text, notes=HOSTILE))
    assert window.locator("img, svg, iframe, script").count() == 1
    assert window.locator("#text").inner_text().startswith("\n".join(HOSTILE[:6]))
    assert "[U+202E]gnp.exe[U+202C] [U+0000] [U+D800]" in window.locator("#text").inner_text()
    for each in HOSTILE[:4]:
        mark(window, each).click()
        assert lit(window)[-1] == each


def test_text_from_right_to_left(show: Show) -> None:
    """Each line, and each value, has the direction of its own text."""
    text = "Invoice 5\nفاتورة رقم ٥\n"
    fields = {
        "/a": Field(status="exact", spans=(Span(start=10, end=16),)),
        "/b": Field(status="exact", spans=(Span(start=0, end=7),)),
    }
    window = show(page(text, {"a": text[10:16], "b": "Invoice"}, fields))
    left = window.locator("#text").bounding_box()
    first, second = mark(window, "Invoice").bounding_box(), mark(window, text[10:16]).bounding_box()
    assert left is not None
    assert first is not None
    assert second is not None
    assert first["x"] - left["x"] < 2
    assert left["x"] + left["width"] - second["x"] - second["width"] < 2


def test_in_a_notebook(show: Show) -> None:
    """In a frame of a notebook, links work, and the notebook stays where and as it is."""
    notebook = (
        "<!DOCTYPE html><title>notebook</title><style>a,h1{color:red}</style><h1>Notebook</h1>"
        + fragment(TEXT, DATA, FIELDS, title="Invoice 1", height=500)
        + "<p>after"
    )
    window = show(notebook)
    frame = window.frame_locator("iframe")
    frame.locator("#values a.v").get_by_text("4860", exact=True).click()
    assert frame.locator("#text .on").inner_text() == "4860.00"
    frame.locator(".skip").focus()
    frame.locator(".skip").press("Enter")
    assert frame.locator("#values").evaluate("it => document.activeElement === it")
    assert frame.locator("h1").evaluate("it => getComputedStyle(it).color") == "rgb(22, 24, 29)"
    assert window.locator("h1").evaluate("it => getComputedStyle(it).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert window.evaluate("scrollY") == 0
