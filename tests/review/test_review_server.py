"""The review server, over a real socket of this machine."""

from __future__ import annotations

import json
import sqlite3
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ValidationInfo, field_validator, model_validator

from extractor import Extractor
from extractor.batch.job import Job
from extractor.batch.restoring import evident
from extractor.documents.loaded import Input
from extractor.errors import ConfigurationError, OptionError
from extractor.review import Review, document_cache, review
from extractor.review.idle import QUIET, IdleGate
from extractor.review.presence import Presence
from extractor.testing import FakeEndpoint, Recorded, Reply

sys.path.insert(0, str(Path(__file__).parents[1] / "documents" / "files"))

from made_files import pdf


class Line(BaseModel):
    """One position."""

    text: str
    price: float


class Bill(BaseModel):
    """What is extracted here."""

    number: str
    lines: list[Line] = []
    total: float
    paid: bool | None = None

    @model_validator(mode="after")
    def _adds_up(self) -> Bill:
        if self.lines and sum(each.price for each in self.lines) != self.total:
            raise ValueError("the lines do not add up")
        return self

    @field_validator("number")
    @classmethod
    def _known(cls, number: str, info: ValidationInfo) -> str:
        if number in (info.context or {}).get("known", ()):
            raise ValueError("is known already")
        return number


HOSTILE = "<script>alert(1)</script>\u202e\x00\ud800é\U0001f600.txt"
TEXT = "Bill 7 for <b>Ann</b>\u202e \U0001f600: a lamp 12.50, a chair 100.00. Total 112.50"
DOCUMENTS = [
    Input(name="good", document=TEXT, row={"id": 7, "<i>": "</script>"}),
    Input(name=HOSTILE, document="Bill 8: nothing here. Total 3.00"),
    Input(name="bad", document="bad"),
    Input(name="copy", document=TEXT),
]


def _answer(recorded: Recorded) -> Any:
    document = recorded.body["messages"][-1]["content"]
    if "bad" in document:
        return Reply(content={"number": "9", "total": "much"})
    if "8" in document.partition(":")[0]:
        return {"number": "88", "total": 3}
    lines = [{"text": "lamp", "price": 12.5}, {"text": "chair", "price": 100}]
    return {"number": "7", "lines": lines, "total": 112.5}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A job of four inputs: two are the same, one failed."""
    return _extracted(tmp_path / "bills.db", _answer)


def _extracted(path: Path, answer: Any) -> Path:
    fake = FakeEndpoint(answer, repeat=True)
    with (
        httpx.Client(transport=fake.transport()) as client,
        Extractor("m", base_url="http://fake.test/v1", http_client=client, max_retries=0, api_key="k") as extractor,
        extractor.map(Bill, DOCUMENTS, job=path, concurrency=1) as results,
    ):
        list(results)
    return path


class Person:
    """Somebody's browser at a review."""

    def __init__(self, page: Review, who: str = "ana") -> None:
        self.base = page.url.partition("/?")[0]
        self._client = httpx.Client(base_url=self.base, headers={"X-Reviewer": who})
        assert self._client.get(page.url).status_code == 303

    def get(self, address: str, **params: Any) -> Any:
        """What is answered there."""
        found = self._client.get(address, params=params)
        assert found.status_code == 200, found.text
        return found.json()

    def post(self, address: str, data: Any, status: int = 200, **headers: str) -> Any:
        """What is answered to that."""
        found = self._client.post(address, json=data, headers={"Origin": self.base, **headers})
        assert found.status_code == status, found.text
        return found.json()

    def raw(self, method: str, address: str, **more: Any) -> httpx.Response:
        """Any request."""
        return self._client.request(method, address, **more)

    def close(self) -> None:
        """Go away."""
        self._client.close()


@pytest.fixture
def page(path: Path) -> Iterator[Review]:
    """A review of that job, by its model."""
    with review(path, Bill, context={"known": ["4711"]}) as started:
        yield started


@pytest.fixture
def ana(page: Review) -> Iterator[Person]:
    """Who reviews."""
    person = Person(page)
    yield person
    person.close()


def _ids(person: Person, **params: Any) -> dict[str, int]:
    rows = person.get("/api/queue", show="all", order="input", **params)["rows"]
    return {row["name"]: row["id"] for row in rows}


# --------------------------------------------------------------------------------------------- what there is


