"""Where something like a text stands: with errors of reading, or in several pieces."""

from __future__ import annotations

from collections.abc import Sequence

from rapidfuzz.distance import LCSseq, Levenshtein

from extractor.evidence.folding import WORD, Squashed, is_border, skeleton, squashed
from extractor.evidence.misread import Run, is_changed, is_misread, is_opposite, same_digits
from extractor.evidence.place import Area, Place

__all__ = ["approximate", "in_one_piece"]

SHORTEST, LONGEST = 5, 20_000  # letters and digits of a text that is looked for
NEAR = 0.8  # the least likeness of two texts, without spaces and of what looks alike
ERRORS = 0.2  # of the characters of a text may be other ones
NEARLY, FOLDED = 0.95, 0.97  # what the score of a place is multiplied by
SEEDS, SEED_PLACES, WINDOWS = 24, 40, 6
SIZES = ((60, 8), (24, 6), (8, 4), (0, 3))  # of a text so long or longer: the length of a piece that is looked for
SURE = 4  # equal characters that tell where a text begins
COVERED = 0.8  # of the characters of a text stand in its pieces
PIECES = 6
STRETCH, APART = 3, 200  # times its length, and characters more, over which a text may be spread
FEW = 200  # places of a word that is not everywhere
SHIFTED = 200  # words by which a piece is moved to the next one


def approximate(area: Area, form: str, squeezed: Squashed) -> list[Place]:
    """Where something like the text stands: in one piece, or in several."""
    pieces = _pieces(area, form)
    if pieces and pieces[0].score >= 0.95:
        return pieces
    piece = in_one_piece(area, form, squeezed)
    return max((piece, pieces), key=lambda each: each[0].score if each else 0.0)


def in_one_piece(area: Area, form: str, squeezed: Squashed) -> list[Place]:
    """Where it stands in one piece with some errors; `form` is the text folded, `squeezed` that without spaces."""
    sought = skeleton(squeezed)
    length = len(sought.text)
    if not SHORTEST <= length <= LONGEST:
        return []
    into = area.source.skeleton
    places = []
    for at in _windows(area, into, sought.text):
        place = _fitted(area, into, sought, form, at)
        if place:
            places.append(place)
    best = max((each.score for each in places), default=0.0)
    return sorted({each for each in places if each.score >= best - 0.02})


