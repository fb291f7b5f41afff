"""Documents whose values stand at known places: invoices, tables, contracts and letters in six locales.

Many values stand in further places too, and some in none: of those, half differ from one that does by a digit or word.
Half of the documents are read by a machine: characters are taken for others, spaces lost, words parted at the end of
lines.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from locales import LOCALES, Locale

__all__ = ["KINDS", "LOCALES", "NOISE", "Case", "corpus", "leaves_of", "long_document"]

# ------------------------------------------------------------------------------------ documents


@dataclass
class Draft:
    """A document in the making: its text, its value, and where every scalar of that stands."""

    random: random.Random
    locale: Locale
    pieces: list[str] = field(default_factory=list)
    length: int = 0
    true: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    grouped: tuple[str, str] = (",", ".")
    form: str = ""

    def say(self, *texts: str) -> None:
        """Add text."""
        for text in texts:
            self.pieces.append(text)
            self.length += len(text)

    def put(self, pointer: str, written: str) -> None:
        """Add the text of a value."""
        self.true[pointer] = (self.length, self.length + len(written))
        self.say(written)

    def label(self, *keys: str) -> str:
        """What the locale calls something."""
        return self.locale.space.join(self.locale.labels[key] for key in keys)

    def number(self, value: float, places: int = 2) -> str:
        """A number as the document writes them."""
        whole, _, rest = f"{value:,.{places}f}".partition(".")
        group, point = self.grouped
        return (whole.replace(",", group) + (point + rest if rest else "")).translate(self._digits())

    def date(self, value: tuple[int, int, int]) -> str:
        """A date as the document writes them."""
        year, month, day = value
        name = self.locale.months[month - 1]
        text = self.form.format(y=year, m=month, d=day, n=name, a=name[:3], s=year % 100)
        return text.translate(self._digits())

    def _digits(self) -> dict[int, int]:
        return str.maketrans("0123456789", self.locale.digits)

    def filler(self, words: int) -> str:
        """Words that say nothing."""
        chosen = self.random.choices(self.locale.words, k=words)
        return self.locale.space.join(chosen) + ("。" if self.locale.code == "zh" else ". ")


def iso(date: tuple[int, int, int]) -> str:
    """A date as JSON has it."""
    return "{:04}-{:02}-{:02}".format(*date)


def some_date(chance: random.Random) -> tuple[int, int, int]:
    """Some date."""
    return chance.randint(2015, 2029), chance.randint(1, 12), chance.randint(1, 28)


def invoice(draft: Draft) -> Any:
    """An invoice: rows with values that repeat, a total that is said again."""
    chance, locale = draft.random, draft.locale
    number = f"{chance.choice(['INV', 'R', 'F', 'RE'])}-{chance.randint(2015, 2029)}-{chance.randint(100, 99999):05}"
    vendor, customer = chance.sample(locale.firms, 2)
    date, due = some_date(chance), some_date(chance)
    phone = f"0{chance.randint(20, 99)} {chance.randint(100, 999)} {chance.randint(1000, 9999)}"
    street = f"{chance.choice(locale.streets)} {chance.randint(1, 250)}"
    town = chance.choice(locale.towns)
    gap = chance.choice([": ", ":  ", " "])
    draft.put("/vendor/name", vendor)
    draft.say("\n")
    draft.put("/vendor/street", street)
    draft.say("\n")
    draft.put("/vendor/town", town)
    draft.say("\n", draft.label("phone"), gap)
    draft.put("/vendor/phone", phone)
    draft.say("\n\n", draft.label("invoice", "number"), gap)
    draft.put("/number", number)
    draft.say("\n", draft.label("date"), gap)
    draft.put("/date", draft.date(date))
    draft.say(chance.choice(["\n", "        "]), draft.label("due"), gap)
    draft.put("/due_date", draft.date(due))
    draft.say("\n", draft.label("customer"), gap)
    draft.put("/customer", customer)
    draft.say("\n\n")
    rows, subtotal = _rows(draft, chance.randint(1, 14))
    rate = chance.choice([0.05, 0.07, 0.19, 0.2, 0.21])
    tax = round(subtotal * rate, 2)
    total = round(subtotal + tax, 2)
    for key, value in (("subtotal", subtotal), ("tax", tax), ("total", total)):
        draft.say(draft.label(key), gap, " " * chance.randint(0, 20))
        draft.put("/" + key, draft.number(value))
        draft.say(" ", locale.currency, "\n")
    draft.say(
        "\n", draft.filler(8), draft.label("pay"), " ", draft.number(total), " ", locale.currency, ". ", vendor, "\n"
    )
    return {
        "vendor": {"name": vendor, "street": street, "town": town, "phone": phone},
        "number": number,
        "date": iso(date),
        "due_date": iso(due),
        "customer": customer,
        "items": rows,
        "subtotal": subtotal,
        "tax": tax,
        "total": total,
    }


def _rows(draft: Draft, count: int, pointer: str = "/items") -> tuple[list[Any], float]:
    chance = draft.random
    numbered = chance.random() < 0.5
    mark = chance.choice(["  ", "\t", " | ", ";", "    "])
    heads = [draft.label(key) for key in ("item", "quantity", "price", "amount")]
    draft.say(mark.join((["#"] if numbered else []) + heads), "\n")
    goods = chance.choices(draft.locale.goods, k=max(2, count * 2 // 3))  # some twice
    prices = [chance.choice([5.0, 10.0, 12.5, 1250.0, 99.9, 0.75, round(chance.uniform(1, 3000), 2)]) for _ in goods]
    rows, total = [], 0.0
    for index in range(count):
        which = chance.randrange(len(goods))
        quantity = chance.choice([1, 1, 1, 2, 3, 5, 10, chance.randint(1, 120)])
        amount = round(quantity * prices[which], 2)
        total += amount
        here = f"{pointer}/{index}"
        if numbered:
            draft.say(str(index + 1).translate(str.maketrans("0123456789", draft.locale.digits)), mark)
        draft.put(f"{here}/name", goods[which])
        draft.say(" " * chance.randint(0, 3) if mark == "  " else "", mark)
        draft.put(f"{here}/quantity", draft.number(quantity, 0))
        draft.say(mark)
        draft.put(f"{here}/price", draft.number(prices[which]))
        draft.say(mark)
        draft.put(f"{here}/amount", draft.number(amount))
        draft.say("\n")
        rows.append({"name": goods[which], "quantity": quantity, "price": prices[which], "amount": amount})
    return rows, round(total, 2)


def listing(draft: Draft) -> Any:
    """A long table in which most values repeat, and two rows may be equal."""
    draft.say(draft.filler(12), "\n\n")
    rows, _ = _rows(draft, draft.random.randint(15, 40))
    draft.say("\n", draft.filler(12), "\n")
    return {"items": rows}


def contract(draft: Draft) -> Any:
    """A contract in prose, whose parties are named again and again."""
    chance, locale = draft.random, draft.locale
    landlord, tenant = chance.sample(locale.firms, 2)
    signer = chance.choice(locale.people)
    dated = some_date(chance)
    months, rent = chance.choice([12, 18, 24, 36, 48]), float(chance.randint(400, 9000))
    deposit = rent * chance.choice([2, 3])
    gap = locale.space or ""
    draft.say(draft.label("agreement"), "\n\n", draft.label("between"), gap)
    draft.put("/landlord", landlord)
    draft.say(gap, draft.label("and"), gap)
    draft.put("/tenant", tenant)
    draft.say(",", gap, draft.label("dated"), gap)
    draft.put("/date", draft.date(dated))
    draft.say(". ", draft.filler(30), "\n\n§ 1 ", draft.filler(10), draft.label("term"), " ")
    draft.put("/months", draft.number(months, 0))
    draft.say(" ", draft.label("months"), ". ", draft.filler(20), "\n\n§ 2 ", draft.label("rent"), " ")
    draft.put("/rent", draft.number(rent))
    draft.say(" ", locale.currency, ". ", draft.filler(15), draft.label("deposit"), " ")
    draft.put("/deposit", draft.number(deposit))
    draft.say(" ", locale.currency, ". ", draft.filler(40), "\n\n§ 3 ")
    quoted = draft.filler(14).strip()
    draft.put("/clause", quoted)
    draft.say("\n\n", draft.filler(20), "\n", landlord, "        ", tenant, "\n\n")
    draft.put("/signed_by", signer)
    draft.say("\n")
    return {
        "landlord": landlord,
        "tenant": tenant,
        "date": iso(dated),
        "months": months,
        "rent": rent,
        "deposit": deposit,
        "clause": quoted,
        "signed_by": signer,
    }


def letter(draft: Draft) -> Any:
    """A letter with an address beside another text, and people with their phones."""
    chance, locale = draft.random, draft.locale
    sender, *others = chance.sample(locale.people, 4)
    street = f"{chance.choice(locale.streets)} {chance.randint(1, 250)}"
    town = chance.choice(locale.towns)
    date, meeting = some_date(chance), some_date(chance)
    draft.put("/sender", sender)
    draft.say("\n")
    draft.put("/street", street)
    draft.say("\n")
    draft.put("/town", town)
    draft.say(", ")
    draft.put("/date", draft.date(date))
    draft.say("\n\n", draft.label("dear"), " ", others[0], ",\n\n", draft.filler(25), draft.label("meeting"), " ")
    draft.put("/meeting", draft.date(meeting))
    draft.say(". ", draft.filler(10), "\n")
    people = []
    for index, person in enumerate(others):
        phone = f"+{chance.randint(20, 99)} {chance.randint(100, 999)} {chance.randint(10000, 99999)}"
        draft.say("- ")
        draft.put(f"/people/{index}/name", person)
        draft.say(", ", draft.label("phone"), " ")
        draft.put(f"/people/{index}/phone", phone)
        draft.say("\n")
        people.append({"name": person, "phone": phone})
    draft.say("\n", draft.filler(25), "\n", draft.label("regards"), "\n", sender, "\n")
    return {
        "sender": sender,
        "street": street,
        "town": town,
        "date": iso(date),
        "meeting": iso(meeting),
        "people": people,
    }


KINDS: Mapping[str, Callable[[Draft], Any]] = {
    "invoice": invoice,
    "table": listing,
    "contract": contract,
    "letter": letter,
}

# ------------------------------------------------------------------------------------ noise and falsehoods

_CONFUSED = {
    "0": "O", "O": "0", "1": "l", "l": "1", "I": "l", "i": "l", "5": "S", "S": "5", "8": "B", "B": "8", "e": "c",
    "c": "e", "m": "rn", "w": "vv", "h": "b", "u": "v", "n": "u", "a": "o", "é": "e", "ü": "u", "ö": "o", ",": ".",
    "t": "f",
}  # fmt: skip


def misread(
    text: str, spans: Mapping[str, tuple[int, int] | None], share: float, chance: random.Random
) -> tuple[str, dict[str, Any]]:
    """A text as a machine read it, and where the places are then."""
    pieces: list[str] = []
    starts = []
    length = 0
    for index, character in enumerate(text):
        form = character
        roll = chance.random()
        if roll < share and character in _CONFUSED:
            form = _CONFUSED[character]
        elif roll < share / 3 and character == " ":
            form = ""
        elif (
            roll < share / 4
            and character.isalpha()
            and character.isascii()
            and text[index - 1 : index].isalpha()
            and text[index + 1 : index + 2].islower()
        ):
            form = character + "-\n"
        elif roll < share / 2 and character == " ":
            form = "\n"
        starts.append(length)
        length += len(form)
        pieces.append(form)
    starts.append(length)
    return "".join(pieces), {key: (starts[span[0]], starts[span[1]]) if span else None for key, span in spans.items()}


def leaves_of(value: Any, pointer: str = "") -> Iterator[tuple[Any, Any, str]]:
    """The scalars of a value: what they stand in, their keys, their pointers."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, member in list(pairs):
        if isinstance(member, (dict, list)):
            yield from leaves_of(member, f"{pointer}/{key}")
        else:
            yield value, key, f"{pointer}/{key}"


