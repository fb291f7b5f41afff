"""The page of a review in a browser: the whole way of a document, by keyboard, with another person, and with harm."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from extractor.batch.job import Job
from extractor.documents.loaded import Input
from extractor.review import Review, review

if TYPE_CHECKING:
    from playwright.sync_api import Page

sys.path.insert(0, str(Path(__file__).parent / "made"))
sys.path.insert(0, str(Path(__file__).parents[1] / "documents" / "files"))

from made_files import pdf
from made_reviews import HOSTILE, Invoice, Note, invoices, notes, printed

Show = Callable[..., "Page"]
FAILED = "Failed to load resource"  # what the browser says of any answer that is an error: some are wanted


@pytest.fixture
def show(window: Show) -> Iterator[Show]:
    """A function that opens a review. Nothing may go wrong there, and nothing be asked for from elsewhere."""
    wrong: list[str] = []

    def shown(page: Review, width: int = 1280, at: str = "", **more: Any) -> Page:
        base = page.url.partition("/?")[0]
        opened = window(width, **more)
        opened.set_default_timeout(15_000)
        opened.on("console", lambda message: None if FAILED in message.text else wrong.append(message.text))
        opened.on("request", lambda request: None if request.url.startswith(base) else wrong.append(request.url))
        opened.goto(page.url)
        if at:
            opened.goto(base + "/" + at)
            opened.reload()
        opened.locator("body.ready").wait_for()
        return opened

    yield shown
    assert not wrong


@pytest.fixture
def job(tmp_path: Path) -> Path:
    """A job of invoices."""
    return invoices(tmp_path, 4)


@pytest.fixture
def page(job: Path) -> Iterator[Review]:
    """A review of it."""
    with review(job, Invoice, who="ana") as started:
        yield started


FIRST = "#/1?show=all&order=input"


def field(pointer: str) -> str:
    """The control of a field."""
    return f'[data-pointer="{pointer}"] :is(input, select, textarea):not(.native)'


def until(window: Page, pointer: str, value: str) -> None:
    """Wait until a field has a value."""
    from playwright.sync_api import expect

    expect(window.locator(field(pointer))).to_have_value(value, timeout=15_000)


def at_last(window: Page, pointer: str) -> None:
    """Wait until a field has the focus."""
    from playwright.sync_api import expect

    expect(window.locator(field(pointer))).to_be_focused(timeout=15_000)


def focused(window: Page) -> str | None:
    """The field that has the focus."""
    found: str | None = window.evaluate("document.activeElement.closest('[data-pointer]')?.dataset.pointer ?? null")
    return found


def test_the_way_of_a_document(show: Show, page: Review, job: Path) -> None:
    """A person sees where values stand, corrects what is wrong, accepts it by the keyboard, and exports it."""
    window = show(page, at=FIRST)
    window.locator('.mark:text-is("INV-1001")').wait_for()
    assert focused(window) == "/supplier/city"  # which is the most doubtful
    window.keyboard.type("Hamburg")
    window.locator("#look .done", has_text="Supplier, City").wait_for()
    window.locator('.mark:text-is("Hamburg")').wait_for()
    window.keyboard.press("Control+Enter")
    window.locator("#name", has_text="invoice-1002").wait_for()
    window.locator("#progress-text", has_text="1 of 4 reviewed").wait_for()
    window.locator("#menu summary").click()
    with window.expect_download() as download:
        window.locator("#export-jsonl").click()
    assert "Hamburg" in Path(download.value.path()).read_text(encoding="utf-8")
    with Job(job, create=False) as opened:
        record = opened.record("invoice-1001.txt")
    assert record is not None
    assert record.revision is not None
    assert (record.revision.decision, record.revision.who) == ("corrected", "ana")
    assert record.data["supplier"]["city"] == "Hamburg"


def test_fields_and_places_lead_to_each_other(show: Show, page: Review) -> None:
    """The focus on a field shows its place, and a click on a place goes to its field."""
    window = show(page, at=FIRST)
    window.locator(field("/payment/reference")).focus()
    window.locator(".mark.on", has_text="RF-1001").wait_for()
    window.locator('.mark:text-is("37.50")').click()
    at_last(window, "/lines/2/total")


def test_rows_errors_and_undo(show: Show, page: Review) -> None:
    """A row is added and removed by keys, what is wrong is said beside its field, and all of it is undone."""
    window = show(page, at=FIRST)
    window.locator(field("/lines/4/total")).focus()
    window.keyboard.press("Alt+Insert")
    assert focused(window) == "/lines/5/description"
    window.locator(field("/lines/5/quantity")).fill("many")
    window.locator(field("/lines/5/quantity") + "[aria-invalid=true]").wait_for()
    window.locator("#alert", has_text="Lines, row 6, Quantity").wait_for()
    window.keyboard.press("Control+Enter")
    window.locator("#calm", has_text="Not saved").wait_for()
    window.locator(field("/lines/5/quantity")).focus()
    window.keyboard.press("Control+z")
    window.keyboard.press("Control+z")
    window.locator("#alert").wait_for(state="hidden")
    assert window.locator(".table > .row").count() == 5
    assert window.locator("body.unsaved").count() == 0
    window.keyboard.press("Control+Shift+z")
    assert window.locator(".table > .row").count() == 6
    assert focused(window) == "/lines/5/description"
    window.keyboard.press("Alt+Delete")
    assert window.locator(".table > .row").count() == 5
    window.locator(field("/lines/0/description")).focus()
    window.keyboard.press("Alt+ArrowDown")
    assert focused(window) == "/lines/1/description"
    assert window.locator(field("/lines/1/description")).input_value() == "Widget 001"


def test_what_is_typed_is_mended_when_it_is_left(show: Show, page: Review) -> None:
    """A number or a date may be typed as it is printed: when one leaves the field, it says what was made of it."""
    window = show(page, at=FIRST)
    window.locator(field("/issued")).fill("25.12.2024")
    window.locator(field("/total")).fill("187,50")
    window.locator(field("/number")).focus()
    until(window, "/issued", "2024-12-25")
    until(window, "/total", "187.50")
    assert window.locator('[data-pointer="/issued"] .mended').is_visible()


def test_a_selection_fills_the_field(show: Show, page: Review) -> None:
    """What is selected in the document becomes the value of the field that had the focus, read as the field asks."""
    window = show(page, at=FIRST)
    window.locator(field("/total")).focus()
    window.locator(".mark.on").wait_for()
    place = window.locator("#text .mark", has_text="62.50").first
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    window.mouse.move(box["x"] + 1, box["y"] + box["height"] / 2)
    window.mouse.down()
    window.mouse.move(box["x"] + box["width"] + 3, box["y"] + box["height"] / 2, steps=4)
    window.mouse.up()
    until(window, "/total", "62.50")
    at_last(window, "/total")
    window.keyboard.press("F2")
    window.evaluate(
        """() => {
            const mark = [...document.querySelectorAll('.mark')].find(it => it.textContent === 'RF-1001');
            getSelection().selectAllChildren(mark);
        }"""
    )
    window.keyboard.press("Enter")
    until(window, "/total", "1001")


def test_kinds_of_a_value(show: Show, page: Review) -> None:
    """Another kind of a value keeps what both have, and what need not be there is added and taken away."""
    window = show(page, at=FIRST)
    kind = window.locator('[data-pointer="/payment"] select.branch')
    kind.select_option(label=next(each for each in kind.locator("option").all_inner_texts() if "ard" in each))
    assert window.locator(field("/payment/reference")).input_value() == "RF-1001"
    assert window.locator(field("/payment/last_digits")).input_value() == ""
    window.get_by_role("button", name="Add Shipping").click()
    assert focused(window) == "/shipping/street"
    window.keyboard.press("Control+z")
    window.get_by_role("button", name="Add Shipping").wait_for()


def test_a_decision_is_undone(show: Show, page: Review, job: Path) -> None:
    """A rejected document says why, and Alt+U opens it again."""
    window = show(page, at=FIRST)
    window.keyboard.press("Alt+r")
    window.keyboard.type("A leaflet")
    window.keyboard.press("Enter")
    window.locator("#name", has_text="invoice-1002").wait_for()
    window.keyboard.press("Alt+u")
    window.locator("#name", has_text="invoice-1001").wait_for()
    window.locator("#progress-text", has_text="0 of 4 reviewed").wait_for()
    with Job(job, create=False) as opened:
        revisions = opened.revisions("invoice-1001.txt")
    assert [(each.decision, each.note) for each in revisions] == [("rejected", "A leaflet"), ("reopened", "")]


def test_two_people(show: Show, page: Review, job: Path) -> None:
    """Who comes second is told what the other did, and can go on with their own on top of it."""
    ana, ben = show(page, at=FIRST), show(page, at=FIRST)
    ben.locator(field("/number")).fill("INV-BEN")
    ben.keyboard.press("Control+Enter")
    ben.locator("#progress-text", has_text="1 of 4").wait_for()
    ana.locator(field("/number")).fill("INV-ANA")
    ana.keyboard.press("Control+Enter")
    dialog = ana.locator("dialog")
    dialog.locator("ins", has_text="INV-BEN").wait_for()
    dialog.get_by_role("button", name="Go on with mine").click()
    ana.locator("body:not(.saving)").wait_for()
    assert ana.locator(field("/number")).input_value() == "INV-ANA"
    ana.keyboard.press("Control+Enter")
    ana.locator("#name", has_text=re.compile("invoice-100[2-9]")).wait_for()  # not the one that ben has open
    with Job(job, create=False) as opened:
        assert [each.data["number"] for each in opened.revisions("invoice-1001.txt")] == ["INV-BEN", "INV-ANA"]


def test_theirs_can_be_taken(show: Show, page: Review) -> None:
    """Who takes what the other did can put their own back."""
    ana, ben = show(page, at=FIRST), show(page, at=FIRST)
    ben.locator(field("/number")).fill("INV-BEN")
    ben.keyboard.press("Control+Enter")
    ben.locator("#progress-text", has_text="1 of 4").wait_for()
    ana.locator(field("/number")).fill("INV-ANA")
    ana.keyboard.press("Control+Enter")
    ana.get_by_role("button", name="Take theirs").click()
    until(ana, "/number", "INV-BEN")
    ana.get_by_role("button", name="Put mine back").click()
    assert ana.locator(field("/number")).input_value() == "INV-ANA"


def test_edits_stay(show: Show, page: Review) -> None:
    """What was not accepted is there again after another document, after Back, and after a reload."""
    window = show(page, at=FIRST)
    window.on("dialog", lambda dialog: dialog.accept())
    window.locator(field("/number")).fill("INV-X")
    window.keyboard.press("Alt+n")
    window.locator("#name", has_text="invoice-1002").wait_for()
    window.go_back()
    window.locator("#name", has_text="invoice-1001").wait_for()
    assert window.locator(field("/number")).input_value() == "INV-X"
    window.reload()
    window.locator("body.ready.unsaved").wait_for()
    assert window.locator(field("/number")).input_value() == "INV-X"


def test_a_request_that_fails_loses_nothing(show: Show, page: Review) -> None:
    """Where the server does not answer, the edit stays, and it is sent again when asked to; two clicks save once."""
    window = show(page, at=FIRST)
    window.locator(field("/number")).fill("INV-Y")
    window.route("**/revisions", lambda route: route.abort())
    window.keyboard.press("Control+Enter")
    window.locator("#loud", has_text="does not answer").wait_for()
    assert window.locator(field("/number")).input_value() == "INV-Y"
    window.unroute("**/revisions")
    window.get_by_role("button", name="Try again").dblclick()
    window.locator("#progress-text", has_text="1 of 4").wait_for()


def test_keys_lead_through_the_doubtful(show: Show, page: Review) -> None:
    """F8 goes through what is doubtful and back, Enter confirms a field, and F1 shows all keys."""
    window = show(page, at=FIRST)
    window.keyboard.press("F8")
    assert focused(window) == "/supplier/country"
    window.locator("#look .done", has_text="Supplier, City").wait_for()
    window.keyboard.press("Enter")
    window.locator("#look .done", has_text="Supplier, Country").wait_for()
    window.keyboard.press("F1")
    window.locator("dialog kbd", has_text="Ctrl+Enter").wait_for()
    window.keyboard.press("Escape")
    window.keyboard.press("Alt+q")
    assert window.locator("#queue-pane a[aria-current]").inner_text().startswith("invoice-1001")


def test_the_queue(show: Show, page: Review) -> None:
    """The queue is narrowed down by what was said, and by name; the address holds it."""
    window = show(page)
    window.locator(".count.n-failed").click()
    window.locator("#name", has_text="invoice-1004").wait_for()
    assert "show=failed" in window.url
    window.keyboard.press("Alt+q")
    window.locator("#show").select_option("all")
    window.locator("#search").fill("1002")
    window.locator(".queue-list:not(:has(li:nth-child(2))) a", has_text="1002").wait_for()
    assert "search=1002" in window.url


def test_pages_of_a_pdf(show: Show, tmp_path: Path) -> None:
    """The pages of a PDF are shown, places in frames, and its words can be selected."""
    pytest.importorskip("pypdfium2")
    with review(printed(tmp_path), Note, documents=[tmp_path]) as page:
        window = show(page)
        window.locator(".box.on").wait_for()
        assert window.evaluate("document.querySelector('.sheet img').decode().then(() => true)")
        window.locator(field("/amount")).focus()
        window.locator('.box.on[data-field="/amount"]').wait_for()
        word = window.locator(".layer span", has_text="187.50").bounding_box()
        frame = window.locator('.box[data-field="/amount"]').bounding_box()
        assert word is not None
        assert frame is not None
        assert abs(word["x"] - frame["x"]) < 3
        assert abs(word["width"] - frame["width"]) < 6
        window.locator(field("/title")).focus()
        window.locator('.box.on[data-field="/title"]').wait_for()
        window.locator(".layer span", has_text="187.50").scroll_into_view_if_needed()
        word = window.locator(".layer span", has_text="187.50").bounding_box()
        assert word is not None
        window.mouse.move(word["x"] + 1, word["y"] + word["height"] / 2)
        window.mouse.down()
        window.mouse.move(word["x"] + word["width"] - 1, word["y"] + word["height"] / 2, steps=4)
        window.mouse.up()
        until(window, "/title", "187.50")


def test_values_are_entered_by_hand_in_the_page(show: Show, tmp_path: Path) -> None:
    """Of documents that nobody was asked for one types the values into an empty form, beside the pages of a scan."""
    pytest.importorskip("pypdfium2")
    (tmp_path / "scan.pdf").write_bytes(pdf([""]))
    with Job(tmp_path / "hand.db") as job:
        run = job.enter(Note, [Input(name="first.txt", document="A note of 7.50"), tmp_path / "scan.pdf"])
        with review(job, Note, run=run, who="ana") as page:
            window = show(page)
            window.locator("#name", has_text="first.txt").wait_for()
            assert focused(window) == "/title"
            assert window.locator(field("/title")).input_value() == ""
            window.keyboard.type("A note")
            window.locator(field("/amount")).fill("7,50")
            window.keyboard.press("Control+Enter")
            window.locator("#name", has_text="scan.pdf").wait_for()
            window.locator("#progress-text", has_text="1 of 2").wait_for()
            window.locator(".sheet img").wait_for()
            assert window.evaluate("document.querySelector('.sheet img').decode().then(() => true)")
            assert window.locator(field("/title")).input_value() == ""
            window.locator(field("/title")).fill("A scan")
            window.keyboard.press("Control+Enter")
            window.locator("#progress-text", has_text="2 of 2").wait_for()
            window.locator("#calm", has_text="last one").wait_for()
        assert [each.value for each in job.records(run)] == [
            {"title": "A note", "amount": "7.50"},
            {"title": "A scan", "amount": None},
        ]


def test_an_extraction_that_has_come_meanwhile(show: Show, page: Review, job: Path) -> None:
    """Who decides something of an earlier extraction is shown the new one, and can put back what they entered."""
    window = show(page, at=FIRST)
    window.locator(field("/number")).fill("INV-ANA")
    with Job(job, create=False) as opened:
        opened.retry(names=["invoice-1001.txt"])
    invoices(job.parent, 4)
    window.keyboard.press("Control+Enter")
    window.locator("#calm", has_text="extracted again meanwhile").wait_for()
    until(window, "/number", "INV-1001")
    window.get_by_role("button", name="Put mine back").click()
    until(window, "/number", "INV-ANA")
    window.keyboard.press("Control+Enter")
    window.locator("#progress-text", has_text="1 of 4").wait_for()


def test_the_queue_says_how_much_there_is_to_check(show: Show, page: Review) -> None:
    """Beside a document stands how many of its values are doubtful, where any is."""
    with Job(page.desk.job.path, create=False) as job:
        while job.score(limit=10):
            pass
        doubtful = {row.name: row.doubtful for row in job.queue(show="all")}
    window = show(page, at=FIRST)
    window.keyboard.press("Alt+q")
    for name, number in doubtful.items():
        row = window.locator(".queue-list a", has_text=name)
        row.wait_for()
        told = row.locator(".row-doubt")
        said = [f"{number} to check"] if number and "1004" not in name else []
        assert told.all_inner_texts() == said


def test_nothing_is_decided_from_the_queue(show: Show, page: Review, job: Path) -> None:
    """In the search Enter opens what is found first, the arrow leads to the list, and no key decides anything."""
    window = show(page, at=FIRST)
    window.keyboard.press("Alt+q")
    window.keyboard.press("Control+Enter")
    window.locator("#calm", has_text="the queue has the focus").wait_for()
    window.keyboard.press("/")
    window.keyboard.type("1002")
    window.keyboard.press("Control+Enter")
    window.keyboard.press("Enter")
    window.locator("#name", has_text="invoice-1002").wait_for()
    window.wait_for_function("document.activeElement.closest('#form')")
    window.locator("#search").focus()
    window.keyboard.press("ArrowDown")
    window.wait_for_function("document.activeElement.matches('.queue-list a')")
    window.keyboard.press("ArrowUp")
    window.wait_for_function("document.activeElement.id === 'search'")
    with Job(job, create=False) as opened:
        assert opened.tally().open == 4


def test_a_search_says_that_it_restricts(show: Show, page: Review) -> None:
    """Where a search is why there is no next document, that is said, and it can be cleared there or by Escape."""
    window = show(page, at="#/2?show=all&order=input&search=1002")
    window.keyboard.press("Alt+n")
    window.locator("#calm", has_text="That was the last one of those found by “1002”.").wait_for()
    window.get_by_role("button", name="Clear the search").click()
    window.locator(".queue-list li").nth(3).wait_for(state="attached")
    assert "search" not in window.url
    window.keyboard.press("Alt+n")
    window.locator("#name", has_text="invoice-1003").wait_for()
    window.keyboard.press("Alt+q")
    window.locator("#search").fill("1002")
    window.locator(".queue-list:not(:has(li:nth-child(2))) a", has_text="1002").wait_for()
    window.keyboard.press("Escape")
    window.locator(".queue-list li").nth(3).wait_for()
    assert window.locator("#search").input_value() == ""


def test_what_was_changed_is_told_as_it_is_now(show: Show, page: Review) -> None:
    """What a person changed is told as changed by them, unless the last check has found something about it."""
    window = show(page, at=FIRST)
    row = window.locator("#look li", has_text="Supplier, City")
    window.locator(field("/supplier/city")).fill("Hamburg")
    row.locator(".why", has_text="changed by you").wait_for()
    window.locator(field("/supplier/city")).fill("Atlantis")
    row.locator(".why", has_text="is not in the document").wait_for()
    assert "done" in (row.get_attribute("class") or "")


def test_an_incomplete_list_is_looked_at_first(show: Show, page: Review) -> None:
    """A list that is known to lack items stands first of what is to be looked at, and leads to where a row is added."""
    window = show(page)

    def lacking(route: Any) -> None:
        answer = route.fetch()
        lists = [{"pointer": "/lines", "message": "incomplete: 5 of 7 items"}]
        route.fulfill(response=answer, json={**answer.json(), "lists": lists})

    window.route("**/api/documents/1", lacking)
    window.goto(page.url.partition("/?")[0] + "/" + FIRST)
    window.reload()
    first = window.locator("#look li").first
    first.get_by_text("incomplete: 5 of 7 items").wait_for()
    assert focused(window) == "/supplier/city"
    first.get_by_role("button", name="Lines").click()
    window.keyboard.press("Alt+a")
    at_last(window, "/lines/5/description")
    window.locator("#look .done", has_text="changed by you").first.wait_for()


@pytest.mark.parametrize("width", [390, 1280])
def test_messages_cover_nothing(show: Show, page: Review, width: int) -> None:
    """A message takes room of its own: neither the form nor the field that has the focus is below it."""
    window = show(page, width, at=FIRST)
    window.set_viewport_size({"width": width, "height": 657})
    for pointer in ("/lines/4/total", "/remarks/0", "/supplier/city"):
        window.locator(field(pointer)).focus()
        window.evaluate("document.activeElement.scrollIntoView({block: 'end'})")
        window.keyboard.press("Alt+u")
        window.locator("#calm", has_text="no decision to undo").wait_for()
        covered = """() => {
            const it = document.activeElement.getBoundingClientRect();
            const pane = document.querySelector('#form-pane').getBoundingClientRect();
            const message = document.querySelector('.message').getBoundingClientRect();
            return [it.bottom <= pane.bottom + 1, pane.bottom <= message.top, message.bottom <= innerHeight];
        }"""
        assert window.evaluate(covered) == [True, True, True]
        window.evaluate("document.querySelector('#calm').replaceChildren()")


def test_what_is_empty_is_not_missing_in_the_document(show: Show, page: Review, tmp_path: Path) -> None:
    """A field without a value is empty, not absent; where values are entered by hand nothing is said of it."""
    window = show(page, at=FIRST)
    window.locator(field("/supplier/country")).fill("")
    window.locator('[data-pointer="/supplier/country"] .sure:not(.s-absent)').wait_for()
    assert "not in the document" not in window.locator('.field[data-pointer="/supplier/country"]').inner_text()
    with Job(tmp_path / "hand.db") as job:
        run = job.enter(Note, [Input(name="first.txt", document="A note")])
        with review(job, Note, run=run, who="ana") as entering:
            window = show(entering)
            window.keyboard.type("A note")
            window.locator('[data-pointer="/title"] .s-exact').wait_for()
            assert window.locator('[data-pointer="/amount"] .sure').inner_text() == ""
            assert window.locator("#look").is_hidden()


def test_rows_come_and_go_on_purpose(show: Show, page: Review) -> None:
    """Enter goes from the end of a row to the next field, and a row that was removed can be put back."""
    window = show(page, at=FIRST)
    window.locator(field("/lines/4/total")).focus()
    window.keyboard.press("Enter")
    assert focused(window) == "/total"
    window.locator(field("/lines/2/description")).focus()
    window.keyboard.press("Alt+Delete")
    window.locator("#calm", has_text="Row 3 removed").wait_for()
    assert window.locator(field("/lines/2/description")).input_value() == "Widget 004"
    window.locator(field("/number")).fill("INV-Z")
    window.locator("#calm").get_by_role("button", name="Undo").click()
    until(window, "/lines/2/description", "Widget 003")
    assert window.locator(field("/number")).input_value() == "INV-Z"


def test_a_document_that_is_not_there(show: Show, page: Review) -> None:
    """The address of a document that is not there leads to the first open one."""
    window = show(page, at="#/0")
    window.get_by_role("button", name="To the first open one").click()
    window.locator("#name", has_text="invoice-").wait_for()


def test_a_failure_is_told_to_a_person(show: Show, page: Review) -> None:
    """What a document failed with is told first; what helps whoever runs this is behind a heading."""
    window = show(page, at="#/4?show=all")
    window.locator("#failure", has_text="It failed: ").wait_for()
    aside = window.locator("#failure details")
    assert not aside.locator("p").is_visible()
    aside.get_by_text("For whoever runs this").click()
    assert aside.locator("p").is_visible()


def test_harm_does_nothing(show: Show, tmp_path: Path) -> None:
    """Whatever stands in a document, a name or a value is shown as it is, and a line of 5 MB leaves the page usable."""
    with review(notes(tmp_path, [HOSTILE, HOSTILE + "x" * 5_000_000]), Note) as page:
        window = show(page, at=FIRST)
        assert "[U+202E]gnp.exe[U+202C] [U+0000]" in window.locator("#text").inner_text()
        assert window.locator("main :is(script, img, iframe)").count() == 0
        window.evaluate("getSelection().selectAllChildren(document.querySelector('#text'))")
        copied = window.evaluate(
            """() => {
                const data = new DataTransfer();
                const copy = new ClipboardEvent('copy', {clipboardData: data, bubbles: true, cancelable: true});
                document.querySelector('#text').dispatchEvent(copy);
                return data.getData('text/plain');
            }"""
        )
        assert copied == HOSTILE
        window.keyboard.press("Alt+n")
        window.get_by_role("button", name="Show more").click()
        window.locator(field("/title")).fill("fine")
        window.locator(field("/title")).press("Control+Enter")
        window.locator("#who").fill("ben")
        window.keyboard.press("Enter")  # nobody was named: who decides is asked
        window.locator("#progress-text", has_text="1 of 2").wait_for()
        assert window.evaluate("window.hurt") is None


@pytest.mark.parametrize("mode", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_use_it(show: Show, page: Review, width: int, mode: str) -> None:
    """No rule for accessibility is broken on any side, and nobody has to scroll sideways."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    window = show(page, width, at=FIRST, color_scheme=mode)
    if width > 900:
        window.keyboard.press("Alt+q")
    sides = ["form", "document", "queue"] if width < 900 else ["form"]
    for side in sides:
        if width < 900:
            window.locator(f"#tab-{side}").click()
        window.locator(f"#{side}-pane").wait_for()
        assert window.evaluate("document.documentElement.scrollWidth") == width
        found = axe.run(window).response["violations"]
        assert not [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]
    window.keyboard.press("F1")
    assert not axe.run(window).response["violations"]


