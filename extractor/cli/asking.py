"""What all commands that ask a model have in common: target, options, and the extractor that is made of them.

The options are the fields of `Asking`, each said once: `asks` gives them to a command.
"""

from __future__ import annotations

import copy
import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_type_hints

import typer

from extractor.budget import Budget
from extractor.client import Extractor
from extractor.documents.chunking import Chunking
from extractor.documents.loaded import As
from extractor.endpoint.cache import Cache
from extractor.endpoint.retry import DEFAULT_POLICY
from extractor.errors import OptionError, SchemaError
from extractor.schema.dialects import MODES
from extractor.settings import DEFAULT_MAX_RETRIES

if TYPE_CHECKING:
    from extractor.examples.nearest import Examples

__all__ = ["Asking", "BaseUrl", "Model", "TargetName", "asks", "found"]

TargetName = Annotated[
    str,
    typer.Argument(
        metavar="TARGET",
        help="What to extract: [b]module:Model[/b], a [b].json[/b] schema, or the name of a ready one.",
    ),
]
Model = Annotated[
    str | None, typer.Option("--model", "-m", help="PROVIDER/MODEL; or any model's name, with --base-url.")
]
BaseUrl = Annotated[str | None, typer.Option(help="Address of an OpenAI-compatible API, with its /v1.")]
# Not an option with the key itself: that would show in the list of processes and in the shell's history.


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """How a model is asked, as options of a command."""

    model: Model = None
    base_url: BaseUrl = None
    instructions: Annotated[str | None, typer.Option(help="Added to what the model is told.")] = None
    examples: Annotated[
        str | None,
        typer.Option(metavar="SOURCE", help="Right values to show: a job that was reviewed, or a .jsonl file."),
    ] = None
    nearest: Annotated[
        int, typer.Option(min=0, help="How many of the examples: those that are most like the document.")
    ] = 3
    max_retries: Annotated[int, typer.Option(min=0, help="Re-asks where none conforms.")] = DEFAULT_MAX_RETRIES
    temperature: Annotated[float | None, typer.Option(help="0 to 2.")] = None
    max_completion_tokens: Annotated[int | None, typer.Option(help="1 to 65536.")] = None
    transport_retries: Annotated[
        int, typer.Option(min=0, help="How often a request is sent again where HTTP failed.")
    ] = DEFAULT_POLICY.transport_retries
    deadline: Annotated[
        float | None,
        typer.Option(help="Seconds allowed for each document, waits included; else 600 from when it is its turn."),
    ] = None
    fallback: Annotated[
        list[str] | None, typer.Option(help="PROVIDER/MODEL to ask where the model fails; may be repeated.")
    ] = None
    budget_cost: Annotated[
        float | None,
        typer.Option(help=r"US dollars that all files may cost; needs extractor\[prices], and a model it knows."),
    ] = None
    budget_tokens: Annotated[int | None, typer.Option(help="Tokens that all files may take.")] = None
    budget_requests: Annotated[int | None, typer.Option(help="Requests that all files may take.")] = None
    cache: Annotated[
        Path | None, typer.Option(help="A file that keeps replies: the same request is not paid twice.")
    ] = None
    mode: Annotated[str, typer.Option(help="How the endpoint is asked: auto, " + ", ".join(MODES) + ".")] = "auto"
    dialect: Annotated[str | None, typer.Option(help="What schemas the endpoint takes; see the command schema.")] = None
    allow_absent: Annotated[
        bool, typer.Option("--allow-absent", help="Required fields may be missing; what there is is printed.")
    ] = False
    no_coerce: Annotated[
        bool, typer.Option("--no-coerce", help="Leave values as the model gave them; ask again instead.")
    ] = False
    candidates: Annotated[
        int, typer.Option(min=1, help="Answers to ask for; what most of them say is taken, field by field.")
    ] = 1
    recall: Annotated[str, typer.Option(help="normal; or high: rows that were passed over are asked for.")] = "normal"
    chunk_tokens: Annotated[
        int | None, typer.Option(min=16, help="Cut longer documents into chunks of so many tokens.")
    ] = None
    ungrounded: Annotated[
        str, typer.Option(help="What becomes of values that are not in the document: keep, drop, ask.")
    ] = "keep"
    confidence: Annotated[
        bool, typer.Option("--confidence", help="Ask the endpoint how likely each token is; see --full.")
    ] = False
    sent_as: Annotated[
        str, typer.Option("--as", help="What is sent of a file: its text; its pages as image; or the file itself.")
    ] = "text"

    @property
    def what(self) -> As:
        """What a file becomes. Raises `OptionError`."""
        for each in get_args(As):
            if each == self.sent_as:
                kind: As = each
                return kind
        said = f"--as is {self.sent_as!r}, but must be one of {', '.join(get_args(As))}."
        raise OptionError(said, option="as")

    @contextmanager
    def extractor(self, *, model: str | None = None) -> Iterator[Extractor]:
        """The extractor that is asked for; `model` where none was named."""
        limits = {"cost": self.budget_cost, "tokens": self.budget_tokens, "requests": self.budget_requests}
        own = {} if self.deadline is None else {"deadline": self.deadline}  # none: the wait for one's turn is no part
        options: dict[str, Any] = {
            **own,
            "max_retries": self.max_retries,
            "transport_retries": self.transport_retries,
            "fallbacks": self.fallback or (),
            "budget": Budget(**limits) if any(limit is not None for limit in limits.values()) else None,  # type: ignore[arg-type]
            "instructions": self.instructions,
            "examples": () if self.examples is None else _nearest(self.examples, self.nearest),
            "absent": "allow" if self.allow_absent else "forbid",
            "coerce": not self.no_coerce,
            "mode": self.mode,
            "temperature": self.temperature,
            "max_completion_tokens": self.max_completion_tokens,
            "candidates": self.candidates,
            "recall": self.recall,
            "chunking": "auto" if self.chunk_tokens is None else _chunking(self.chunk_tokens),
            "ungrounded": self.ungrounded,
            "confidence": self.confidence,
        }
        named, address = self.model, self.base_url
        with (
            nullcontext() if self.cache is None else Cache(self.cache) as kept,
            Extractor(
                named if named or address else model, base_url=address, dialect=self.dialect, cache=kept, **options
            ) as extractor,
        ):
            yield extractor


