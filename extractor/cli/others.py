"""The commands beside `run`: what would be sent, who can be asked, the embedded model, a demonstration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from extractor.cli.asking import BaseUrl, Model, TargetName, found
from extractor.cli.reading import text_of
from extractor.cli.shown import Exit, err, errors, print_json, say, spinner
from extractor.client import Extractor
from extractor.demo import DEMOS
from extractor.endpoint.presets import EMBEDDED, PRESETS
from extractor.errors import ExtractionFailed, SchemaError
from extractor.schema.adapt import adapt
from extractor.schema.dialects import DIALECTS
from extractor.schema.ready import ready_names, ready_sample
from extractor.schema.target import target_of

__all__ = ["demo", "models", "schema", "serve"]


def schema(
    target: TargetName,
    dialect: Annotated[str, typer.Option(help="One of " + ", ".join(DIALECTS) + ".")] = "openai",
    report: Annotated[bool, typer.Option("--report", help="What was rewritten, and why, on stderr.")] = False,
) -> None:
    """Show the response_format that would be sent for TARGET."""
    with errors():
        wanted = target_of(found(target))
        adapted = adapt(wanted, dialect)
        print_json(adapted.response_format, pretty=True)
        for rewrite in adapted.rewrites if report else ():
            err.print(f"{rewrite.pointer or '(the whole)'}: {rewrite.what} ({rewrite.why})")


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

    with errors():
        key = None if api_key_file is None else text_of(str(api_key_file)).strip()
        endpoint = local.serve(model, host=host, port=port, api_key=key)
        typer.echo(f"base_url  {endpoint.base_url}")
        typer.echo(f"model     {endpoint.model}")
        typer.echo(f"api_key   {endpoint.api_key if key is None else 'as in ' + str(api_key_file)}")
        err.print("Ctrl-C stops it.")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


def demo(
    names: Annotated[list[str] | None, typer.Argument(help="Some of " + ", ".join(DEMOS) + "; else all.")] = None,
    model: Model = None,
    base_url: BaseUrl = None,
) -> None:
    """Extract small records from sample documents, with the embedded model, and show what it took."""
    with errors():
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
        with spinner(f"extracting {name}", quiet=False):
            result = extractor.run(wanted, text)
    except ExtractionFailed as error:
        say(error, f"{name}: ")
        return False
    typer.secho(f"── {name}: the record", bold=True)
    print_json(result.value, pretty=True)
    requests = "1 request" if len(result.attempts) == 1 else f"{len(result.attempts)} requests"
    tokens = f"{result.usage.prompt_tokens} + {result.usage.completion_tokens} tokens"
    typer.echo(f"   valid · {requests} · {tokens} · {result.seconds:.1f} s\n")
    return True
