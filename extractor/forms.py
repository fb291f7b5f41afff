"""The forms in which a target can be asked for at an endpoint: everything of a request but the document.

Each is worked out once, when it is needed, and the first of them is chosen anew when something was learned.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from extractor.chat.content import Document, text_of
from extractor.chat.wire import Prefix
from extractor.endpoint.resolve import Address
from extractor.errors import OptionError, SchemaError, StatusError
from extractor.loop.ladder import OWN, RUNGS, Descent, Form, Ladder, Step, Way, applied
from extractor.loop.memory import memory
from extractor.prices import Tariff
from extractor.prompt import prompt
from extractor.schema.dialects import Dialect, Mode
from extractor.schema.target import PartTarget, Target
from extractor.settings import Settings

__all__ = ["Forms"]

_log = logging.getLogger("extractor")


class Forms:
    """What a target and its settings give, whatever the document: the forms in which it can be asked for.

    `form` is the one to begin with, by what was remembered at that `version` of the memory, `until` then.
    """

    form: Form

    def __init__(self, target: Target[Any], settings: Settings, address: Address, dialect: Dialect) -> None:
        self.version = -1
        self.until = math.inf
        self._target = target
        self._settings = settings
        self._dialect = dialect
        self._copied = settings.copy is not False
        self._rows = address.demonstrate
        self._demonstrate = address.demonstrate and settings.messages is None and not settings.chosen
        self._model = settings.model or address.model
        self.tariff = Tariff(
            model=self._model, base_url=address.base_url, provider=address.provider, own=settings.price
        )
        self._forms: dict[Way, Form] = {}
        endpoint = (address.base_url, str(settings.extra_fields.get("model", self._model)))
        self._ladder = Ladder(
            modes=_modes(settings, dialect, copied=_is_copied(settings, address)),
            fields=frozenset(settings.fields),
            endpoint=endpoint,
            schema=(*endpoint, dialect.name, settings.absent, _digest(target)),
            forced=settings.mode != "auto",
        )

    def refresh(self) -> None:
        """Choose the form to begin with. Raises `CallerError` where there is none."""
        version = memory.version
        ways, until = self._ladder.first()
        form = self._chosen(ways)
        if form is None:
            raise self._unsayable()
        self.form, self.until, self.version = form, until, version

    def own_fields(self, form: Form, document: Document | None) -> dict[str, Any]:
        """The request fields that a document has alone."""
        if form.way.mode != "grammar":
            return {}
        from extractor.grammar.schema_grammar import grammar_of

        # What only stands in the caller's own turns could not be copied.
        text = None if document is None or self._settings.messages else text_of(document)
        copied = self._copied and text is not None
        # Whole rows are for a model that would lose its way; a part that goes on with a list begins in its middle.
        rows = self._rows and not isinstance(self._target, PartTarget)
        return _at(self._dialect.grammar, grammar_of(form.adapted.schema, text, copied=copied, rows=rows))

    def descended(self, refused: Form, error: StatusError) -> Descent | None:
        """What follows a refusal; None where it is not understood."""
        complaint = self._ladder.complaint(error, refused.way)
        if complaint is None:
            return None
        if self._ladder.forced and complaint.about != "parameter":
            others = ", ".join(mode for mode in RUNGS if mode != refused.way.mode)
            error.hint = f"mode={refused.way.mode!r} is forced. Leave it out, or try another: {others}."
        form = self._chosen(self._ladder.after(refused.way, complaint), refused)
        step = Step(
            mode=refused.way.mode,
            slim=refused.way.schema_slim,
            dropped=complaint.name,
            status=error.status,
            reason=error.message,
        )
        if form is None:
            return Descent(form=None, step=step)
        return Descent(form=form, step=step, lessons=self._ladder.lessons(refused.way, complaint, form.way))

    def _chosen(self, ways: Iterable[Way], refused: Form | None = None) -> Form | None:
        """The first of the ways that the schema can be said in, and that is not what has just been refused."""
        problem: SchemaError | None = None
        for way in ways:
            try:
                form = self._form(way)
            except SchemaError as error:
                problem = problem or error
                continue
            if way.mode == "strict" and not form.adapted.strict:
                _log.info("%s cannot be said in the strict form of %s.", self._target.name, self._dialect.name)
            elif refused is None or form.prefix.fields != refused.prefix.fields or refused.way.mode == "grammar":
                return form
        if problem is not None and refused is None:
            raise problem
        return None

    def _unsayable(self) -> SchemaError:
        return SchemaError(
            f"{self._target.name} cannot be said in the strict form of {self._dialect.name}.",
            hint="Leave mode out, or use mode='relaxed': the value is validated here in any case.",
        )

    def _form(self, way: Way) -> Form:
        """A way of asking, worked out, once."""
        form = self._forms.get(way)
        if form is None:
            form = self._forms[way] = self._worked_out(way)
        return form

    def _worked_out(self, way: Way) -> Form:
        settings, rung = self._settings, OWN if way.mode is None else RUNGS[way.mode]
        adapted = rung.adapted(self._target, self._dialect, settings.absent, way.schema_slim)
        if way.mode == "grammar":
            from extractor.grammar.schema_grammar import grammar_of  # where one is taken

            grammar_of(adapted.schema, None, copied=False)  # raises where the schema cannot be said in one
        shared = prompt(
            adapted,
            instructions=settings.instructions,
            examples=settings.examples,
            outlined=rung.outlined,
            demonstrate=self._demonstrate,
        )
        fields = {
            "model": self._model,
            **applied(rung.fields(adapted), way.dropped),
            **applied(settings.fields, way.dropped),
            **settings.extra_fields,
        }
        return Form(
            way=way,
            adapted=adapted,
            prompt=shared,
            prefix=_prefix(fields, shared.messages if settings.messages is None else ()),
            tool=adapted.wire_name if way.mode == "tool" else "",
        )


def _modes(settings: Settings, dialect: Dialect, *, copied: bool) -> tuple[Mode | None, ...]:
    if settings.own_format:
        return (None,)
    own = bool(dialect.grammar) and dialect.grammar[0] in settings.extra_fields  # a grammar of the caller's own
    if settings.mode == "grammar" and own:
        raise OptionError(
            f"mode='grammar' sends {dialect.grammar[0]}, which extra_fields has, too.",
            option="extra_fields",
            hint="Leave one of them out.",
        )
    if settings.mode == "grammar" and not dialect.grammar:
        raise OptionError(
            f"mode is 'grammar', which no endpoint of the dialect {dialect.name} takes.",
            option="mode",
            hint="llama.cpp, vLLM and SGLang do: dialect= names them where the address is your own.",
        )
    if settings.mode != "auto":
        return (settings.mode,)
    taken = copied and bool(dialect.grammar) and not (own or settings.own_tools)
    by_grammar: tuple[Mode, ...] = ("grammar",) if taken else ()
    return by_grammar + tuple(mode for mode in dialect.modes if mode != "tool" or not settings.own_tools)


def _is_copied(settings: Settings, address: Address) -> bool:
    """Whether values are to be copied from the document; by default only by a model that wanders otherwise."""
    return address.demonstrate if settings.copy is None else settings.copy


def _at(path: Sequence[str], value: Any) -> dict[str, Any]:
    """The value at that way into an object."""
    return {path[0]: _at(path[1:], value) if path[1:] else value}


def _digest(target: Target[Any]) -> int:
    """What says, within this process, that two targets have the same schema."""
    return hash(json.dumps(target.schema, sort_keys=True, default=str))


def _prefix(fields: Mapping[str, Any], messages: tuple[Mapping[str, Any], ...]) -> Prefix:
    try:
        return Prefix(fields=fields, messages=messages)
    except (TypeError, ValueError, RecursionError) as error:
        raise OptionError(
            f"The request cannot be written as JSON: {error}.", option="extra_fields", hint="Use plain data."
        ) from None
