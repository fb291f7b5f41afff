"""The command line: parses arguments, calls, prints. Data goes to stdout, everything else to stderr."""

from __future__ import annotations

import importlib
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python
from rich.console import Console

from extractor.budget import Budget
from extractor.client import Extractor
from extractor.demo import DEMOS
from extractor.documents.chunking import Chunking
from extractor.endpoint.cache import Cache
from extractor.endpoint.presets import EMBEDDED, PRESETS
from extractor.endpoint.retry import DEFAULT_POLICY
from extractor.errors import (
    CallerError,
    DocumentError,
    EndpointError,
    ExtractionFailed,
    ExtractorError,
    OptionError,
    SchemaError,
)
from extractor.evidence.field import Field
from extractor.result import Extraction
from extractor.schema.adapt import adapt
from extractor.schema.dialects import DIALECTS, MODES
from extractor.schema.nodes import value_at
from extractor.schema.ready import ready_names, ready_sample
from extractor.schema.target import target_of
from extractor.settings import DEFAULT_DEADLINE, DEFAULT_MAX_RETRIES

__all__ = ["app"]


class Exit(IntEnum):
    """Exit codes, for scripts."""

    OK = 0
    NOT_CONFORMING = 1
    """The model gave no conforming reply for at least one document."""
    USAGE = 2
    """The call is wrong: arguments, target, document, configuration."""
    ENDPOINT = 3
    """The endpoint refused, failed, or could not be reached."""
    INTERRUPTED = 130


app = typer.Typer(
    name="extractor",
    help="Extract validated records from documents.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
)
# File names and an endpoint's words are printed as they are: no markup, no :emoji: in them.
_err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)