def test_the_job_is_told(ana: Person) -> None:
    """The page is told what is reviewed, how it is checked, who reviews, and how far it is."""
    job = ana.get("/api/job")
    assert (job["job"], job["run"], job["target"], job["model"]) == ("bills.db", 1, "Bill", "m")
    assert (job["by_hand"], job["checked_by"], job["notice"], job["who"]) == (False, "model", None, "ana")
    assert [each["name"] for each in job["form"]["root"]["members"]] == ["number", "lines", "total", "paid"]
    assert job["tally"]["all"] == job["tally"]["open"] == 3
    assert job["tally"]["failed"] == 1


def test_the_queue_goes_on_where_it_ended(ana: Person) -> None:
    """The queue has each document once, in pages, and finds names."""
    seen = []
    after = ""
    while True:
        found = ana.get("/api/queue", show="all", order="input", limit=1, after=after)
        seen += [row["name"] for row in found["rows"]]
        after = found["after"]
        if not after:
            break
    assert seen == ["good", HOSTILE, "bad"]
    assert _ids(ana, search="goo").keys() == {"good"}
    assert ana.get("/api/queue", show="all", order="input")["rows"][0]["names"] == 2


def test_the_next_is_found_either_way(ana: Person) -> None:
    """From each document there is one after it and one before it, also when it is decided by then."""
    ids = list(_ids(ana).values())
    order = {"show": "open", "order": "input"}
    assert ana.get("/api/next", **order) == {"id": ids[0]}
    assert ana.get("/api/next", **order, **{"from": ids[0]}) == {"id": ids[1]}
    assert ana.get("/api/next", **order, **{"from": ids[2]}) == {"id": ids[0]}  # is still open
    assert ana.get("/api/next", show="all", order="input", **{"from": ids[2]}) == {"id": None}
    assert ana.get("/api/next", show="all", **{"from": ids[1]})["id"]
    assert ana.get("/api/next", **order, **{"from": ids[2], "step": -1}) == {"id": ids[1]}
    assert ana.get("/api/next", **order, **{"from": ids[0], "step": -1}) == {"id": None}
    ana.post(f"/api/documents/{ids[1]}/revisions", {"based": 0, "decision": "reject"}, 201)
    assert ana.get("/api/next", **order, **{"from": ids[1]}) == {"id": ids[2]}
    assert ana.get("/api/next", **order, **{"from": ids[2], "step": -1}) == {"id": ids[0]}


def test_a_sheet_has_all_of_a_document(ana: Person) -> None:
    """A document comes with its text, its values and where they stand, in characters, whatever is in it."""
    sheet = ana.get(f"/api/documents/{_ids(ana)['good']}")
    assert sheet["names"] == ["good", "copy"]
    assert sheet["row"] == {"id": 7, "<i>": "</script>"}
    assert sheet["data"]["number"] == "7"
    assert sheet["text"]["length"] == len(TEXT)
    assert sheet["text"]["parts"] == [{"start": 0, "text": TEXT}]
    start, end = sheet["fields"]["/lines/0/price"]["spans"][0]
    assert TEXT[start:end] == "12.50"
    assert (sheet["revision"], sheet["decision"], sheet["error"], sheet["has_pages"]) == (0, None, None, False)
    # That a value stands in the document does not say how sure it is.
    assert {each["confidence"] for each in sheet["fields"].values()} == {None}
    assert not [each["why"] for each in sheet["doubtful"] if "confidence" in each["why"]]
    hostile = ana.get(f"/api/documents/{_ids(ana)[HOSTILE]}")
    assert hostile["name"] == HOSTILE
    assert [each["pointer"] for each in hostile["doubtful"] if each["doubt"] == 1] == ["/number"]


def test_a_failed_document_has_what_there_is(ana: Person) -> None:
    """One that failed shows its last value, what was wrong with it, and the error."""
    sheet = ana.get(f"/api/documents/{_ids(ana)['bad']}")
    assert (sheet["state"], sheet["error"]["type"]) == ("failed", "ExtractionFailed")
    assert sheet["data"] == {"number": "9", "total": "much"}
    assert [each["pointer"] for each in sheet["errors"]] == ["/total"]
    assert sheet["doubtful"][0]["pointer"] in ("/number", "/total")


