"""The addresses of the review server: what a request asks for, handed to the desk, and answered as JSON.

Whoever gets here has been let in by the guard. Errors are words for a person; how the program looks inside is told to
nobody.
"""

from __future__ import annotations

import json
import logging
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic_core import to_json

from extractor.batch.revisions import ExtractedAnew
from extractor.errors import DocumentError, ExtractorError, MissingExtra, OptionError, Overtaken
from extractor.review.desk import Desk, Invalid
from extractor.review.document_cache import Missing
from extractor.review.guard import Guard, Guarded, TooLong
from extractor.review.pictures import Pictures
from extractor.review.renderer import Busy
from extractor.review.request_fields import BadRequest, body, cursor, number_at, place, shown, text_in, who, whole
from extractor.review.sheet import shown_revision

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


__all__ = ["application"]

PAGE = Path(__file__).parent / "page"
_KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_NAME = re.compile(r"[a-z][a-z0-9_-]*\.[a-z]+")
LIMIT = 200  # rows of the queue that are given at once
_log = logging.getLogger("extractor.review")

Work: TypeAlias = "Callable[[Request], Any]"


def application(desk: Desk, pictures: Pictures | None, guard: Guard) -> Any:
    """The ASGI application, guarded. Raises `MissingExtra`."""
    try:
        from starlette.applications import Starlette
        from starlette.routing import Route
    except ImportError:
        raise missing("starlette") from None
    routes = [
        Route(path, _answering(work), methods=[method]) for method, path, work in _Addresses(desk, pictures).table()
    ]
    return Guarded(Starlette(routes=routes, exception_handlers={404: _not_there, 405: _not_there}), guard)


def missing(package: str) -> MissingExtra:
    """The error for a package of the extra that is not there."""
    return MissingExtra(f"Reviewing needs the package {package}.", hint='Run: pip install "extractor[review]"')


async def _not_there(request: Request, error: Any) -> Response:
    return _json({"error": "There is nothing at this address.", "hint": ""}, error.status_code)


def _answering(work: Work) -> Callable[[Request], Awaitable[Response]]:
    """An endpoint that does its work in a thread, and answers what went wrong in words."""
    from starlette.concurrency import run_in_threadpool

    async def answer(request: Request) -> Response:
        try:
            if request.method == "POST":
                await request.body()  # which is kept, and so is there for the thread
            return await run_in_threadpool(_answered, work, request)
        except TooLong:
            return _json({"error": "That is too much at once.", "hint": ""}, 413)

    return answer


def _answered(work: Work, request: Request) -> Response:
    from starlette.responses import Response

    try:
        found = work(request)
        return found if isinstance(found, Response) else _json(found)
    except Exception as error:  # noqa: BLE001  # whatever it is, the person gets words, and no inside of ours
        status, said = _said(error)
        return _json(said, status)


CONFLICT = 409
_STATUSES: tuple[tuple[type[ExtractorError], int], ...] = (
    (Overtaken, CONFLICT),
    (ExtractedAnew, CONFLICT),
    (Busy, 503),
    (OptionError, 400),
    (DocumentError, 400),
    (ExtractorError, 500),
)
"""The status for each kind of error: the first that fits counts."""


def _said(error: Exception) -> tuple[int, dict[str, Any]]:
    """The status of an error, and what is said."""
    if isinstance(error, BadRequest):
        return error.status, {"error": error.error, "hint": error.hint}
    if isinstance(error, Missing):
        return 404, {"error": "There is no such document in this run.", "hint": ""}
    if isinstance(error, Invalid):
        return 422, {"errors": list(error.errors)}
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            more = {"latest": shown_revision(error.latest) if isinstance(error, Overtaken) else None}
            return status, {"error": error.message, "hint": error.hint, **(more if status == CONFLICT else {})}
    _log.error("The review server failed.", exc_info=error)
    return 500, {"error": f"Something went wrong here ({type(error).__name__}).", "hint": "It was logged."}


def _json(data: Any, status: int = 200) -> Response:
    from starlette.responses import Response

    try:
        raw = to_json(data, inf_nan_mode="null")
    except ValueError:  # half a character, for which JSON has an escape
        raw = json.dumps(_finite(data)).encode()
    return Response(raw, status, media_type="application/json")