def _version(wanted: bool) -> None:
    if wanted:
        from extractor import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Extract validated records from documents."""


Target = Annotated[
    str,
    typer.Argument(help="What to extract: [b]module:Model[/b], a [b].json[/b] schema, or the name of a ready one."),
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="PROVIDER/MODEL; or any model's name, with --base-url.")
]
BaseUrl = Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible API, with its /v1.")]
# Not an option with the key itself: that would show in the list of processes and in the shell's history.


@app.command(
    epilog="[b]Examples[/b]\n\n"
    "extractor run invoice scan.txt --pretty\n\n"
    "extractor run shop.models:Order order.txt -m openai/gpt-4.1-mini\n\n"
    "cat mail.txt | extractor run contact - | jq .email\n\n"
    "Exit codes: 0 all conform, 1 some did not, 2 wrong call, 3 endpoint failed, 130 interrupted."
)
def run(
    target: Target,
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="Text files; - is standard input.")],
    model: Model = None,
    base_url: BaseUrl = None,
    instructions: Annotated[str | None, typer.Option(help="Added to what the model is told.")] = None,
    max_retries: Annotated[int, typer.Option(min=0, help="Re-asks where none conforms.")] = DEFAULT_MAX_RETRIES,
    temperature: Annotated[float | None, typer.Option(help="0 to 2.")] = None,
    max_completion_tokens: Annotated[int | None, typer.Option(help="1 to 65536.")] = None,
    transport_retries: Annotated[
        int, typer.Option(min=0, help="How often a request is sent again where HTTP failed.")
    ] = DEFAULT_POLICY.transport_retries,
    deadline: Annotated[float, typer.Option(help="Seconds allowed for each document.")] = DEFAULT_DEADLINE,
    fallback: Annotated[
        list[str] | None, typer.Option(help="PROVIDER/MODEL to ask where the model fails; may be repeated.")
    ] = None,
    budget_cost: Annotated[float | None, typer.Option(help="US dollars that all files may cost.")] = None,
    budget_tokens: Annotated[int | None, typer.Option(help="Tokens that all files may take.")] = None,
    budget_requests: Annotated[int | None, typer.Option(help="Requests that all files may take.")] = None,
    cache: Annotated[
        Path | None, typer.Option(help="A file that keeps replies: the same request is not paid twice.")
    ] = None,
    mode: Annotated[str, typer.Option(help="How the endpoint is asked: auto, " + ", ".join(MODES) + ".")] = "auto",
    dialect: Annotated[
        str | None, typer.Option(help="What schemas the endpoint takes; see the command schema.")
    ] = None,
    allow_absent: Annotated[
        bool, typer.Option("--allow-absent", help="Required fields may be missing; what there is is printed.")
    ] = False,
    no_coerce: Annotated[
        bool, typer.Option("--no-coerce", help="Leave values as the model gave them; ask again instead.")
    ] = False,
    candidates: Annotated[
        int, typer.Option(min=1, help="Answers to ask for; what most of them say is taken, field by field.")
    ] = 1,
    recall: Annotated[str, typer.Option(help="normal; or high: rows that were passed over are asked for.")] = "normal",
    chunk_tokens: Annotated[
        int | None, typer.Option(min=16, help="Cut longer documents into chunks of so many tokens.")
    ] = None,
    ungrounded: Annotated[
        str, typer.Option(help="What becomes of values that are not in the document: keep, drop, ask.")
    ] = "keep",
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Ask the endpoint how likely each token is; see --full.")
    ] = False,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page that shows where each value stands: a file.html, or a folder for several."),
    ] = None,
    items: Annotated[
        bool, typer.Option("--items", help="All there are of TARGET in a file, each as soon as it is complete.")
    ] = False,
    pretty: Annotated[bool, typer.Option("--pretty", help="Indented, not one line each.")] = False,
    full: Annotated[
        bool, typer.Option("--full", help="With file, model, mode, usage, attempts, steps, absent fields, errors.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress on stderr.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="What is retried, asked again and found, on stderr.")
    ] = False,
) -> None:
    """Extract TARGET from each FILE; one JSON line each, in order (null where it failed).

    With --items one line for each item instead.
    """
    with _errors():
        if items and (full or allow_absent or html):
            other = "--full" if full else "--allow-absent" if allow_absent else "--html"
            raise OptionError(f"--items does not go with {other}.", option="items", hint="Leave one of them out.")
        wanted = _target(target)
        pages = _Pages(html, files) if html is not None else None
        options = {
            "mode": mode,
            "temperature": temperature,
            "max_completion_tokens": max_completion_tokens,
            "candidates": candidates,
            "recall": recall,
            "chunking": "auto" if chunk_tokens is None else _chunking(chunk_tokens),
            "ungrounded": ungrounded,
            "confidence": confidence,
        }
        worst = Exit.OK
        if verbose:
            logging.basicConfig(format="%(message)s", stream=sys.stderr)
            logging.getLogger("extractor").setLevel(logging.INFO)
        limits = {"cost": budget_cost, "tokens": budget_tokens, "requests": budget_requests}
        with (
            nullcontext() if cache is None else Cache(cache) as kept,
            Extractor(
                model,
                base_url=base_url,
                max_retries=max_retries,
                transport_retries=transport_retries,
                deadline=deadline,
                fallbacks=fallback or (),
                budget=Budget(**limits) if any(limit is not None for limit in limits.values()) else None,  # type: ignore[arg-type]
                cache=kept,
                instructions=instructions,
                dialect=dialect,
                absent="allow" if allow_absent else "forbid",
                coerce=not no_coerce,
                **options,  # type: ignore[arg-type]
            ) as extractor,
        ):
            for number, file in enumerate(files):
                # Items are their own progress; and a spinner would take them for its own output.
                with _progress(f"{file} ({number + 1}/{len(files)})", quiet or items or verbose):
                    if items:
                        code = _streamed(extractor, wanted, file, pretty)
                    else:
                        record, code = _extracted(extractor, wanted, file, pages, full=full, verbose=verbose)
                        _print(record if full else record["value"], pretty)
                worst = max(worst, code)
    raise typer.Exit(worst)


def _chunking(tokens: int) -> Chunking:
    return Chunking(tokens=tokens, overlap=min(100, tokens // 10))


class _Pages:
    """Where the pages go that show the values in their documents. Raises `OptionError`."""

    def __init__(self, path: Path, files: list[str]) -> None:
        if str(path) == "-":
            raise OptionError(
                "A page goes into a file.", option="html", hint="Name one that ends in .html, or a folder."
            )
        self._alone = path if path.suffix.lower() in (".html", ".htm") else None
        self._folder = path.parent if self._alone else path
        self._taken: set[str] = set()
        if self._alone and len(files) > 1:
            raise OptionError(
                f"{path} is one page, and there are {len(files)} files.", option="html", hint="Name a folder."
            )
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"{self._folder} is no folder: {error.strerror}.", option="html") from None

    def write(self, file: str, result: Extraction[Any]) -> None:
        """Write the page of one file. Raises `OptionError`."""
        path = self._alone or self._folder / f"{self._name(file)}.html"
        try:
            path.write_text(result.to_html(), encoding="utf-8", errors="replace")
        except OSError as error:
            raise OptionError(f"Cannot write {path}: {error.strerror}.", option="html") from None

    def _name(self, file: str) -> str:
        """A name of its own: two folders may have files of the same name."""
        name = "stdin" if file == "-" else Path(file).name
        numbered = (f"{name}-{number}" if number else name for number in range(len(self._taken) + 1))
        free = next(each for each in numbered if each not in self._taken)
        self._taken.add(free)
        return free


def _extracted(
    extractor: Extractor, wanted: Any, file: str, pages: _Pages | None, *, full: bool, verbose: bool
) -> tuple[dict[str, Any], Exit]:
    """The record of one file, and how it went. A wrong document is that file's error, not the run's."""
    try:
        result = extractor.run(wanted, _read(file))
    except (DocumentError, EndpointError, ExtractionFailed) as error:
        _say(error, f"{file}: ")
        attempts = getattr(error, "attempts", ())
        failed = {"file": file, "value": None, "error": type(error).__name__, "message": error.message}
        wrong = [to_jsonable_python(each) for each in getattr(error, "errors", ())]
        replies = [attempt.reply for attempt in attempts if not attempt.reply.cached]
        usages = [reply.usage for reply in replies if reply.usage is not None]
        costs = [attempt.cost for attempt in attempts]
        return {
            **failed,
            "last_value": to_jsonable_python(getattr(error, "value", None)),
            "errors": wrong,
            "attempts": len(attempts),
            "usage": to_jsonable_python(sum(usages[1:], usages[0])) if usages else None,
            "cost": None if None in costs else float(sum(costs)),
            "failures": [failure.message for failure in getattr(error, "failures", ())],
        }, _code(error)
    if pages is not None:
        pages.write(file, result)
    unread = [chunk.error for chunk in result.chunks if chunk.error is not None]
    for each in unread:
        _say(each, f"{file}: ")
    if verbose:
        _warn(file, result)
    value = _value_of(result)
    return _record(file, result) if full else {"value": value}, Exit.NOT_CONFORMING if unread else Exit.OK


def _warn(file: str, result: Extraction[Any]) -> None:
    """Say on stderr what is known to be missing, or not to stand in the document."""
    for each in result.lists:
        if each.status not in ("complete", "unknown"):
            expected = "" if each.expected is None else f" of {each.expected}"
            _err.print(f"{file}: {each.pointer or 'the list'}: {each.status}, {each.returned}{expected} items")
    for conflict in result.conflicts:
        _err.print(f"{file}: {conflict.pointer}: the document says different things")
    invented = [pointer for pointer, field in result.fields.items() if _is_invented(result, pointer, field)]
    if invented:
        _err.print(f"{file}: not in the document: {', '.join(invented[:10])}{' …' if len(invented) > 10 else ''}")


def _is_invented(result: Extraction[Any], pointer: str, field: Field) -> bool:
    return field.status == "absent" and value_at(result.data, pointer) is not None


def _streamed(extractor: Extractor, wanted: Any, file: str, pretty: bool) -> Exit:
    """Print the items of one file as they come; and how it went."""
    try:
        for item in extractor.stream_items(wanted, _read(file)):
            _print(to_jsonable_python(item, by_alias=True), pretty)
    except (DocumentError, EndpointError, ExtractionFailed) as error:
        _say(error, f"{file}: ")
        return _code(error)
    return Exit.OK


def _value_of(result: Extraction[Any]) -> Any:
    """The value; where required fields are absent there is no whole one, but what there is."""
    return result.data if result.errors else to_jsonable_python(result.value, by_alias=True)


def _record(file: str, result: Extraction[Any]) -> dict[str, Any]:
    return {
        "file": file,
        "value": _value_of(result),
        "absent": list(result.absent),
        "fields": {pointer: _known(field) for pointer, field in result.fields.items()},
        "complete": result.complete,
        "lists": to_jsonable_python(result.lists),
        "conflicts": to_jsonable_python(result.conflicts),
        "chunks": [
            {"start": each.start, "end": each.end, "error": None if each.error is None else each.error.message}
            for each in result.chunks
        ],
        "model": result.model,
        "mode": result.mode,
        "steps": to_jsonable_python(result.steps),
        "dropped": sorted(result.dropped),
        "usage": to_jsonable_python(result.usage),
        "cost": None if result.cost is None else float(result.cost),
        "attempts": len(result.attempts),
        "cached": sum(attempt.reply.cached for attempt in result.attempts),
        "retries": sum(len(attempt.reply.retries) for attempt in result.attempts),
        "failures": [error.message for error in result.failures],
        "repairs": [to_jsonable_python(each) for attempt in result.attempts for each in attempt.repairs],
        "seconds": round(result.seconds, 3),
    }


def _known(field: Field) -> dict[str, Any]:
    """What is known of a field: status, spans, confidence."""
    known = {name: value for name, value in to_jsonable_python(field).items() if value not in (None, [], ())}
    return {"status": field.status, **known}


@app.command(
    epilog="[b]Examples[/b]\n\n"
    "extractor schema invoice --dialect llama.cpp\n\n"
    "extractor schema shop.models:Order --report"
)
def schema(
    target: Target,
    dialect: Annotated[str, typer.Option(help="One of " + ", ".join(DIALECTS) + ".")] = "openai",
    report: Annotated[bool, typer.Option("--report", help="What was rewritten, and why, on stderr.")] = False,
) -> None:
    """Show the response_format that would be sent for TARGET."""
    with _errors():
        wanted = target_of(_target(target))
        adapted = adapt(wanted, dialect)
        _print(adapted.response_format, pretty=True)
        for rewrite in adapted.rewrites if report else ():
            _err.print(f"{rewrite.pointer or '(the whole)'}: {rewrite.what} ({rewrite.why})")


@app.command(epilog="[b]Example[/b]\n\nextractor models")
def models() -> None:
    """List the providers, their default models and key variables, and the ready schemas."""
    import os

    from extractor import local

    for name, preset in PRESETS.items():
        if name == "local":
            ready = "installed" if local.installed() else 'pip install "extractor[local]"'
        elif not preset.key_variable:
            ready = "needs no key"
        else:
            ready = preset.key_variable + (" is set" if os.environ.get(preset.key_variable) else " is not set")
        address = preset.base_url or preset.url_variable or "in this process"
        typer.echo(f"{name + '/' + (preset.model or 'MODEL'):52} {address:56} {ready}")
    typer.echo("\nready schemas: " + ", ".join(ready_names()))


@app.command(epilog="[b]Example[/b]\n\nextractor serve --port 8080")
def serve(
    model: Annotated[str, typer.Argument(help="smollm2-135m, or the path of a .gguf file.")] = "smollm2-135m",
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Where to listen.")] = 8080,
    api_key_file: Annotated[
        Path | None,
        typer.Option(help="A file with the key that clients must send. Without it one is made up."),
    ] = None,
) -> None:
    """Offer the embedded model to other programs, as an OpenAI-compatible endpoint, until Ctrl-C."""
    import signal

    from extractor import local

    with _errors():
        key = None if api_key_file is None else _read(str(api_key_file)).strip()
        endpoint = local.serve(model, host=host, port=port, api_key=key)
        typer.echo(f"base_url  {endpoint.base_url}")
        typer.echo(f"model     {endpoint.model}")
        typer.echo(f"api_key   {endpoint.api_key if key is None else 'as in ' + str(api_key_file)}")
        _err.print("Ctrl-C stops it.")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


@app.command(epilog="[b]Example[/b]\n\nextractor demo receipt contact")
def demo(
    names: Annotated[list[str] | None, typer.Argument(help="Some of " + ", ".join(DEMOS) + "; else all.")] = None,
    model: Model = None,
    base_url: BaseUrl = None,
) -> None:
    """Extract small records from sample documents, with the embedded model, and show what it took."""
    with _errors():
        demos = {name: _demo(name) for name in names or DEMOS}
        chosen = model if model or base_url else EMBEDDED
        with Extractor(chosen, base_url=base_url, max_completion_tokens=300) as extractor:
            typer.echo(f"{extractor.model} at {extractor.base_url}\n")
            conforming = sum(_demonstrate(extractor, name, wanted) for name, wanted in demos.items())
            typer.echo(f"{conforming} of {len(demos)} are valid: they have the types and values that were asked for.")
            typer.echo(
                "Whether they are right is another matter: this model is very small. --model names a larger one."
            )
    # A small model may well fail at one of them; that is what a demonstration is for.
    raise typer.Exit(Exit.OK if conforming else Exit.NOT_CONFORMING)


def _demo(name: str) -> Any:
    if name not in DEMOS:
        raise SchemaError(f"There is no demonstration {name!r}.", hint="There are: " + ", ".join(DEMOS) + ".")
    return DEMOS[name]


def _demonstrate(extractor: Extractor, name: str, wanted: Any) -> bool:
    """Show one document and its record. Whether it conformed."""
    text = ready_sample(name)
    typer.secho(f"── {name}: the document", bold=True)
    lines = text.strip().splitlines()
    typer.echo("\n".join("   " + line for line in [*lines[:12], *(["…"] if len(lines) > 12 else [])]))
    try:
        with _progress(f"extracting {name}", quiet=False):
            result = extractor.run(wanted, text)
    except ExtractionFailed as error:
        _say(error, f"{name}: ")
        return False
    typer.secho(f"── {name}: the record", bold=True)
    _print(result.value, pretty=True)
    requests = "1 request" if len(result.attempts) == 1 else f"{len(result.attempts)} requests"
    tokens = f"{result.usage.prompt_tokens} + {result.usage.completion_tokens} tokens"
    typer.echo(f"   valid · {requests} · {tokens} · {result.seconds:.1f} s\n")
    return True


# ---------------------------------------------------------------------------------------- the rest


def _target(name: str) -> Any:
    """`module:Model` from here or from what is installed; anything else is a schema's path or name."""
    module, colon, attribute = name.partition(":")
    if not colon or name.endswith(".json"):
        return name
    sys.path.insert(0, str(Path.cwd()))
    try:
        found: Any = importlib.import_module(module)
        for step in attribute.split("."):
            found = getattr(found, step)
    except (ImportError, AttributeError, ValueError, TypeError, SyntaxError) as error:
        raise SchemaError(f"There is no {name}: {error}.", hint="Write it as module:Model.") from None
    finally:
        sys.path.pop(0)
    return found


