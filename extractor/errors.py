"""Every error this library raises, typed by whose fault it is.

    ExtractorError
    ├── CallerError                the call is wrong; nothing was sent, but for the last of these
    │   ├── ConfigurationError     no endpoint, no key, an unknown name
    │   │   └── MissingExtra       an optional package is not installed
    │   ├── OptionError            a request field out of its range
    │   ├── SchemaError            the target cannot be asked for
    │   ├── DocumentError          the document cannot be read or is empty
    │   │   ├── DocumentEncrypted      it wants a password
    │   │   ├── DocumentDamaged        its content is not what its kind promises
    │   │   ├── DocumentRejected       a person said that it is of no use
    │   │   ├── DocumentTooLarge       its size, its pages, or what it unpacks to; or reading it took too long
    │   │   └── DocumentUnsupported    nobody here can read its kind
    │   ├── JobError               the file of a job cannot be used
    │   │   └── Overtaken              somebody else has said something of the document meanwhile
    │   └── TargetFailed           a validator of the target broke down
    ├── EndpointError              the network's or the server's fault
    │   ├── ConnectionFailed       nobody answered there
    │   ├── TimedOut               somebody did not answer in time
    │   │   └── DeadlineExceeded       the time for the whole call ran out
    │   ├── BadReply               an answer that is no chat completion
    │   │   └── ReplyTooLarge          … or does not end
    │   └── StatusError            the endpoint refused, with a status
    │       ├── Redirected             3xx: it wants to be asked elsewhere
    │       ├── BadRequest             400, 422
    │       ├── AuthenticationFailed   401, 403
    │       ├── QuotaExceeded          402
    │       ├── NotFound               404
    │       ├── RequestTooLarge        413
    │       ├── RateLimited            429
    │       └── ServerError            5xx
    └── ExtractionFailed           the model never gave a conforming reply
        ├── Refused                    it declined
        ├── ContentFiltered            the endpoint's filter stopped it
        ├── CutOff                     it ran into the token limit
        ├── EmptyReply                 it said nothing
        ├── BudgetExceeded             to ask on would cost more than the caller allows
        ├── FieldsAbsent               the document lacks required fields, as was allowed
        └── ChunksFailed               some chunks of a long document could not be read

An error carries its evidence as attributes, survives pickling with it, and ends with what to do
next (`hint`). No API key and no document text is ever part of a message.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Context, Decimal, localcontext
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from extractor.batch.record import Revision
    from extractor.chat.wire import Usage
    from extractor.loop.ladder import Step
    from extractor.result import Attempt
    from extractor.schema.checked import FieldError

__all__ = [
    "AuthenticationFailed",
    "BadReply",
    "BadRequest",
    "BudgetExceeded",
    "CallerError",
    "ChunksFailed",
    "ConfigurationError",
    "ConnectionFailed",
    "ContentFiltered",
    "CutOff",
    "DeadlineExceeded",
    "DocumentDamaged",
    "DocumentEncrypted",
    "DocumentError",
    "DocumentRejected",
    "DocumentTooLarge",
    "DocumentUnsupported",
    "EmptyReply",
    "EndpointError",
    "ExtractionFailed",
    "ExtractorError",
    "FieldsAbsent",
    "JobError",
    "MissingExtra",
    "NotFound",
    "OptionError",
    "Overtaken",
    "QuotaExceeded",
    "RateLimited",
    "Redirected",
    "Refused",
    "ReplyTooLarge",
    "RequestTooLarge",
    "SchemaError",
    "ServerError",
    "StatusError",
    "TargetFailed",
    "TimedOut",
]


class ExtractorError(Exception):
    """Base of everything that this library raises.

    `message` is one sentence about what happened, `hint` one about what to do next (may be "").
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()

    def __reduce__(self) -> tuple[Any, ...]:
        # Keyword-only evidence would be lost by Exception's own way of pickling.
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(kind: type[ExtractorError], args: tuple[Any, ...], evidence: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    error.__dict__.update(evidence)
    return error


# ------------------------------------------------------------------------------ the caller's fault


class CallerError(ExtractorError):
    """The call itself is wrong. Nothing was sent (see `TargetFailed` for the one exception)."""


class ConfigurationError(CallerError):
    """No endpoint could be made of the arguments and the environment."""


class MissingExtra(ConfigurationError):
    """An optional package is needed; the hint is the command that installs it."""


class OptionError(CallerError):
    """A request field has a wrong type, is out of range, or lacks its companion.

    `option` is the field's name on the wire.
    """

    def __init__(self, message: str, *, option: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.option = option


class SchemaError(CallerError):
    """The target cannot be turned into a schema. `pointer` is the JSON pointer of the place."""

    def __init__(self, message: str, *, pointer: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.pointer = pointer


class DocumentError(CallerError):
    """The document is empty or cannot be read."""


class DocumentEncrypted(DocumentError):
    """The document can only be read with a password."""


class DocumentDamaged(DocumentError):
    """The document is not what its name or its first bytes promise, or it breaks off."""


class DocumentTooLarge(DocumentError):
    """The document is larger than allowed: its bytes, its pages, what it unpacks to, or what reading it takes."""


class DocumentRejected(DocumentError):
    """A person who looked at the document said that it is of no use; why is in the message."""


class DocumentUnsupported(DocumentError):
    """The document is of a kind that cannot be read."""


class JobError(CallerError):
    """The file of a job cannot be used: it is no job, is damaged, may not be written, or there is no room for it.

    What was in it is still there.
    """


class Overtaken(JobError):
    """Somebody has said something of a document that you had not seen: what you say is not written.

    `latest` is what they said, a `Revision`. Look at it, and say yours `based` on its number.
    """

    def __init__(self, message: str, *, latest: Revision, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.latest = latest


class TargetFailed(CallerError):
    """A validator of the target raised something other than `ValueError` or `AssertionError`, which are how it
    says that a value is wrong. What it raised is the `__cause__`.

    `attempts` are the requests that had been answered by then, the last one included.
    """

    attempts: tuple[Attempt, ...] = ()


def _cost(error: EndpointError | ExtractionFailed) -> Decimal | None:
    if "_known" in error.__dict__:  # of one that was read from a job, which has the attempts
        kept: Decimal | None = error.__dict__["_known"]["cost"]
        return kept
    costs = [attempt.cost for attempt in error.attempts]
    known = [cost for cost in costs if cost is not None]
    with localcontext(Context(prec=40)):  # as for all sums of money: whatever the caller's own rounds to
        return sum(known, Decimal(0)) if len(known) == len(costs) else None


# ----------------------------------------------------------------- the network's or server's fault


class EndpointError(ExtractorError):
    """The request was sent, or tried, and no chat completion came back. `url` was asked, `body` is the
    beginning of what had arrived.

    It is `unsent` where nobody was there to take it, and `lasting` where it would fail in the same way again.
    `retries` are the failures of the same request before this one. `attempts` are the requests of the
    same extraction that had been answered before, so that what they cost is not lost; `steps` those that were
    refused, and asked in another way; `failures` what came of other endpoints before (`fallbacks`).
    """

    unsent: bool = False
    lasting: bool = False
    retries: tuple[EndpointError, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    steps: tuple[Step, ...] = ()
    failures: tuple[ExtractorError, ...] = ()

    def __init__(self, message: str, *, url: str = "", body: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.url = url
        self.body = body

    @property
    def cost(self) -> Decimal | None:
        """What its attempts cost, in US dollars; None where that is not known of one of them."""
        return _cost(self)


class ConnectionFailed(EndpointError):
    """No connection, or it broke before the reply was complete."""


class TimedOut(EndpointError):
    """The time allowed for connecting, for silence, or for the whole call ran out."""


class DeadlineExceeded(TimedOut):
    """The time for the whole call (`deadline`) ran out, waits and everything else included."""


class BadReply(EndpointError):
    """A successful status with a body that is no chat completion."""


class ReplyTooLarge(BadReply):
    """A body larger than any completion, or a line of a stream that does not end."""


class StatusError(EndpointError):
    """The endpoint refused.

    `status` is the HTTP status (also where the error came inside a 200), `code`, `type` and `param`
    are what the body said ("" where it did not), `headers` the reply's. `retry_after` are the seconds to wait
    that it asked for (None where it did not). `said` are its own words, which may quote the document: the message
    has them without.
    """

    said: str = ""

    def __init__(
        self,
        message: str,
        *,
        status: int,
        url: str = "",
        code: str = "",
        type: str = "",  # noqa: A002  # as on the wire
        param: str = "",
        body: str = "",
        headers: Mapping[str, str] | None = None,
        retry_after: float | None = None,
        hint: str = "",
    ) -> None:
        super().__init__(message, url=url, body=body, hint=hint)
        self.status = status
        self.code = code
        self.type = type
        self.param = param
        self.headers = dict(headers or {})
        self.retry_after = retry_after


class Redirected(StatusError):
    """The endpoint wants to be asked elsewhere. Nobody is: key and document would go along."""


class BadRequest(StatusError):
    """The endpoint does not accept something in the request."""


class AuthenticationFailed(StatusError):
    """The key is missing, wrong, or not allowed to do this."""


class QuotaExceeded(StatusError):
    """The account has no money or credits left."""


class NotFound(StatusError):
    """No such model or no such address."""


class RequestTooLarge(StatusError):
    """The request is larger than the endpoint takes."""


class RateLimited(StatusError):
    """Too many requests."""


class ServerError(StatusError):
    """The endpoint failed."""


# ------------------------------------------------------------------------------- the model's fault


class ExtractionFailed(ExtractorError):
    """No reply conformed within the limit. Nothing that came back is lost.

    `attempts` are all requests, replies and what was wrong with them; `value` is the last JSON
    value read (plain data, None where none was readable), `errors` what is wrong with it, `usage`
    the tokens of all attempts together. `steps` are requests that the endpoint refused before, `failures` what
    came of other endpoints before (`fallbacks`).
    """

    steps: tuple[Step, ...] = ()
    failures: tuple[ExtractorError, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        attempts: tuple[Attempt, ...],
        value: Any,
        errors: tuple[FieldError, ...],
        usage: Usage,
        hint: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.attempts = attempts
        self.value = value
        self.errors = errors
        self.usage = usage

    @property
    def cost(self) -> Decimal | None:
        """What its attempts cost, in US dollars; None where that is not known of one of them."""
        return _cost(self)


class Refused(ExtractionFailed):
    """The model declined to answer."""


class ContentFiltered(ExtractionFailed):
    """The endpoint's content filter stopped the reply."""


class CutOff(ExtractionFailed):
    """The reply ran into the token limit before it was complete (thinking counts)."""


class EmptyReply(ExtractionFailed):
    """The reply had no content."""


class BudgetExceeded(ExtractionFailed):
    """The next request may cost more than is left of the `Budget`: it was not sent. What came before is here."""


class FieldsAbsent(ExtractionFailed):
    """The document lacks required fields, which `absent="allow"` allowed: there is no whole value to return.

    `value` is what there is (plain data), `errors` say which fields are missing. `run` returns all of it
    without raising.
    """


class ChunksFailed(ExtractionFailed):
    """Some chunks of a long document could not be read: what stands there is not in `value` (plain data).

    `failures` are what they failed with. `run` returns all of it without raising, and `chunks` with the places.
    """
