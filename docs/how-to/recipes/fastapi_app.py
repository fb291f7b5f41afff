"""A web server that reads orders out of texts and files: `uvicorn fastapi_app:app`."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Body, FastAPI, Request, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from extractor import (
    AsyncExtractor,
    ConfigurationError,
    DocumentError,
    DocumentTooLarge,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    RateLimited,
    TimedOut,
)
from extractor.documents.loader import Loader


class Order(BaseModel):
    """What is read out of each document."""

    item: str
    quantity: int


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """One for all requests: the extractor keeps its connections, the loader the processes that read files."""
    with Loader() as app.state.loader:
        async with AsyncExtractor(deadline=60) as app.state.extractor:
            yield


app = FastAPI(lifespan=lifespan)


@app.post("/text")
async def of_text(request: Request, text: Annotated[str, Body(embed=True)]) -> Order:
    """The order in a text."""
    found: Order = await request.app.state.extractor.extract(Order, text)
    return found


@app.post("/file")
async def of_file(request: Request, file: UploadFile) -> Order:
    """The order in a file of any kind."""
    document = await run_in_threadpool(request.app.state.loader.load, file.file, name=file.filename)
    found: Order = await request.app.state.extractor.extract(Order, document)
    return found


def status_of(error: ExtractorError) -> int:
    """Whose fault it was, as a status."""
    match error:
        case DocumentTooLarge():
            return 413
        case DocumentError():
            return 400
        case ExtractionFailed():
            return 422  # no reply of the model conformed
        case TimedOut():
            return 504
        case RateLimited() | ConfigurationError():
            return 503
        case EndpointError():
            return 502
    return 500


@app.exception_handler(ExtractorError)
async def failed(request: Request, error: ExtractorError) -> JSONResponse:
    """The error as JSON; its message has neither the key nor the document."""
    return JSONResponse({"error": type(error).__name__, "message": error.message}, status_of(error))