def _windows(area: Area, into: Squashed, text: str) -> list[int]:
    """Where the text may begin, by pieces of it that stand there unchanged; the likeliest first."""
    size = next(size for least, size in SIZES if len(text) >= least)
    step = max(size, len(text) // SEEDS)
    seeds = [*range(0, len(text) - size + 1, step), len(text) - size]
    span = area.within(into)
    slack = max(2, len(text) // 5)
    votes: dict[int, int] = {}
    for offset in dict.fromkeys(seeds):
        found = list(area.all(into.text, text[offset : offset + size], span, SEED_PLACES))
        for at in found:
            bucket = (at - offset) // slack
            votes[bucket] = votes.get(bucket, 0) + 1
    best = sorted(votes, key=lambda each: (-votes[each] - votes.get(each + 1, 0), each))
    chosen: list[int] = []
    for bucket in best:
        if len(chosen) == WINDOWS:
            break
        if all(abs(bucket - each) > 1 for each in chosen):
            chosen.append(bucket)
    return [bucket * slack for bucket in chosen]


def _fitted(area: Area, into: Squashed, sought: Squashed, form: str, at: int) -> Place | None:
    """The best place for the text around where it may begin."""
    slack = max(3, len(sought.text) // 4)
    low, high = area.within(into)
    begin = max(low, at - slack)
    window = into.text[begin : min(high, at + len(sought.text) + 2 * slack)]
    steps = Levenshtein.opcodes(sought.text, window)
    same = [step for step in steps if step.tag == "equal"]
    same = [step for step in same if step.src_end - step.src_start >= SURE] or same
    if not same:
        return None
    start = begin + max(0, same[0].dest_start - same[0].src_start)
    end = begin + min(len(window), same[-1].dest_end + len(sought.text) - same[-1].src_end)
    if end <= start:
        return None
    return _scored(area, sought, form, into.starts[start], into.starts[end - 1] + 1)


def _scored(area: Area, sought: Squashed, form: str, start: int, end: int) -> Place | None:
    """A part of the folded text, moved to whole words, with its likeness to the text."""
    text = area.source.folded.text
    best: Place | None = None
    for first in _borders(text, start):
        for last in _borders(text, end):
            if last <= first:
                continue
            there = text[first:last]
            found = skeleton(squashed(there))
            score = NEARLY * Levenshtein.normalized_similarity(sought.text, found.text)
            if score < NEAR * NEARLY or (best and score <= best.score):
                continue
            errors = Levenshtein.distance(sought.text, found.text)
            if errors > max(1, int(len(sought.text) * ERRORS)) or not same_digits(sought, form, found, there):
                continue
            if is_misread(sought, form, found) and not is_opposite(form, there):
                best = area.place(*_stripped(text, first, last), score) or best
    return best


def _pieces(area: Area, form: str) -> list[Place]:
    """Where nearly all words of the text stand in order, with something in between."""
    words = [match[0] for match in WORD.finditer(form)][:LONGEST]
    if len(words) < 3:
        return []
    window = _densest(area, words, len(form))
    if window is None:
        return []
    text = area.source.folded.text
    there = list(WORD.finditer(text, *window))
    steps = LCSseq.opcodes(words, [match[0] for match in there])
    runs = [(step.src_start, step.src_end, step.dest_start, step.dest_end) for step in steps if step.tag == "equal"]
    runs = _gathered(runs, words, [match[0] for match in there])
    # A short word by itself may stand anywhere.
    runs = [run for run in runs if run[1] - run[0] > 1 or len(words[run[0]]) > 3 or words[run[0]].isdigit()]
    matched = {index for run in runs for index in range(run[0], run[1])}
    covered = sum(len(words[index]) for index in matched) / sum(map(len, words))
    missing = any(index not in matched and any(map(str.isdigit, word)) for index, word in enumerate(words))
    parts = [(there[run[2]].start(), there[run[3] - 1].end()) for run in runs]
    if covered < COVERED or missing or is_changed(area, words, there, runs):
        return []
    spans = [area.place(*part, 1.0) for part in _united(parts, text)]
    if not spans or len(spans) > PIECES or None in spans:
        return []
    places = [(each.start, each.end) for each in spans if each]
    score = covered * (1.0 - 0.02 * (len(places) - 1)) * FOLDED
    return [Place(places[0][0], places[-1][1], score, tuple(places))]


def _densest(area: Area, words: Sequence[str], length: int) -> tuple[int, int] | None:
    """The part of the folded text with the most of these words, by those that are not everywhere."""
    index = area.source.words
    low, high = area.folded()
    rare = sorted((len(index[word]), word) for word in {*words} if word in index)[:SEEDS]
    hits = sorted((at, word) for count, word in rare if count <= FEW for at in index[word] if low <= at < high)
    reach = length * STRETCH + APART
    best, left, inside, weight = None, 0, dict[str, int](), 0
    most = 0
    for at, word in hits:
        inside[word] = inside.get(word, 0) + 1
        weight += len(word) if inside[word] == 1 else 0
        while at - hits[left][0] > reach:
            gone = hits[left][1]
            inside[gone] -= 1
            weight -= 0 if inside[gone] else len(gone)
            left += 1
        if weight > most:
            most, best = weight, (hits[left][0], at + len(word))
    if best is None or most < COVERED / 2 * sum(len(word) for word in {*words}):
        return None
    return max(low, best[0] - length), min(high, best[1] + length)


def _borders(text: str, at: int) -> list[int]:
    """The place itself where it is a border, or the nearest ones before and behind."""
    found = []
    for step in (-1, 1):
        here = at
        for _ in range(8):
            if is_border(text, here):
                found.append(here)
                break
            here += step
    return list(dict.fromkeys(found)) or [at]


def _stripped(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and not text[start].isalnum():
        start += 1
    while end > start and not text[end - 1].isalnum():
        end -= 1
    return start, end


def _gathered(runs: list[Run], words: Sequence[str], there: Sequence[str]) -> list[Run]:
    """Each piece as near as it can be to the one behind it: the same words may stand further before."""
    gathered: list[Run] = []
    behind = len(there)
    for first, last, start, end in reversed(runs):
        at = start
        if gathered:
            sought = list(words[first:last])
            for here in range(behind - len(sought), max(start, behind - len(sought) - SHIFTED), -1):
                if there[here : here + len(sought)] == sought:
                    at = here
                    break
        gathered.append((first, last, at, at + end - start))
        behind = at
    return gathered[::-1]


def _united(parts: list[tuple[int, int]], text: str) -> list[tuple[int, int]]:
    """Pieces with nothing but marks and spaces between them as one."""
    united: list[tuple[int, int]] = []
    for start, end in parts:
        if united and start - united[-1][1] <= 4 and not any(map(str.isalnum, text[united[-1][1] : start])):
            united[-1] = (united[-1][0], end)
        else:
            united.append((start, end))
    return united