def test_a_part_of_a_text_is_given(ana: Person) -> None:
    """A part of a text is given in characters, and nothing beyond its end."""
    one = _ids(ana)["good"]
    assert ana.get(f"/api/documents/{one}/text", start=0, end=4) == {"start": 0, "text": "Bill"}
    assert ana.get(f"/api/documents/{one}/text", start=10**9, end=10**10)["text"] == ""


def test_the_values_are_exported(ana: Person) -> None:
    """The documents come as CSV and as JSON Lines, with what people said."""
    one = _ids(ana)["good"]
    data = {**ana.get(f"/api/documents/{one}")["data"], "number": "7a"}
    ana.post(f"/api/documents/{one}/revisions", {"based": 0, "decision": "accept", "data": data}, 201)
    lines = ana.raw("GET", "/api/export?format=jsonl")
    assert "attachment" in lines.headers["content-disposition"]
    assert [json.loads(line)["value"]["number"] for line in lines.text.splitlines()[::3]] == ["7a", "7a"]
    assert ana.raw("GET", "/api/export?format=csv").text.startswith("name")
    assert ana.raw("GET", "/api/export?format=exe").status_code == 400


# ------------------------------------------------------------------------------------------ what they enter


def test_what_is_entered_is_mended_and_held_against_the_model(ana: Person) -> None:
    """A value is mended without loss, checked by the model's own validators, and looked for in the document."""
    address = f"/api/documents/{_ids(ana)['good']}/check"
    data = ana.get(address.removesuffix("/check"))["data"]
    found = ana.post(address, {"data": {**data, "total": "112,50"}})
    assert (found["errors"], found["data"]["total"]) == ([], 112.5)
    assert [each["pointer"] for each in found["mended"]] == ["/total"]
    found = ana.post(address, {"data": {**data, "total": 100}})
    assert [each["pointer"] for each in found["errors"]] == [""]
    assert found["errors"][0]["message"] == "the lines do not add up"
    found = ana.post(address, {"data": {**data, "number": "4711"}})
    assert [each["pointer"] for each in found["errors"]] == ["/number"]
    assert found["fields"]["/number"]["status"] == "absent"
    found = ana.post(address, {"data": {**data, "lines": [{"text": "chair"}, *data["lines"]]}})
    assert [each["pointer"] for each in found["errors"]] == ["/lines/0/price"]
    (start, end) = found["fields"]["/lines/0/text"]["spans"][0]
    assert TEXT[start:end] == "chair"
    assert ana.post(address, {})["errors"]


def test_what_is_selected_is_read(ana: Person) -> None:
    """A text that was selected becomes the value of its field."""
    address = f"/api/documents/{_ids(ana)['good']}/read"
    assert ana.post(address, {"pointer": "/total", "text": "EUR 1.918,60"}) == {"value": 1918.6}
    ana.post(address, {"pointer": "/total", "text": "1" * 30_000}, 400)
    ana.post(address, {"pointer": 3, "text": "1"}, 400)


def test_a_person_says_what_is_right(ana: Person, page: Review) -> None:
    """What is accepted as it was is accepted, anything else is corrected; rejected and reopened are kept, too."""
    one = _ids(ana)["good"]
    address = f"/api/documents/{one}/revisions"
    data = ana.get(f"/api/documents/{one}")["data"]
    found = ana.post(address, {"based": 0, "decision": "accept", "data": data}, 201)
    assert (found["revision"]["decision"], found["revision"]["who"], found["revision"]["number"]) == (
        "accepted",
        "ana",
        1,
    )
    assert found["tally"]["accepted"] == 1
    data["number"] = "Bill 7"
    found = ana.post(address, {"based": 1, "decision": "accept", "data": data, "note": "as printed"}, 201)
    assert found["revision"]["decision"] == "corrected"
    assert found["revision"]["changes"] == [{"pointer": "/number", "before": "7", "after": "Bill 7"}]
    sheet = ana.get(f"/api/documents/{one}")
    assert (sheet["data"]["number"], sheet["extracted"]["number"]) == ("Bill 7", "7")
    assert (sheet["decision"], len(sheet["revisions"]), sheet["fields"]["/number"]["status"]) == (
        "corrected",
        2,
        "exact",
    )
    ana.post(address, {"based": 2, "decision": "reopen"}, 201)
    sheet = ana.get(f"/api/documents/{one}")
    assert (sheet["data"]["number"], sheet["decision"], sheet["revision"]) == ("7", None, 3)
    ana.post(address, {"based": 3, "decision": "reject", "note": "blurred"}, 201)
    sheet = ana.get(f"/api/documents/{one}")
    assert (sheet["data"]["number"], sheet["decision"]) == ("7", "rejected")
    assert page.desk.reviewed == {one}