def falsified(draft: Draft, value: Any, text: str) -> None:
    """Change some scalars to what does not stand in the document."""
    chance = draft.random
    for holder, key, pointer in list(leaves_of(value)):
        if chance.random() >= 0.06:
            continue
        other = _other(holder[key], draft)
        written = [other] if isinstance(other, str) else [draft.number(other), draft.number(other, 0)]
        if not any(each in text for each in written):
            holder[key] = other
            draft.true[pointer] = None


def _other(value: Any, draft: Draft) -> Any:
    chance = draft.random
    if isinstance(value, int):
        return value + chance.choice([7, 1000, 131])
    if isinstance(value, float):
        return round(value * chance.choice([1.1, 10, 0.5]) + 0.37, 2)
    digits = [index for index, character in enumerate(value) if character.isdigit()]
    if digits:
        if value[4:5] == "-" and len(value) == 10:
            return f"{int(value[:4]) + 11}{value[4:]}"
        at = chance.choice(digits)
        return value[:at] + str((int(value[at]) + chance.randint(1, 9)) % 10) + value[at + 1 :]
    everything = [*draft.locale.people, *draft.locale.firms, *draft.locale.towns, *draft.locale.goods]
    return chance.choice([each for each in everything if each != value])


@dataclass(frozen=True, kw_only=True)
class Case:
    """A document with what is true of it."""

    kind: str
    locale: str
    noise: str
    text: str
    value: Any
    true: Mapping[str, tuple[int, int] | None]


