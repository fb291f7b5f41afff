"""A pydantic model and a document in, a validated record out, over any OpenAI-compatible endpoint.

Two lines are all that it takes:

    from extractor import extract
    invoice = extract(Invoice, text)
"""

from extractor.chat.content import Audio, File, Image
from extractor.client import AsyncExtractor, Extractor
from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    CallerError,
    ConfigurationError,
    ConnectionFailed,
    ContentFiltered,
    CutOff,
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
    Refused,
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
from extractor.reply.partial import UNKNOWN, Partial
from extractor.reply.repairs import Repair
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.dialects import Dialect, Limits
from extractor.schema.target import FieldError
from extractor.schema.walk import Rewrite
from extractor.shared import aextract, extract

__version__ = "0.1.0"

__all__ = [
    "UNKNOWN",
    "Adapted",
    "AsyncExtractor",
    "Attempt",
    "Audio",
    "AuthenticationFailed",
    "BadReply",
    "BadRequest",
    "CallerError",
    "ConfigurationError",
    "ConnectionFailed",
    "ContentFiltered",
    "CutOff",
    "Dialect",
    "DocumentError",
    "EmptyReply",
    "EndpointError",
    "Extraction",
    "ExtractionFailed",
    "Extractor",
    "ExtractorError",
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
    "QuotaExceeded",
    "RateLimited",
    "Refused",
    "Repair",
    "RequestTooLarge",
    "Rewrite",
    "SchemaError",
    "ServerError",
    "StatusError",
    "Step",
    "TargetFailed",
    "TimedOut",
    "adapt",
    "aextract",
    "extract",
]
