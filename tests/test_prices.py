"""Prices: what a reply costs, by the caller's own price or by the list of a package that may be installed."""

from __future__ import annotations

import decimal
import os
import pickle
import subprocess
import sys
from decimal import Context, Decimal, localcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor import prices
from extractor.chat.wire import CompletionTokensDetails, PromptTokensDetails, Usage
from extractor.errors import ExtractionFailed, OptionError
from extractor.prices import Billed, Price, Tariff

ROOT = Path(__file__).resolve().parent.parent
OWN = Price(input=1, output=2, cached_input=Decimal("0.5"))
GEMINI = "https://generativelanguage.googleapis.com/v1beta/openai"


def usage(prompt: int, completion: int, *, total: int = 0, cached: int = 0, audio: int = 0) -> Usage:
    """Make a usage of these numbers of tokens."""
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=total or prompt + completion,
        prompt_tokens_details=PromptTokensDetails(cached_tokens=cached, audio_tokens=audio),
    )


# ------------------------------------------------------------------------------------------------- tokens


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (usage(10, 5), Billed(prompt=10, cached=0, output=5)),
        (usage(10, 5, cached=4, audio=3), Billed(prompt=10, cached=4, output=5, audio=3)),
        (usage(10, 5, cached=40), Billed(prompt=10, cached=10, output=5)),
        (usage(10, 5, cached=8, audio=9), Billed(prompt=10, cached=8, output=5, audio=2)),
        (usage(10, 5, total=100), Billed(prompt=10, cached=0, output=90)),
        (usage(10, 5, total=3), Billed(prompt=10, cached=0, output=5)),
        (usage(-10, -5, total=7, cached=-1), Billed(prompt=0, cached=0, output=7)),
        (Usage(input_tokens=10, output_tokens=5), Billed(prompt=10, cached=0, output=5)),
        (
            Usage(
                prompt_tokens=13,
                completion_tokens=1_891,
                total_tokens=1_904,
                completion_tokens_details=CompletionTokensDetails(reasoning_tokens=1_480),
            ),
            Billed(prompt=13, cached=0, output=1_891),
        ),
        (Usage(), None),
        (None, None),
    ],
)
def test_billed(said: Usage | None, expected: Billed | None) -> None:
    """What is billed is the prompt and all that was generated, wherever an endpoint counts the thinking."""
    assert Billed.of(said) == expected


@settings(max_examples=200)
@given(st.lists(st.integers(), min_size=5, max_size=5))
def test_billed_is_within_reason(numbers: list[int]) -> None:
    """Whatever an endpoint says, no number of tokens is negative or endless, and the parts are parts."""
    prompt, completion, total, cached, audio = numbers
    billed = Billed.of(usage(prompt, completion, total=total, cached=cached, audio=audio))
    if billed is not None:
        assert 0 <= billed.cached + billed.audio <= billed.prompt <= prices.MOST_TOKENS
        assert 0 <= billed.output <= prices.MOST_TOKENS
        assert OWN.of(billed) >= 0


@pytest.mark.parametrize("precision", [2, 28])
def test_a_total_is_exact(precision: int) -> None:
    """Costs are added up to the last digit, whatever the caller's own decimal context rounds to; unknown stays so."""
    costs = [Decimal("0.0123"), Decimal("10.0001")]
    attempts = tuple(SimpleNamespace(cost=cost) for cost in costs)
    failed = ExtractionFailed("No.", attempts=attempts, value=None, errors=(), usage=Usage())  # type: ignore[arg-type]  # all that is asked of them
    with localcontext(Context(prec=precision)):
        assert prices.total(costs) == failed.cost == Decimal("10.0124")
    assert prices.total([*costs, None]) is None
    assert prices.total([]) == 0


# ---------------------------------------------------------------------------------------- the caller's own


@pytest.mark.parametrize("given_price", [0.1, "0.1", Decimal("0.1")])
def test_a_price_is_what_is_written(given_price: Any) -> None:
    """A tenth is a tenth, also as a float."""
    price = Price(input=given_price, output=0)
    assert price == Price(input="0.10", output=0, cached_input=0.1)
    assert price.of(Billed(prompt=1_000_000, cached=0, output=9)) == Decimal("0.1")


