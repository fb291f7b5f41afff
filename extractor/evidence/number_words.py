"""Numbers in words: English ones of any size, and those up to a hundred of six other languages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

__all__ = ["ENGLISH", "counted", "named"]

# ------------------------------------------------------------------------------------ in English

_WORDS = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
        "seventeen eighteen nineteen".split()
    )
} | {
    word: number * 10 for number, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)
}
_SCALES = {"hundred": 100, "thousand": 1_000, "million": 10**6, "billion": 10**9}
_BEGIN = "|".join(_WORDS)
_GO_ON = "|".join([*_WORDS, *_SCALES][1:])  # but for zero
ENGLISH = rf"(?<![^\W_])(?:{_BEGIN})(?![^\W_])(?:[ -](?:and )?+(?:{_GO_ON})(?![^\W_])){{0,12}}+"
"""A pattern for a number in English words, in any case."""


def counted(words: str) -> int:
    """The number that English words say."""
    total = below = 0
    for word in re.split(r"[ -]", words.lower()):
        scale = _SCALES.get(word)
        if scale == 100:
            below = max(below, 1) * 100
        elif scale:
            total, below = total + max(below, 1) * scale, 0
        else:
            below += _WORDS.get(word, 0)
    return total + below


# ------------------------------------------------------------------------------------ in other languages

# From 1 (a 1 that is an article is told by what follows only), the tens from 20, what is between them, and 100.
_DE = "ein zwei drei vier fünf sechs sieben acht neun zehn elf zwölf dreizehn vierzehn fünfzehn sechzehn siebzehn "
_NL = "een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien vijftien zestien zeventien "
_FR = "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix_sept "
_ES = "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis diecisiete "
_IT = "uno due tre quattro cinque sei sette otto nove dieci undici dodici tredici quattordici quindici sedici "
_PT = "um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis dezessete "
_LANGUAGES = {
    "de": (_DE + "achtzehn neunzehn",
           "zwanzig dreissig vierzig fünfzig sechzig siebzig achtzig neunzig", "und", "hundert"),
    "nl": (_NL + "achttien negentien",
           "twintig dertig veertig vijftig zestig zeventig tachtig negentig", "en", "honderd"),
    "fr": (_FR + "dix_huit dix_neuf",
           "vingt trente quarante cinquante soixante septante huitante nonante", " ", "cent"),
    "es": (_ES + "dieciocho diecinueve",
           "veinte treinta cuarenta cincuenta sesenta setenta ochenta noventa", " y ", "cien"),
    "it": (_IT + "diciassette diciotto diciannove",
           "venti trenta quaranta cinquanta sessanta settanta ottanta novanta", "", "cento"),
    "pt": (_PT + "dezoito dezenove",
           "vinte trinta quarenta cinquenta sessenta setenta oitenta noventa", " e ", "cem"),
}  # fmt: skip
_FURTHER = {
    "eins": 1, "één": 1, "fuenf": 5, "zwoelf": 12, "fuenfzehn": 15, "fuenfzig": 50, "einhundert": 100,
    "eenhonderd": 100, "duas": 2, "quatorze": 14, "dezasseis": 16, "dezassete": 17, "dezanove": 19,
    "ciento": 100, "veintiún": 21, "veintidós": 22, "veintitrés": 23, "veintiséis": 26, "ventitré": 23,
    "quatre vingts": 80, "quatre vingt": 80, "soixante et onze": 71, "quatre vingt onze": 91,
}  # fmt: skip
# Words that are something else in another language count only in a text of the one in which they are numbers.
_UNLIKE = {
    **dict.fromkeys(("sept", "neuf", "dix", "seize", "cent"), ("fr",)),
    **dict.fromkeys(("dos", "once", "doce"), ("es",)),
    **dict.fromkeys(("due", "sei", "otto", "tre"), ("it",)),
    **dict.fromkeys(("dez", "doze"), ("pt",)),
    "elf": ("de", "nl"),
}
_FUNCTION = {
    word: language
    for language, words in {
        "en": "the of and to for with is this",
        "de": "der die das und mit für ist nicht",
        "fr": "le les des et est pour une du",
        "es": "el los las y del una para",
        "it": "il di che della per è sono gli",
        "pt": "o os da não com uma em dos",
        "nl": "het een van voor niet wordt",
    }.items()
    for word in words.split()
}
_ARTICLES = frozenset("ein een un uno um".split())
_SHARES = ("pour ", "por ", "per ")
_LETTERS = re.compile(r"[^\W\d_]++")
_PHRASE = re.compile(r"[^\W\d_]++(?:[ \u00a0-][^\W\d_]++){0,4}+")
PHRASE = 60  # characters of a number in words at most


def _names() -> Iterator[tuple[str, int]]:
    """The numbers up to a hundred in words."""
    for language, (ones, tens, between, hundred) in _LANGUAGES.items():
        units = [each.replace("_", " ") for each in ones.split()]
        yield from ((name, number) for number, name in enumerate(units, 1) if name not in _ARTICLES)
        yield hundred, 100
        for number, ten in enumerate(tens.split(), 2):
            yield ten, number * 10
            for unit, name in enumerate(units[:9], 1):
                yield _joined(language, name, ten, between), number * 10 + unit
    for number in range(11, 20):  # in French, further from 60 and 80
        name = _LANGUAGES["fr"][0].split()[number - 1].replace("_", " ")
        yield from ((f"soixante {name}", 60 + number), (f"quatre vingt {name}", 80 + number))
    french = _LANGUAGES["fr"][0].split()
    yield from ((f"quatre vingt {french[number - 1]}", 80 + number) for number in range(1, 10))
    yield from (("soixante dix", 70), ("quatre vingt dix", 90), *_FURTHER.items())
    yield from (("vingt et un", 21), ("trente et un", 31), ("quarante et un", 41), ("cinquante et un", 51))
    yield from (("soixante et un", 61), ("uno", 1))


def _joined(language: str, unit: str, ten: str, between: str) -> str:
    if language in ("de", "nl"):
        return unit + ("ën" if language == "nl" and unit.endswith("e") else between) + ten
    if language == "es" and ten == "veinte":
        return "veinti" + unit
    return (ten[:-1] if language == "it" and unit[0] in "uo" else ten) + between + unit


_NAMES = dict(_names())
_FIRST = frozenset(name.partition(" ")[0] for name in _NAMES if name != "six")


def named(text: str) -> Iterator[tuple[int, int, int]]:
    """The numbers up to a hundred in German, French, Spanish, Italian, Portuguese and Dutch: start, end, number."""
    spoken: Counter[str] = Counter()
    starts = []
    for match in _LETTERS.finditer(text):
        word = match[0].casefold()
        if word in _FIRST:
            starts.append(match.start())
        elif word in _FUNCTION:
            spoken[_FUNCTION[word]] += 1
    most = max(spoken.values(), default=0)
    language = {each for each, count in spoken.items() if count == most > 1}
    last = 0
    for start in starts:
        found = _name(text, start) if start >= last else None
        if found is None or (found[0] in _UNLIKE and language.isdisjoint(_UNLIKE[found[0]])):
            continue
        name, last = found
        if _NAMES[name] != 100 or not text.endswith(_SHARES, 0, start):
            yield start, last, _NAMES[name]


def _name(text: str, start: int) -> tuple[str, int] | None:
    """The longest number in words that begins here, and where it ends."""
    match = _PHRASE.match(text, start, start + PHRASE)
    ends = [each.end() for each in _LETTERS.finditer(text, start, match.end())] if match else []
    for end in reversed(ends):
        name = re.sub("[ \u00a0-]", " ", text[start:end].casefold())
        if name in _NAMES:
            return name, end
    return None
