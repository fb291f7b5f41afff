"""How many tokens a text is, about, without a tokenizer: each kind of character has its price.

A text is looked at as bytes of UTF-8, of which a table makes kinds, and the kinds are counted, in C: no word is ever
taken out of it. It is meant to be a little too much.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping

__all__ = ["hundredths_in", "tokens_in"]

# Measured with the tokenizer of the embedded model (SmolLM2: byte-level BPE of English, one token for each digit),
# which is dearer than most with anything but English. The estimate divided by the truth, as the middle of 10 to 40
# texts of 100 to 1,500 characters each (in brackets the least and the most of them):
#   records in English, nine sets        1.15 to 1.31 (1.12 to 1.40)    licences             1.40 (1.30 to 1.47)
#   messages in English                  1.34 (1.23 to 1.55)            prose of these       1.34 (1.19 to 1.47)
#   in German, Dutch, Danish             1.11 to 1.16 (0.95 to 1.31)    prose of these       1.02 to 1.06 (0.93 to 1.15)
#   in Polish, Italian, Finnish          1.10 to 1.15 (1.00 to 1.30)    prose of these       1.01 to 1.08 (0.93 to 1.27)
#   in seven others in Latin letters     1.16 to 1.31 (1.05 to 1.57)    Python               1.41 (1.32 to 1.57)
#   in Russian                           1.32 (1.16 to 1.43)            CSV, numbers         1.22 to 1.24 (1.20 to 1.25)
#   in Chinese, Japanese                 1.23 (1.17 to 1.42)            base64, hex          1.03 to 1.09
# What is drawn at random from all characters of a script, and written by nobody: Chinese 0.80, Korean 0.99,
# Arabic 1.16, Hindi 1.14, emoji 1.17.

SHORT = 32  # characters of texts, such as empty lines, that come again and again

_KINDS: Mapping[bytes, Iterable[int]] = {
    b"l": range(97, 123),
    b"u": range(65, 91),
    b"d": range(48, 58),
    b"n": range(10, 14),  # ends of lines
    b"s": (9, 32),
    b"c": range(0x80, 0xC0),  # the further bytes of any character
    b"x": range(0xC0, 0xCC),  # the first byte: Latin with marks
    b"g": range(0xCC, 0xD6),  # Greek, Cyrillic, Armenian
    b"a": range(0xD6, 0xE0),  # Hebrew, Arabic
    b"i": (0xE0, 0xE1),  # the scripts of India and its neighbours, Thai
    b"q": (0xE2,),  # dashes, quotes, signs
    b"h": range(0xE3, 0xEA),  # Chinese, Japanese
    b"k": range(0xEA, 0xF0),  # Korean
    b"f": range(0xF0, 0x100),  # emoji, rare Chinese
}
_KIND_OF = bytearray(b"p" * 256)  # punctuation, and what is nothing else
for _kind, _bytes in _KINDS.items():
    for _byte in _bytes:
        _KIND_OF[_byte] = _kind[0]
_TABLE = bytes(_KIND_OF)
_LETTERS = bytes.maketrans(b"u", b"l")

# In hundredths of a token. A short word is one token, and a long one has a further one for every few letters.
_PRICES: Mapping[bytes, int] = {
    b"uu": 50,  # words in capitals are taken to pieces
    b"lu": 150,  # and so is camelCase
    b"x": 350,  # such a word is as well
    b"d": 115,
    b"sd": 60,  # the space before a word is a part of it, but not that before a number
    b"ssss": 25,
    b"p": 25,
    b"n": 140,
    b"g": 110,
    b"a": 180,
    b"i": 210,
    b"q": 150,
    b"h": 210,
    b"k": 300,
    b"f": 350,
}
_PUNCTUATION = 140  # more, for the first of several signs: `://` is one token
_WORDS: Mapping[bytes, int] = {b"sl": 105, b"nl": 105, b"dl": 105, b"pl": 105, b"lllll": 30, b"llllllll": 110}
# What English hardly has, since its tokens take the words of other languages to pieces; and less for what it has most
# (never as much as its letters cost). Fitted to messages in eleven languages, English among them.
_FOREIGN: Mapping[bytes, int] = {
    **dict.fromkeys((b"aa", b"ij", b"cz", b"kk", b"ni", b"ge"), 120),
    **{b"el": 104, b"eg": 79, b"sch": 68, b"ka": 66, b"ie": 65, b"z": 61, b"en": 38, b"ei": 28, b"de": 20, b"k": 17},
    **dict.fromkeys((b"th", b"ing", b"tion", b"wh", b"ou", b"ed"), -30),
}
_LONG: Mapping[bytes, int] = {b"l" * 12: 120, b"l" * 14: 40}
_SIGNS = (b"sp", b"np", b"dp", b"lp", b"cp")


def tokens_in(text: str) -> int:
    """How many tokens a text is, rather too many than too few. Linear: 10 MB take less than half a second."""
    return -(-hundredths_in(text) // 100)


def hundredths_in(text: str) -> int:
    """The same in hundredths of a token. Parts that are cut between words have together no less than the whole."""
    return _short(text) if len(text) <= SHORT else _priced(text)


def _priced(text: str) -> int:
    encoded = text.encode("utf-8", "surrogatepass")
    kinds = encoded.translate(_TABLE)
    letters = kinds.translate(_LETTERS)
    price = sum(kinds.count(each) * cents for each, cents in _PRICES.items())
    price += sum(letters.count(each) * cents for each, cents in (*_WORDS.items(), *_LONG.items()))
    small = encoded.lower()
    price += sum(small.count(each) * cents for each, cents in _FOREIGN.items())
    price += sum(map(letters.count, _SIGNS)) * _PUNCTUATION
    return price + _WORDS[b"sl"] * letters.startswith(b"l") + _PUNCTUATION * letters.startswith(b"p")


_short = functools.lru_cache(maxsize=10_000)(_priced)