NOISE = {"clean": 0.0, "light": 0.01, "heavy": 0.03}


def corpus(seed: int, documents: int) -> list[Case]:
    """Documents of every kind, locale and noise."""
    cases = []
    for number in range(documents):
        chance = random.Random(f"{seed}/{number}")
        kind = list(KINDS)[number % len(KINDS)]
        locale = LOCALES[number // len(KINDS) % len(LOCALES)]
        noise = ["clean", "clean", "light", "heavy"][number // (len(KINDS) * len(LOCALES)) % 4]
        draft = Draft(random=chance, locale=locale)
        draft.grouped, draft.form = chance.choice(locale.marks), chance.choice(locale.day)
        value = KINDS[kind](draft)
        text = "".join(draft.pieces)
        falsified(draft, value, text)
        text, true = misread(text, draft.true, NOISE[noise], chance)
        cases.append(Case(kind=kind, locale=locale.code, noise=noise, text=text, value=value, true=true))
    return cases


def long_document(tokens: int, seed: int) -> tuple[str, Any]:
    """A document of so many tokens with 20 records of 5 values all over it."""
    chance = random.Random(seed)
    draft = Draft(random=chance, locale=LOCALES[0], form=LOCALES[0].day[1])
    records: list[dict[str, Any]] = []
    while draft.length < tokens * 4:
        if draft.length >= len(records) * tokens * 4 / 20 and len(records) < 20:
            record: dict[str, Any] = {
                "name": chance.choice(LOCALES[0].people),
                "number": f"AB-{chance.randint(1000, 99999)}",
                "quantity": chance.choice([1, 2, 3]),
                "amount": round(chance.uniform(1, 5000), 2),
                "date": iso(date := some_date(chance)),
            }
            draft.say(f"\n{record['name']}, {record['number']}, {record['quantity']} x ")
            draft.say(f"{draft.number(record['amount'])} $, {draft.date(date)}\n")
            records.append(record)
        draft.say(draft.filler(20), "" if chance.random() < 0.5 else f"{chance.randint(1, 999)} ")
    return "".join(draft.pieces), {"records": records}
