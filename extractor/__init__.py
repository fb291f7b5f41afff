"""A pydantic model and a document in, a validated record out, over any OpenAI-compatible endpoint.

Two lines are all that it takes:

    from extractor import extract
    invoice = extract(Invoice, text)
"""

import importlib as _importlib
import logging as _logging
from typing import TYPE_CHECKING

from extractor.async_client import AsyncExtractor, aextract
from extractor.chat.content import Audio, File, Image
from extractor.client import Extractor, extract
from extractor.errors import (
    AuthenticationFailed,
    BadReply,
    BadRequest,
    BudgetExceeded,
    CallerError,
    ChunksFailed,
    ConfigurationError,
    ConnectionFailed,
    ContentFiltered,
    CutOff,
    DeadlineExceeded,
    DocumentDamaged,
    DocumentEncrypted,
    DocumentError,
    DocumentRejected,
    DocumentTooLarge,
    DocumentUnsupported,
    EmptyReply,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    FieldsAbsent,
    JobError,
    MissingExtra,
    NotFound,
    OptionError,
    Overtaken,
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
from extractor.evidence.field import Span
from extractor.loop.ladder import Step
from extractor.reply.outcome import Outcome
from extractor.reply.repairs import Repair
from extractor.result import Attempt, ChunkResult, DocumentResult, Extraction
from extractor.schema.adapt import Adapted, adapt
from extractor.schema.checked import FieldError
from extractor.schema.dialects import Dialect, Limits
from extractor.schema.marks import Grounded, Inferred, Merge
from extractor.schema.walk import Rewrite

if TYPE_CHECKING:  # for those who use them: see __getattr__
    from extractor.batch.job import Job
    from extractor.budget import Budget
    from extractor.documents.chunking import Chunking
    from extractor.documents.files.limits import FileLimits
    from extractor.documents.inputs import inputs
    from extractor.documents.load import load
    from extractor.documents.loaded import Input, Loaded
    from extractor.documents.merging import Conflict
    from extractor.endpoint.cache import Cache
    from extractor.endpoint.resolve import Fallback
    from extractor.endpoint.routes import RateLimits
    from extractor.evaluation.evaluating import evaluate
    from extractor.evaluation.evaluation import Evaluation
    from extractor.evidence.calibration import Calibration, calibrate
    from extractor.evidence.completeness import Gap, ListReport
    from extractor.examples.nearest import Examples
    from extractor.prices import Price
    from extractor.reply.partial import UNKNOWN, Partial
    from extractor.watching import Watcher

__version__ = "0.1.0"

_WHERE = {
    "UNKNOWN": "extractor.reply.partial",
    "Budget": "extractor.budget",
    "Cache": "extractor.endpoint.cache",
    "Calibration": "extractor.evidence.calibration",
    "Chunking": "extractor.documents.chunking",
    "Conflict": "extractor.documents.merging",
    "Evaluation": "extractor.evaluation.evaluation",
    "Examples": "extractor.examples.nearest",
    "Fallback": "extractor.endpoint.resolve",
    "Gap": "extractor.evidence.completeness",
    "Input": "extractor.documents.loaded",
    "Job": "extractor.batch.job",
    "FileLimits": "extractor.documents.files.limits",
    "ListReport": "extractor.evidence.completeness",
    "Loaded": "extractor.documents.loaded",
    "Partial": "extractor.reply.partial",
    "Price": "extractor.prices",
    "RateLimits": "extractor.endpoint.routes",
    "Watcher": "extractor.watching",
    "calibrate": "extractor.evidence.calibration",
    "evaluate": "extractor.evaluation.evaluating",
    "inputs": "extractor.documents.inputs",
    "load": "extractor.documents.load",
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
    "Calibration",
    "CallerError",
    "ChunkResult",
    "Chunking",
    "ChunksFailed",
    "ConfigurationError",
    "Conflict",
    "ConnectionFailed",
    "ContentFiltered",
    "CutOff",
    "DeadlineExceeded",
    "Dialect",
    "DocumentDamaged",
    "DocumentEncrypted",
    "DocumentError",
    "DocumentRejected",
    "DocumentResult",
    "DocumentTooLarge",
    "DocumentUnsupported",
    "EmptyReply",
    "EndpointError",
    "Evaluation",
    "Examples",
    "Extraction",
    "ExtractionFailed",
    "Extractor",
    "ExtractorError",
    "Fallback",
    "FieldError",
    "FieldsAbsent",
    "File",
    "FileLimits",
    "Gap",
    "Grounded",
    "Image",
    "Inferred",
    "Input",
    "Job",
    "JobError",
    "Limits",
    "ListReport",
    "Loaded",
    "Merge",
    "MissingExtra",
    "NotFound",
    "OptionError",
    "Outcome",
    "Overtaken",
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
    "Span",
    "StatusError",
    "Step",
    "TargetFailed",
    "TimedOut",
    "Watcher",
    "adapt",
    "aextract",
    "calibrate",
    "evaluate",
    "extract",
    "inputs",
    "load",
]