def _finite(data: Any) -> Any:
    """The same without numbers that JSON does not have."""
    if isinstance(data, dict):
        return {str(key): _finite(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [_finite(value) for value in data]
    if isinstance(data, float) and data - data != 0:
        return None
    return data if isinstance(data, (str, int, float, bool, type(None))) else str(data)


# --------------------------------------------------------------------------------------------- the addresses


class _Addresses:
    """What is done at each address."""

    def __init__(self, desk: Desk, pictures: Pictures | None) -> None:
        self._desk, self._pictures = desk, pictures
        self._assets = {
            each.name: each for each in PAGE.glob("*") if _NAME.fullmatch(each.name) and each.suffix in _KINDS
        }

    def table(self) -> list[tuple[str, str, Work]]:
        """Method, path, and what is done there."""
        one = "/api/documents/{id}"
        return [
            ("GET", "/", self._index),
            ("GET", "/page/{name}", self._asset),
            ("GET", "/api/job", self._job),
            ("GET", "/api/queue", self._queue),
            ("GET", "/api/next", self._next),
            ("GET", "/api/export", self._export),
            ("GET", one, self._sheet),
            ("GET", one + "/text", self._text),
            ("GET", one + "/pages", self._pages),
            ("GET", one + "/pages/{number}.png", self._picture),
            ("GET", one + "/pages/{number}", self._lines),
            ("POST", one + "/check", self._check),
            ("POST", one + "/read", self._read),
            ("POST", one + "/revisions", self._revise),
            ("POST", one + "/here", self._here),
        ]

    def _index(self, request: Request) -> Any:
        return self._file("index.html")

    def _asset(self, request: Request) -> Any:
        return self._file(request.path_params["name"])

    def _file(self, name: str) -> Any:
        from starlette.responses import Response

        path = self._assets.get(name)
        if path is None:
            raise BadRequest(404, "There is nothing at this address.")
        return Response(path.read_bytes(), headers={"Content-Type": _KINDS[path.suffix]})

    def _job(self, request: Request) -> Any:
        return self._desk.about(who(request))

    def _queue(self, request: Request) -> Any:
        given = request.query_params
        limit = whole(given.get("limit", "50"), "limit", 1, LIMIT)
        found = self._desk.queue(**shown(given), after=place(given.get("after", "")), limit=limit, who=who(request))
        return {**found, "after": None if found["after"] is None else cursor(found["after"])}

    def _next(self, request: Request) -> Any:
        given = request.query_params
        come_from = given.get("from", "")
        number = whole(come_from, "from", 0, 2**63 - 1) if come_from else None
        step = whole(given.get("step", "1"), "step", -1, 1)
        return self._desk.next(**shown(given), come_from=number, step=step, who=who(request))

    def _sheet(self, request: Request) -> Any:
        document = number_at(request)
        has_pages = self._pictures is not None and self._pictures.has_pages(*self._desk.named_record(document))
        return self._desk.sheet(document, who(request), has_pages=has_pages)

    def _text(self, request: Request) -> Any:
        given = request.query_params
        start, end = (whole(given.get(name, "0"), name, 0, 2**53) for name in ("start", "end"))
        return self._desk.text(number_at(request), start, end)

    def _pages(self, request: Request) -> Any:
        if self._pictures is None:
            return {"pages": [], "notice": None}
        return self._pictures.pages(*self._desk.named_record(number_at(request)))

    def _picture(self, request: Request) -> Any:
        from starlette.responses import Response

        if self._pictures is None:
            raise BadRequest(404, "There are no pages here.")
        width = whole(request.query_params.get("width", "1200"), "width", 1, 10_000)
        record, names = self._desk.named_record(number_at(request))
        data, media_type = self._pictures.picture(record, number_at(request, "number"), width, names)
        return Response(data, headers={"Content-Type": media_type, "Cache-Control": "private, max-age=3600"})

    def _lines(self, request: Request) -> Any:
        if self._pictures is None:
            raise BadRequest(404, "There are no pages here.")
        record, names = self._desk.named_record(number_at(request))
        return self._pictures.lines(record, number_at(request, "number"), names)

    def _check(self, request: Request) -> Any:
        return self._desk.check(number_at(request), body(request).get("data"))

    def _read(self, request: Request) -> Any:
        given = body(request)
        return self._desk.read(number_at(request), text_in(given, "pointer"), text_in(given, "text"))

    def _revise(self, request: Request) -> Any:
        given = body(request)
        based, attempt = given.get("based"), given.get("attempt")
        if isinstance(based, bool) or not isinstance(based, int):
            raise BadRequest(400, "based must be the number of a revision; 0 for none.")
        if isinstance(attempt, bool) or not isinstance(attempt, int | None):
            raise BadRequest(400, "attempt must be the number of an extraction.")
        if not who(request) and not self._desk.who:
            raise BadRequest(400, "Say who you are first.")
        found = self._desk.revise(
            number_at(request),
            decision=text_in(given, "decision"),
            data=given.get("data"),
            note=text_in(given, "note", ""),
            based=based,
            attempt=attempt,
            who=who(request),
        )
        return _json(found, 201)

    def _here(self, request: Request) -> Any:
        return self._desk.here(number_at(request), who(request))

    def _export(self, request: Request) -> Any:
        from starlette.background import BackgroundTask
        from starlette.responses import FileResponse

        kind = request.query_params.get("format", "csv")
        if kind not in ("csv", "jsonl"):
            raise BadRequest(400, "format must be csv or jsonl.")
        folder = tempfile.TemporaryDirectory(prefix="extractor-review-")
        path = Path(folder.name) / f"values.{kind}"
        try:
            self._desk.job.export(path, kind, run=self._desk.run)
        except BaseException:
            folder.cleanup()
            raise
        name = re.sub(r"[^\w.-]", "_", self._desk.job.path.stem)[:100]
        media_type = "text/csv; charset=utf-8" if kind == "csv" else "application/x-ndjson"
        return FileResponse(
            path, media_type=media_type, filename=f"{name}.{kind}", background=BackgroundTask(folder.cleanup)
        )
