"""What a reply costs, in US dollars: by the caller's own prices, else by the list of the package `genai-prices`.

Unknown is None, never nothing: a reply without a usage, or of a model without a price, is not free.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation, localcontext
from typing import Any, TypeAlias

from extractor.chat.wire import Usage
from extractor.errors import OptionError

__all__ = ["Amount", "Billed", "Price", "Tariff", "amount", "exact", "total"]

Amount: TypeAlias = int | float | str | Decimal
"""US dollars. A float means the digits it is written with: 0.1 is a tenth."""

MOST_TOKENS = 10**12  # of one reply: an endpoint can say any number, and Python writes none of 5,000 digits
MOST_NAMES = 1_000  # names that replies may give their model: the list of prices keeps each that it was asked for
LONGEST_NAME = 200  # characters of such a name


def amount(value: Any, *, option: str, what: str) -> Decimal:
    """An amount of money as a Decimal. Raises `OptionError` where it is none, not finite, or negative."""
    try:
        number = None if isinstance(value, bool) else Decimal(str(value) if isinstance(value, float) else value)
    except (InvalidOperation, TypeError, ValueError):
        number = None
    if number is None or not number.is_finite() or number < 0:
        raise OptionError(f"{what} is {str(value)[:50]!r}.", option=option, hint="Give US dollars, 0 or more.")
    return number


def exact() -> Any:
    """A decimal context for sums of money, whatever the caller's own rounds to or traps."""
    return localcontext(Context(prec=40))


@dataclass(frozen=True, kw_only=True, slots=True)
class Billed:
    """The tokens of a reply as they are billed: all of the `prompt`, among them those that were `cached`, and of
    the others those of `audio`; and the `output`.
    """

    prompt: int
    cached: int
    output: int
    audio: int = 0

    @classmethod
    def of(cls, usage: Usage | None) -> Billed | None:
        """The tokens of a usage, which nobody has checked; None where it says nothing.

        Some endpoints count thinking among the completion's tokens, others only in the total: what the total has
        over the two others is thinking, and billed as output.
        """
        if usage is None:
            return None
        prompt = _count(usage.prompt_tokens or usage.input_tokens)
        completion = _count(usage.completion_tokens or usage.output_tokens)
        output = max(completion, _count(usage.total_tokens) - prompt)
        if not prompt and not output:  # no reply is made of nothing
            return None
        details = usage.prompt_tokens_details
        cached = min(_count(details.cached_tokens), prompt)
        audio = min(_count(details.audio_tokens), prompt - cached)
        return cls(prompt=prompt, cached=cached, output=output, audio=audio)

    @property
    def total(self) -> int:
        """All of them."""
        return self.prompt + self.output


def _count(said: int) -> int:
    return min(max(said, 0), MOST_TOKENS)


@dataclass(frozen=True, slots=True, init=False)
class Price:
    """US dollars for a million tokens: of `input`, of `output` (thinking counts), and of input that the endpoint
    had cached (`cached_input`; as all input where it is not given).

    Raises `OptionError` for what is no amount of money.
    """

    input: Decimal
    output: Decimal
    cached_input: Decimal

    def __init__(self, *, input: Amount, output: Amount, cached_input: Amount | None = None) -> None:  # noqa: A002
        given = {"input": input, "output": output, "cached_input": input if cached_input is None else cached_input}
        for name, value in given.items():
            object.__setattr__(self, name, amount(value, option="price", what=f"The price's {name}"))

    def of(self, billed: Billed) -> Decimal:
        """What these tokens cost."""
        with exact() as context:
            fresh = billed.prompt - billed.cached
            dollars = fresh * self.input + billed.cached * self.cached_input + billed.output * self.output
            return dollars.scaleb(-6, context=context)


def total(costs: Iterable[Decimal | None]) -> Decimal | None:
    """What several things cost together; None where that of one of them is not known."""
    listed = list(costs)
    known = [cost for cost in listed if cost is not None]
    with exact():
        return sum(known, Decimal(0)) if len(known) == len(listed) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Tariff:
    """The prices of what one endpoint answers: `model` is the name it is asked for, `provider` the preset's, if any.

    `own` is the caller's price, or one for each model, by the name that is asked for or the one that answers.
    Raises `OptionError` where that is something else.
    """

    model: str
    base_url: str
    provider: str = ""
    own: Price | Mapping[str, Price] | None = None

    def __post_init__(self) -> None:
        if self.own is None or isinstance(self.own, Price):
            return
        if not isinstance(self.own, Mapping) or not all(isinstance(each, Price) for each in self.own.values()):
            hint = "Give Price(input=…, output=…), US dollars for a million tokens, or a dict of them by model."
            raise OptionError("price is no Price.", option="price", hint=hint)
        object.__setattr__(self, "own", dict(self.own))  # the caller may change theirs, and not all can be pickled

    def cost(self, reply_model: str, usage: Usage | None) -> Decimal | None:
        """What a reply cost. `reply_model` is the name that it gives ("" where it gives none).

        None where that is unknown: no usage, no price of the caller's, and none in the list (or no list:
        `genai-prices` is not installed). Never raises.
        """
        billed = Billed.of(usage)
        if billed is None:
            return None
        # The name that answered is the more exact of the two: what was asked for may be an alias or a router.
        names = dict.fromkeys(name for name in (reply_model, self.model) if name)
        price = self._own(names)
        return _by_list(self, names, billed) if price is None else price.of(billed)

    @property
    def known(self) -> bool:
        """Whether the model that is asked for has a price, so that a limit of cost can be kept."""
        return self.cost(self.model, Usage(prompt_tokens=1)) is not None

    def _own(self, names: Mapping[str, None]) -> Price | None:
        if self.own is None or isinstance(self.own, Price):
            return self.own
        return next((self.own[name] for name in names if name in self.own), None)


def _by_list(tariff: Tariff, names: Mapping[str, None], billed: Billed) -> Decimal | None:
    calc_price = _calc_price()
    if calc_price is None:
        return None
    for name in names:
        if name != tariff.model and not _is_bounded(name):
            continue
        for place in _places(tariff):
            try:
                with exact():
                    found: Decimal = calc_price(_listed(billed), name, **place).total_price
            except Exception:  # noqa: BLE001, S112  # a price is never worth an extraction
                continue
            return found
    return None


def _places(tariff: Tariff) -> Iterator[dict[str, str]]:
    # Never by the model's name alone: at an address that nobody knows, it would be another provider's price.
    yield {"provider_api_url": tariff.base_url}
    if tariff.provider:
        yield {"provider_id": tariff.provider}


def _listed(billed: Billed) -> dict[str, int]:
    listed = {"input_tokens": billed.prompt, "cache_read_tokens": billed.cached, "output_tokens": billed.output}
    # Where cached audio has a price, the list wants to be told how much of it there is.
    return {**listed, "input_audio_tokens": billed.audio, "cache_audio_read_tokens": 0} if billed.audio else listed


_names: set[str] = set()


def _is_bounded(name: str) -> bool:
    """Whether to look for a name that a reply gave: an endpoint that gives each another would fill the memory."""
    if name not in _names:
        if len(_names) >= MOST_NAMES or len(name) > LONGEST_NAME:
            return False
        _names.add(name)
    return True


@functools.cache
def _calc_price() -> Any:
    """The list's own way to a price; None where it is not installed. Loaded when a cost is first asked for."""
    try:
        return importlib.import_module("genai_prices").calc_price
    except (ImportError, AttributeError):
        return None