@pytest.mark.parametrize("wrong", [-1, "x", "", float("nan"), float("inf"), "-inf", "sNaN", None, True, [], b"1"])
@pytest.mark.parametrize("field", ["input", "output"])
def test_a_price_that_is_none(field: str, wrong: Any) -> None:
    """What is no amount of money is an error that names the price."""
    with pytest.raises(OptionError, match=field) as caught:
        Price(**{"input": 1, "output": 1, field: wrong})
    assert caught.value.option == "price"


def test_own_price() -> None:
    """The caller's price holds for any model, cached input at its own price."""
    tariff = Tariff(model="m", base_url="http://h/v1", own=OWN)
    assert tariff.cost("other", usage(1_000_000, 0)) == 1
    assert tariff.cost("", usage(0, 1_000_000)) == 2
    assert tariff.cost("m", usage(1_000_000, 1_000_000, cached=400_000)) == Decimal("2.8")
    assert Price(input=1, output=2).cached_input == 1
    assert tariff.known


def test_own_prices_by_model() -> None:
    """Of the caller's prices that of the model which answered is taken, else that of the one which was asked."""
    both = Tariff(model="asked", base_url="http://h", own={"asked": OWN, "answered": Price(input=5, output=5)})
    million = usage(1_000_000, 0)
    assert both.cost("answered", million) == 5
    assert both.cost("other", million) == 1
    assert both.cost("", million) == 1
    assert Tariff(model="x", base_url="http://h", own={"asked": OWN}).cost("y", million) is None
    assert not Tariff(model="x", base_url="http://h", own={"asked": OWN}).known


@pytest.mark.parametrize("wrong", [1, "1", {"m": 1}, [OWN]])
def test_own_prices_are_checked(wrong: Any) -> None:
    """A price that is no `Price` is an error before anything is asked."""
    with pytest.raises(OptionError, match="price is no Price"):
        Tariff(model="m", base_url="http://h", own=wrong)


def test_a_tariff_is_plain_data() -> None:
    """A tariff survives pickling, and does not change with the dict that it was made of."""
    own = {"m": OWN}
    tariff = Tariff(model="m", base_url="http://h", provider="p", own=own)
    own.clear()
    assert tariff.cost("m", usage(1_000_000, 0)) == 1
    assert pickle.loads(pickle.dumps(tariff)) == tariff


@pytest.mark.parametrize("said", [None, Usage()])
def test_no_usage_is_not_free(said: Usage | None) -> None:
    """What a reply without a usage cost is not known."""
    assert Tariff(model="m", base_url="http://h", own=OWN).cost("m", said) is None
    assert Tariff(model="gpt-4o", base_url="https://api.openai.com/v1").cost("gpt-4o", said) is None


def test_the_callers_decimals() -> None:
    """How the caller's own program rounds decimals, or traps their rounding, changes no cost."""
    said = usage(1_234_567, 89, cached=1_000)
    tariffs = [
        Tariff(model="m", base_url="http://h", own=Price(input="0.123456", output="9.87654321")),
        Tariff(model="gpt-4o", base_url="https://api.openai.com/v1"),
    ]
    before = [each.cost("", said) for each in tariffs]
    with decimal.localcontext(decimal.Context(prec=2, traps=[decimal.Inexact])):
        assert [each.cost("", said) for each in tariffs] == before
    assert before[0] == Decimal("0.15329371589769")


# ------------------------------------------------------------------------------------------------ the list


def test_the_list_knows_a_model_by_its_address() -> None:
    """Without a price of the caller's, that of the package's list counts, found by the address."""
    tariff = Tariff(model="gpt-4.1-mini", base_url="https://api.openai.com/v1")
    cost = tariff.cost("gpt-4.1-mini-2025-04-14", usage(1_000_000, 100_000))
    assert cost is not None
    assert 0 < cost < 10
    assert tariff.cost("", usage(1_000_000, 100_000)) == cost
    assert tariff.cost("a name that nobody knows", usage(1_000_000, 100_000)) == cost
    cached = tariff.cost("", usage(1_000_000, 100_000, cached=900_000))
    assert cached is not None
    assert cached < cost
    assert tariff.known


