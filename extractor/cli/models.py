"""The command `models`: who can be asked."""

from __future__ import annotations

import os

import typer

from extractor import local
from extractor.endpoint.presets import PRESETS
from extractor.schema.ready import ready_names

__all__ = ["EXAMPLES", "models"]

EXAMPLES = "[b]Example[/b]\n\nextractor models"


def models() -> None:
    """List the providers, their default models and key variables, and the ready schemas."""
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