def test_what_does_not_validate_is_not_kept(ana: Person) -> None:
    """A value with errors is refused with their places, and nothing is written."""
    one = _ids(ana)["bad"]
    said = {"based": 0, "decision": "accept", "data": {"number": "9", "total": "much"}}
    found = ana.post(f"/api/documents/{one}/revisions", said, 422)
    assert [each["pointer"] for each in found["errors"]] == ["/total"]
    assert ana.get(f"/api/documents/{one}")["revision"] == 0
    said["data"] = {"number": "9", "total": 4}
    ana.post(f"/api/documents/{one}/revisions", said, 201)
    assert ana.get(f"/api/documents/{one}")["state"] == "done"


def test_two_people_do_not_overwrite_each_other(page: Review, ana: Person) -> None:
    """Of two who say something of the same document at the same time one is told what the other said."""
    ben = Person(page, "b%C3%A9n")
    one = _ids(ana)["good"]
    said = {"based": 0, "decision": "accept", "data": ana.get(f"/api/documents/{one}")["data"]}
    ready = threading.Barrier(2)

    def say(person: Person) -> tuple[int, Any]:
        ready.wait()
        found = person.raw("POST", f"/api/documents/{one}/revisions", json=said, headers={"Origin": ana.base})
        return found.status_code, found.json()

    with ThreadPoolExecutor(2) as pool:
        found = dict(pool.map(say, (ana, ben)))
    assert found.keys() == {201, 409}
    assert found[409]["latest"]["who"] == found[201]["revision"]["who"]
    assert found[409]["latest"]["number"] == 1
    ben.close()


