"""The command `serve`: the embedded model for other programs."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from extractor import local
from extractor.cli.output import err, errors
from extractor.cli.reading import text_of

__all__ = ["EXAMPLES", "serve"]

EXAMPLES = "[b]Example[/b]\n\nextractor serve --port 8080"


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
    with errors():
        key = None if api_key_file is None else text_of(str(api_key_file)).strip()
        endpoint = local.serve(model, host=host, port=port, api_key=key)
        typer.echo(f"base_url  {endpoint.base_url}")
        typer.echo(f"model     {endpoint.model}")
        typer.echo(f"api_key   {endpoint.api_key if key is None else 'as in ' + str(api_key_file)}")
        err.print("Ctrl-C stops it.")
        signal.sigwait({signal.SIGINT, signal.SIGTERM})
