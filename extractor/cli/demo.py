"""The command `demo`: small records from sample documents, with the embedded model."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from extractor.cli.asking import BaseUrl, Model
from extractor.cli.output import Exit, errors, print_json, say, spinner
from extractor.client import Extractor
from extractor.demo import DEMOS
from extractor.endpoint.presets import EMBEDDED
from extractor.errors import ExtractionFailed, SchemaError
from extractor.schema.ready import ready_sample

__all__ = ["EXAMPLES", "demo"]

EXAMPLES = "[b]Example[/b]\n\nextractor demo receipt contact"


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