def test_on_a_phone(show: Show, page: Review) -> None:
    """On a phone all sides are a tab away, what is touched is large enough, and a document can be accepted."""
    window = show(page, 390, at=FIRST)
    window.locator(field("/supplier/city")).fill("Hamburg")
    small = window.evaluate(
        """() => [...document.querySelectorAll('button, a, input, select, textarea, summary')]
            .filter(it => it.checkVisibility() && !it.matches('.native, .skip'))
            .filter(it => it.getBoundingClientRect().height < 43.5).map(it => it.outerHTML.slice(0, 120))"""
    )
    assert small == []
    for pointer in ("/remarks/0", "/lines/4/total"):
        box = window.locator(field(pointer)).bounding_box()
        assert box is not None
        assert 0 <= box["x"] < box["x"] + box["width"] <= 390
    window.locator("#tab-document").click()
    window.locator("#text .mark", has_text="INV-1001").click()
    at_last(window, "/number")
    window.locator("#accept").click()
    window.locator("#name", has_text="invoice-1002").wait_for(state="attached")
    window.locator("#progress-text", has_text="1 of 4").wait_for()


def test_numbers_keep_their_digits(show: Show, page: Review) -> None:
    """A number that a browser cannot hold comes and goes as it is written."""
    window = show(page)
    text = "[1, 1.5, 12.50, 12345678901234567890, 0.1]"
    assert window.evaluate("(text) => import('/page/numbers.js').then((it) => it.write(it.parse(text)))", text) == (
        text.replace(" ", "")
    )
    for typed, sent in (("1.10", "1.10"), ("1.918,60", '"1.918,60"'), ("007", '"007"'), ("-3", "-3")):
        assert (
            window.evaluate("(text) => import('/page/numbers.js').then((it) => it.write(it.typed(text)))", typed)
            == sent
        )
