"""A pydantic model and a document in, a validated record out, over any OpenAI-compatible endpoint.

Two lines are all that it takes:

    from extractor import extract
    invoice = extract(Invoice, text)
"""

import importlib as _importlib
import logging as _logging
from typing import TYPE_CHECKING

from extractor.chat.content import Audio, File, Image
from extractor.client import AsyncExtractor, Extractor
from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    BudgetExceeded,
    CallerError,
    ConfigurationError,
    ConnectionFailed,
    ContentFiltered,
    CutOff,
    DeadlineExceeded,
    DocumentError,
    EmptyReply,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    FieldsAbsent,
    MissingExtra,
    NotFound,
    OptionError,
    QuotaExceeded,
    RateLimited,
    Redirected,
    Refused,
    ReplyTooLarge,
    RequestTooLarge,
    SchemaError,
    ServerError,
    StatusError,
    TargetFailed,
    TimedOut,
)
from extractor.extraction import Attempt, Extraction
from extractor.ladder import Step
from extractor.reply.outcome import Outcome
from extractor.reply.repairs import Repair
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.dialects import Dialect, Limits
from extractor.schema.target import FieldError
from extractor.schema.walk import Rewrite
from extractor.shared import aextract, extract

if TYPE_CHECKING:  # for those who use them: see __getattr__
    from extractor.budget import Budget
    from extractor.endpoint.cache import Cache
    from extractor.endpoint.resolve import Fallback
    from extractor.endpoint.routes import RateLimits
    from extractor.prices import Price
    from extractor.reply.partial import UNKNOWN, Partial
    from extractor.watching import Watcher

__version__ = "0.1.0"

_WHERE = {
    "UNKNOWN": "extractor.reply.partial",
    "Budget": "extractor.budget",
    "Cache": "extractor.endpoint.cache",
    "Fallback": "extractor.endpoint.resolve",
    "Partial": "extractor.reply.partial",
    "Price": "extractor.prices",
    "RateLimits": "extractor.endpoint.routes",
    "Watcher": "extractor.watching",
}


def __getattr__(name: str) -> object:
    """What few need, loaded when it is first named: a start stays short."""
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(_importlib.import_module(_WHERE[name]), name)
    return value


_logging.getLogger("extractor").addHandler(_logging.NullHandler())  # quiet until the program says where its log goes

__all__ = [
    "UNKNOWN",
    "Adapted",
    "AsyncExtractor",
    "Attempt",
    "Audio",
    "AuthenticationFailed",
    "BadReply",
    "BadRequest",
    "Budget",
    "BudgetExceeded",
    "Cache",
    "CallerError",
    "ConfigurationError",
    "ConnectionFailed",
    "ContentFiltered",
    "CutOff",
    "DeadlineExceeded",
    "Dialect",
    "DocumentError",
    "EmptyReply",
    "EndpointError",
    "Extraction",
    "ExtractionFailed",
    "Extractor",
    "ExtractorError",
    "Fallback",
    "FieldError",
    "FieldsAbsent",
    "File",
    "Image",
    "Limits",
    "MissingExtra",
    "NotFound",
    "OptionError",
    "Outcome",
    "Partial",
    "Price",
    "QuotaExceeded",
    "RateLimited",
    "RateLimits",
    "Redirected",
    "Refused",
    "Repair",
    "ReplyTooLarge",
    "RequestTooLarge",
    "Rewrite",
    "SchemaError",
    "ServerError",
    "StatusError",
    "Step",
    "TargetFailed",
    "TimedOut",
    "Watcher",
    "adapt",
    "aextract",
    "extract",
]