def test_the_list_knows_a_model_by_its_provider() -> None:
    """At an address that the list does not know, the preset's name counts."""
    said = usage(1_000, 10)
    direct = Tariff(model="gemini-2.5-flash-lite", base_url=GEMINI).cost("", said)
    by_name = Tariff(model="gemini-2.5-flash-lite", base_url="http://proxy/v1", provider="gemini").cost("", said)
    assert direct == by_name
    assert direct is not None


def test_audio_costs_what_audio_costs() -> None:
    """Audio in the prompt is billed at its own price, beside cached text too."""
    tariff = Tariff(model="gemini-2.5-flash-lite", base_url=GEMINI)
    costs = [tariff.cost("", usage(1_000, 10, cached=500, audio=audio)) for audio in (0, 300)]
    assert costs[0] is not None
    assert costs[1] is not None
    assert costs[0] < costs[1]


@pytest.mark.parametrize(
    ("model", "base_url", "provider"),
    [
        ("gemini-2.5-flash-lite", "https://direct.evolink.ai/v1", "evolink"),
        ("gpt-4o", "http://localhost:8000/v1", "vllm"),
        ("gpt-4o", "http://proxy/v1", ""),
        ("nobody's", "https://api.openai.com/v1", "openai"),
        ("", "", ""),
    ],
)
def test_no_price_is_made_up(model: str, base_url: str, provider: str) -> None:
    """A model that the list does not know there has no price, though another provider may sell one of that name."""
    tariff = Tariff(model=model, base_url=base_url, provider=provider)
    assert tariff.cost(model, usage(10, 10)) is None
    assert not tariff.known


@settings(max_examples=100)
@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=10), st.builds(usage, *[st.integers()] * 2))
def test_a_cost_never_raises(model: str, base_url: str, provider: str, said: Usage) -> None:
    """Whatever names an endpoint gives, asking for the cost raises nothing."""
    cost = Tariff(model=model, base_url=base_url, provider=provider).cost(model[::-1], said)
    assert cost is None or cost >= 0


def test_names_of_replies_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An endpoint that gives its model another name in each reply fills no memory: the name asked for counts then."""
    asked: list[str] = []

    def calc_price(listed: Any, name: str, **place: str) -> Any:
        asked.append(name)
        raise LookupError(name)

    monkeypatch.setattr(prices, "_calc_price", lambda: calc_price)
    monkeypatch.setattr(prices, "_names", set())
    tariff = Tariff(model="m", base_url="http://h")
    for number in range(prices.MOST_NAMES + 10):
        tariff.cost(f"m{number}", usage(1, 1))
    tariff.cost("x" * (prices.LONGEST_NAME + 1), usage(1, 1))
    assert len(set(asked)) == prices.MOST_NAMES + 1
    assert asked.count("m") == prices.MOST_NAMES + 11


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the list is not installed there is no price, and no error."""
    prices._calc_price.cache_clear()
    monkeypatch.setitem(sys.modules, "genai_prices", None)
    try:
        tariff = Tariff(model="gpt-4o", base_url="https://api.openai.com/v1")
        assert tariff.cost("gpt-4o", usage(10, 10)) is None
        assert not tariff.known
    finally:
        prices._calc_price.cache_clear()


def test_the_list_is_loaded_when_a_cost_is_asked_for() -> None:
    """The list is loaded late, only where it is needed, and nothing is fetched for it."""
    code = (
        "import sys\n"
        "from extractor.chat.wire import Usage\n"
        "from extractor.prices import Price, Tariff\n"
        "seen = []\n"
        "sys.addaudithook(lambda event, args: seen.append(event) if event.startswith('socket.') else None)\n"
        "said = Usage(prompt_tokens=10)\n"
        "Tariff(model='m', base_url='http://h', own=Price(input=1, output=1)).cost('m', said)\n"
        "Tariff(model='m', base_url='http://h').cost('m', None)\n"
        "assert 'genai_prices' not in sys.modules\n"
        "assert Tariff(model='gpt-4o', base_url='https://api.openai.com/v1').cost('', said)\n"
        "assert 'genai_prices' in sys.modules\n"
        "assert not [event for event in seen if event != 'socket.__new__'], seen\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