def test_a_sheet_is_of_one_time(ana: Person, page: Review, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody says while a sheet is being made is not taken for seen by who gets that sheet."""
    one = _ids(ana)["good"]
    worked_out = evident

    def slowly(*given: Any) -> Any:
        with Job(path) as job:
            job.correct("good", {"number": "99", "total": 1}, who="ben")
        return worked_out(*given)

    monkeypatch.setattr(document_cache, "evident", slowly)
    sheet = ana.get(f"/api/documents/{one}")
    assert (sheet["data"]["number"], sheet["revision"], sheet["decision"]) == ("7", 0, None)
    said = {"based": sheet["revision"], "attempt": sheet["attempt"], "decision": "accept", "data": sheet["data"]}
    assert ana.post(f"/api/documents/{one}/revisions", said, 409)["latest"]["who"] == "ben"
    sheet = ana.get(f"/api/documents/{one}")
    assert (sheet["data"]["number"], sheet["revision"], sheet["decision"]) == ("99", 1, "corrected")


def test_an_earlier_extraction_is_not_accepted(ana: Person, path: Path) -> None:
    """What was seen before a document was extracted again is not kept over what came since."""
    one = _ids(ana)["good"]
    sheet = ana.get(f"/api/documents/{one}")
    said = {"based": 0, "attempt": sheet["attempt"], "decision": "accept", "data": sheet["data"]}
    with Job(path) as job:
        job.retry(names=["good"])
    _extracted(path, lambda _: {"number": "6", "total": 6})
    found = ana.post(f"/api/documents/{one}/revisions", said, 409)
    assert (found["latest"], "extracted again" in found["error"]) == (None, True)
    ana.post(f"/api/documents/{one}/revisions", {**said, "attempt": "1"}, 400)
    new = ana.get(f"/api/documents/{one}")
    assert (new["data"]["number"], new["attempt"]) == ("6", ana.post(f"/api/documents/{one}/here", {})["attempt"])
    ana.post(f"/api/documents/{one}/revisions", {**said, "attempt": new["attempt"], "data": new["data"]}, 201)


def test_people_see_where_others_are(page: Review, ana: Person) -> None:
    """Who has a document open is told to others, who are led around it, and that somebody has said something."""
    ben = Person(page, "b%C3%A9n")
    ids = list(_ids(ana).values())
    assert ben.post(f"/api/documents/{ids[0]}/here", {})["here"] == []
    found = ana.post(f"/api/documents/{ids[0]}/here", {})
    assert (found["here"], found["latest"], found["decision"]) == (["bén"], 0, None)
    assert ana.get(f"/api/documents/{ids[0]}")["here"] == ["bén"]
    assert ana.get("/api/queue", show="all", order="input")["rows"][0]["here"] == ["bén"]
    ana.post(f"/api/documents/{ids[1]}/here", {})
    assert ben.get("/api/next", show="open", order="input", **{"from": ids[0]}) == {"id": ids[2]}
    ben.post(f"/api/documents/{ids[0]}/revisions", {"based": 0, "decision": "reject", "note": "why"}, 201)
    found = ana.post(f"/api/documents/{ids[0]}/here", {})
    assert (found["latest"], found["decision"], found["who"]) == (1, "rejected", "bén")
    ben.close()


def test_people_are_forgotten() -> None:
    """Of whom nothing was heard for a minute, nobody is told; and nobody is in two places."""
    now = [0.0]
    presence = Presence(lambda: now[0])
    presence.came("ana", 1)
    presence.came("ana", 2)
    assert (presence.here(1), presence.here(2), presence.here(2, but="ana")) == ([], ["ana"], [])
    now[0] = 61.0
    assert presence.here(2) == []
    for number in range(2_000):
        presence.came(str(number), number)
    assert len(presence.everywhere()) == 1_000


def test_work_in_the_background_steps_aside() -> None:
    """It waits while a request is under way or was a moment ago, though not for ever."""
    now = [0.0]
    idle = IdleGate(lambda: now[0])
    assert idle.wait(0)
    idle.begin()
    assert not idle.wait(0)
    idle.end()
    assert not idle.wait(0)
    now[0] += QUIET
    assert idle.wait(0)
    idle.begin()
    waiting = threading.Thread(target=idle.wait, args=(1e6,))
    waiting.start()
    idle.close()
    waiting.join()


# --------------------------------------------------------------------------------------------- who is refused


@pytest.mark.parametrize("address", ["/", "/api/job", "/page/app.js", "/api/documents/1", "/?token=wrong", "/nothing"])
def test_nobody_is_answered_without_the_token(page: Review, address: str) -> None:
    """Without the cookie every address says no, and no more."""
    base = page.url.partition("/?")[0]
    found = httpx.get(base + address)
    assert found.status_code == 403
    assert "token" in found.text
    assert found.headers["referrer-policy"] == "no-referrer"


def test_the_token_leaves_the_address(page: Review) -> None:
    """The address with the token gives a cookie, which scripts cannot read, and leads to one without it."""
    found = httpx.get(page.url)
    assert (found.status_code, found.headers["location"]) == (303, "/")
    assert "HttpOnly; SameSite=Strict" in found.headers["set-cookie"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
def test_foreign_pages_are_refused(ana: Person, headers: dict[str, str], status: int) -> None:
    """A foreign name or page is refused, with the cookie, too."""
    assert ana.raw("GET", "/api/job", headers=headers).status_code == status


def test_what_is_no_request_of_the_page_is_refused(ana: Person) -> None:
    """Other methods, other types, no origin, too large, no JSON, no name: each is refused in words."""
    address = f"/api/documents/{_ids(ana)['good']}/revisions"
    own = {"Origin": ana.base, "Content-Type": "application/json"}
    big = b"x" * 20_000_001
    cases: list[tuple[int, dict[str, Any]]] = [
        (403, {"json": {}}),
        (415, {"data": {"a": "b"}, "headers": {"Origin": ana.base}}),
        (413, {"content": big, "headers": own}),
        (413, {"content": iter([big]), "headers": own}),
        (400, {"content": b"{", "headers": own}),
        (400, {"content": b"[]", "headers": own}),
        (400, {"content": b'{"based": NaN}', "headers": own}),
        (400, {"content": b"[" * 100_000, "headers": own}),
        (400, {"json": {"based": "0", "decision": "accept"}, "headers": own}),
        (400, {"json": {"based": 0, "decision": "maybe"}, "headers": own}),
        (400, {"json": {"based": 0, "decision": "reject"}, "headers": {**own, "X-Reviewer": ""}}),
        (400, {"json": {"based": 0, "decision": "reject", "note": "x" * 20_000}, "headers": own}),
    ]
    for status, more in cases:
        found = ana.raw("POST", address, **more)
        assert found.status_code == status, (more, found.text)
        assert found.json()["error"]
    assert ana.raw("DELETE", address, headers=own).status_code == 405
    for wrong in ("/api/queue?limit=x", "/api/queue?after=x", "/api/queue?show=x", "/api/next?from=-1"):
        assert ana.raw("GET", wrong).status_code == 400, wrong
    for nothing in ("/api/nothing", "/page/..%2fserver.py", "/page/server.py", "/api/documents/99", "/api/documents/x"):
        assert ana.raw("GET", nothing).status_code == 404, nothing


def test_what_cannot_be_counted_with_is_refused(ana: Person) -> None:
    """Numbers beyond all powers, values too deep or too many, documents that cannot be: each is an error in words."""
    address = f"/api/documents/{_ids(ana)['good']}/check"
    own = {"Origin": ana.base, "Content-Type": "application/json"}
    tiny, deep = "1e-99999999999999999999", "[" * 500 + "0.12345678901234567890" + "]" * 500
    cases = [
        (400, f'{{"data": {{"number": "1", "total": {tiny}}}}}'),
        (400, f'{{"data": {{"number": "1", "total": {deep}}}}}'),
        (400, f'{{"data": {deep}}}'),
        (413, json.dumps({"data": {"number": "1", "total": 1, "z": [0] * 100_001}})),
        (413, json.dumps({"data": dict.fromkeys(map(str, range(100_001)))})),
    ]
    for status, content in cases:
        found = ana.raw("POST", address, content=content, headers=own)
        assert (found.status_code, bool(found.json()["error"])) == (status, True), content[:80]
    read = ana.post(address.removesuffix("check") + "read", {"pointer": "/total", "text": tiny})
    assert read == {"value": 0.0}
    for number in ("9" * 20, "9" * 5_000, "x", "-1"):
        assert ana.raw("GET", f"/api/documents/{number}").status_code == 404
        assert ana.raw("GET", address.removesuffix("check") + f"pages/{number}.png").status_code == 404


def test_answers_run_nothing_from_elsewhere(ana: Person) -> None:
    """Every answer has a policy that lets nothing in, and what is in the job is kept by nobody."""
    found = ana.raw("GET", "/api/job")
    assert "default-src 'none'" in found.headers["content-security-policy"]
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["cache-control"] == "no-store"
    assert "server" not in found.headers


def test_the_inside_is_told_to_nobody(ana: Person, page: Review, caplog: pytest.LogCaptureFixture) -> None:
    """What breaks down is logged here, and is words there."""
    page.desk.tally = lambda: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    found = ana.raw("GET", "/api/job")
    assert found.status_code == 500
    assert "Traceback" not in found.text
    assert "ZeroDivisionError" in caplog.text


# ------------------------------------------------------------------------------------- jobs, and their files


def test_without_a_model_the_schema_checks(path: Path) -> None:
    """Where no model is given, the schema in the job judges; whoever started it is told how to give the model."""
    with review(path) as page:
        person = Person(page)
        job = person.get("/api/job")
        assert job["checked_by"] == "schema"
        one = _ids(person)["good"]
        data = person.get(f"/api/documents/{one}")["data"]
        assert person.post(f"/api/documents/{one}/check", {"data": {**data, "total": 1}})["errors"] == []
        assert person.post(f"/api/documents/{one}/check", {"data": {**data, "total": "x"}})["errors"]
        person.close()


def test_another_model_is_refused(path: Path) -> None:
    """A model whose schema is not that of the run cannot judge it."""
    with pytest.raises(OptionError, match="not what run 1"):
        review(path, Line)
    with pytest.raises(OptionError, match="no run 7"):
        review(path, run=7)


def test_a_taken_port_is_said(page: Review, path: Path) -> None:
    """A port that is in use, or none, is an error in words."""
    port = int(page.url.partition("127.0.0.1:")[2].partition("/")[0])
    with pytest.raises(ConfigurationError, match="cannot be used"):
        review(path, port=port)
    with pytest.raises(OptionError):
        review(path, port=70_000)
    with pytest.raises(OptionError):
        review(path, host="no host")


@pytest.mark.parametrize("harm", ["data = x'7b62726f'", """evidence = CAST('{"chunks": [{}]}' AS BLOB)"""])
def test_a_damaged_document_is_an_error_in_words(path: Path, harm: str) -> None:
    """A job that somebody has spoiled is told to be so, document by document, and others can be reviewed."""
    with Job(path) as job:
        number = job.queue(show="all", order="input")[0].document
    with sqlite3.connect(path) as connection:
        connection.execute(f"UPDATE finish SET {harm} WHERE document = ?", (number,))
    connection.close()
    with review(path, Bill) as page:
        person = Person(page)
        found = person.raw("GET", f"/api/documents/{number}")
        assert found.status_code == 500
        assert "is damaged" in found.json()["error"]
        assert person.get(f"/api/documents/{number + 1}")
        person.close()


def test_values_are_entered_by_hand(tmp_path: Path) -> None:
    """Documents of which nothing was asked have an empty form; what is entered is their value."""
    with Job(tmp_path / "hand.db") as job:
        run = job.enter(Bill, ["Bill 3 of 2.00"])
        with review(job, Bill, run=run, who="ana") as page:
            person = Person(page, "")
            assert person.get("/api/job")["by_hand"]
            (one,) = _ids(person).values()
            sheet = person.get(f"/api/documents/{one}")
            assert sheet["data"] == {"number": "", "total": None}
            assert (sheet["doubtful"], sheet["state"]) == ([], "pending")
            data = {"number": "3", "total": "2.00"}
            found = person.post(f"/api/documents/{one}/check", {"data": data})
            assert (found["errors"], found["doubtful"]) == ([], [])
            person.post(
                f"/api/documents/{one}/revisions", {"based": 0, "decision": "accept", "data": found["data"]}, 201
            )
            person.close()
        assert [record.value for record in job.records(run)] == [
            {"number": "3", "lines": [], "total": 2.0, "paid": None}
        ]


def test_pages_are_shown(tmp_path: Path) -> None:
    """A PDF has its pages beside its text, as images and as lines with places; what is not there is an error."""
    (tmp_path / "a.pdf").write_bytes(pdf())
    with Job(tmp_path / "hand.db") as job:
        run = job.enter(Bill, [tmp_path / "a.pdf"])
        with review(job, Bill, run=run) as page:
            person = Person(page)
            (one,) = _ids(person).values()
            address = f"/api/documents/{one}"
            assert person.get(address)["has_pages"]
            pages = person.get(f"{address}/pages")["pages"]
            assert [each["number"] for each in pages] == [1, 2, 3]
            image = person.raw("GET", f"{address}/pages/2.png?width=300")
            assert (image.status_code, image.headers["content-type"]) == (200, "image/png")
            assert person.get(f"{address}/pages/1")["lines"][0]["start"] == 0
            assert person.raw("GET", f"{address}/pages/9.png").status_code == 400
            assert person.raw("GET", f"{address}/pages/1.png?width=x").status_code == 400
            person.close()


def test_too_many_fields_in_an_address_are_refused(page: Review) -> None:
    """An address with very many fields and no token is refused like any other without one."""
    fields = "&".join(f"a={number}" for number in range(200))
    assert httpx.get(f"{page.url.partition('?')[0]}?{fields}").status_code == 403


def test_who_does_not_say_their_name_is_who_started_it(path: Path) -> None:
    """Whoever gives no name has that of the review, and does not stand in their own way."""
    with review(path, Bill, who="ana") as started:
        ana = Person(started, who="")
        one = _ids(ana)["good"]
        ana.post(f"/api/documents/{one}/here", {})
        assert ana.get(f"/api/documents/{one}")["here"] == []
        assert all(row["here"] == [] for row in ana.get("/api/queue", show="all")["rows"])
        assert ana.get("/api/next", show="all", order="input")["id"] == one
        ana.close()


def test_a_time_that_there_is_not_is_left_out(ana: Person, path: Path) -> None:
    """A revision whose time is damaged is shown without one."""
    one = _ids(ana)["good"]
    ana.post(f"/api/documents/{one}/revisions", {"based": 0, "decision": "reject"}, 201)
    with sqlite3.connect(path) as connection:
        assert connection.execute("update revision set made = 1e300").rowcount == 1
    connection.close()
    assert ana.get(f"/api/documents/{one}")["revisions"][0]["made"] is None