def _read(file: str) -> str:
    try:
        data = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        return data.decode("utf-8-sig")
    except OSError as error:
        raise DocumentError(f"{file}: cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise DocumentError(f"{file}: no text in UTF-8.", hint="Convert it to text first.") from None


def _print(value: Any, pretty: bool) -> None:
    plain = to_jsonable_python(value, by_alias=True)
    typer.echo(json.dumps(plain, ensure_ascii=False, indent=2 if pretty else None))


@contextmanager
def _progress(what: str, quiet: bool) -> Iterator[None]:
    """A spinner on a terminal; nothing where stderr is a file."""
    if quiet or not _err.is_terminal:
        yield
        return
    with _err.status(what):
        yield


def _say(error: ExtractorError, where: str = "") -> None:
    """An error on one line: what happened, then what to do."""
    message = error.message.removeprefix(where)
    _err.print("error:", style="red", end=" ")
    _err.print(f"{where}{message}", end=" " if error.hint else "\n")
    if error.hint:
        _err.print(error.hint, style="dim")


def _code(error: ExtractorError) -> Exit:
    if isinstance(error, CallerError):
        return Exit.USAGE
    return Exit.ENDPOINT if isinstance(error, EndpointError) else Exit.NOT_CONFORMING


@contextmanager
def _errors() -> Iterator[None]:
    """Errors of the library as one line with a hint, and an exit code."""
    try:
        yield
    except ExtractorError as error:
        _say(error)
        raise typer.Exit(_code(error)) from None
    except KeyboardInterrupt:
        _err.print("\nInterrupted.")
        raise typer.Exit(Exit.INTERRUPTED) from None
