"""The command `schema`: what would be sent for a target."""

from __future__ import annotations

from typing import Annotated

import typer

from extractor.cli.asking import TargetName, found
from extractor.cli.output import err, errors, print_json
from extractor.schema.adapt import adapt
from extractor.schema.dialects import DIALECTS
from extractor.schema.target import target_of

__all__ = ["EXAMPLES", "schema"]

EXAMPLES = (
    "[b]Examples[/b]\n\nextractor schema invoice --dialect llama.cpp\n\nextractor schema shop.models:Order --report"
)


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