def _nearest(source: str, nearest: int) -> Examples:
    from extractor.examples.nearest import Examples  # only for those who have some

    return Examples(source, nearest=nearest)


def _chunking(tokens: int) -> Chunking:
    return Chunking(tokens=tokens, overlap=min(100, tokens // 10))


PANEL = "How the model is asked"


def _in_panel(annotation: Any) -> Any:
    """The same option, shown among its like: a command has few of its own beside it."""
    kind, option = get_args(annotation)
    option = copy.copy(option)
    option.rich_help_panel = PANEL
    return Annotated[kind, option]


def asks(command: Callable[..., None]) -> Callable[..., None]:
    """A command that takes `asking`, with the fields of `Asking` as its options in that place."""
    own = inspect.signature(command, eval_str=True)
    hints = get_type_hints(Asking, include_extras=True)
    shared = {each.name: _in_panel(hints[each.name]) for each in fields(Asking)}
    parameters: list[inspect.Parameter] = []
    for parameter in own.parameters.values():
        if parameter.name == "asking":
            parameters += [
                inspect.Parameter(
                    each.name, inspect.Parameter.KEYWORD_ONLY, default=each.default, annotation=shared[each.name]
                )
                for each in fields(Asking)
            ]
        else:
            parameters.append(parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY))

    @functools.wraps(command)
    def wrapped(**given: Any) -> None:
        asking = Asking(**{name: given.pop(name) for name in shared})
        command(**given, asking=asking)

    # typer reads both: a signature says the order and the defaults, the annotations the types.
    wrapped.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {each.name: each.annotation for each in parameters}
    return wrapped


def found(name: str) -> Any:
    """What a TARGET names: `module:Model` from here or from what is installed; anything else is a schema's path or
    name, as it is. Raises `SchemaError`.
    """
    module, colon, attribute = name.partition(":")
    if not colon or name.endswith(".json"):
        return name
    sys.path.insert(0, str(Path.cwd()))
    try:
        target: Any = importlib.import_module(module)
        for step in attribute.split("."):
            target = getattr(target, step)
    except (ImportError, AttributeError, ValueError, TypeError, SyntaxError) as error:
        raise SchemaError(f"There is no {name}: {error}.", hint=_written(module, attribute)) from None
    finally:
        sys.path.pop(0)
    return target


def _written(module: str, attribute: str) -> str:
    """How to write a target that there is not: such as `list[shop:Item]`."""
    outer, bracket, inner = module.partition("[")
    if not bracket:
        return "Write it as module:Model."
    whole = f"{outer}[{attribute}"
    return f"Give it a name in the module {inner or 'itself'}, such as Wanted = {whole}, and write {inner}:Wanted."
