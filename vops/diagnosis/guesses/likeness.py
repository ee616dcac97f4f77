"""Which causes a text sounds like, by the words of failures whose cause is known.

It is asked of texts that no rule is sure of: most often somebody's own words, which no table of messages holds.
words.txt holds what docs/learn_words.py learned from the collected cases: a weight for each word, and each two in a
row, for each cause, and one for whether anything is wrong at all. The same text always gets the same answer; what it
gets is a hint, and never more.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise

import msgspec

from vops.diagnosis.guesses.telling import plain, tells
from vops.model.patterns import lazy_pattern

TABLE = "words.txt"
SCALE = 20
"""What the numbers of the table are multiplied by."""

MOST = 3
_BEGINNING, _END = 2_000, 6_000
"""How much of a text is looked at, in characters: a report begins with its title, a log ends with its failure."""

_WORD = lazy_pattern(r"[A-Za-z][A-Za-z_]{1,30}|\b\d{3}\b")
_PART = lazy_pattern(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SENTENCE = lazy_pattern(r"\n|(?<=[.!?])\s")
_LONGEST = 300


class Likeness(msgspec.Struct, frozen=True):
    """A cause, and how likely it is among all others (0..1)."""

    cause: str
    share: float


class Learned(msgspec.Struct):
    """What was learned. `terms` holds a line of the table for each term, which is read when it is first asked for."""

    causes: tuple[str, ...]
    biases: tuple[float, ...]
    fault: float
    terms: Mapping[str, str]
    _read: dict[str, Term] = msgspec.field(default_factory=dict)

    def of(self, term: str) -> Term:
        known = self._read.get(term)
        if known is None:
            known = self._read[term] = _term(self.terms[term])
        return known


class Term(msgspec.Struct, frozen=True):
    """How rare a term is, and its weights: for a fault, and for causes by their number."""

    rarity: float
    fault: float
    causes: Mapping[int, float]


class Sentence(msgspec.Struct, frozen=True):
    """A sentence or line, what is known of its words, and how much it tells of a failure."""

    text: str
    terms: tuple[Term, ...]
    tells: float


def _term(line: str) -> Term:
    """A line of the table: rarity, weight of a fault, cause:weight…"""
    rarity, fault, *pairs = line.split()
    split = (pair.split(":") for pair in pairs)
    return Term(int(rarity) / SCALE, int(fault) / SCALE, {int(number): int(weight) / SCALE for number, weight in split})


def excerpt(text: str) -> str:
    """The part of a text that is looked at."""
    return text if len(text) <= _BEGINNING + _END else f"{text[:_BEGINNING]}\n{text[-_END:]}"


def terms_of(text: str) -> list[str]:
    """The words of a text in lower case, those with humps also taken apart, and every two in a row."""
    words = list(_words(text))
    return [*words, *(f"{one} {other}" for one, other in pairwise(words))]


def _words(text: str) -> Iterator[str]:
    for word in _WORD.findall(text):
        yield word.lower()
        parts = _PART.findall(word)
        if len(parts) > 1:
            yield from map(str.lower, parts)


class Heard(msgspec.Struct, frozen=True):
    """What a text sounds like: the log odds of anything being wrong, and the causes, supposing that; likeliest first.

    A text of which no word is known has no causes, and tells of nothing.
    """

    odds: float = -math.inf
    causes: tuple[Likeness, ...] = ()


def hear(text: str, learned: Learned | None = None) -> Heard:
    """What the words of a text go with."""
    learned = learned or _learned()
    values = list(_values(text, learned))
    if not values:
        return Heard()
    odds = learned.fault + sum(value * term.fault for term, value in values)
    return Heard(odds, tuple(_likeliest(values, learned)))


def _likeliest(values: Iterable[tuple[Term, float]], learned: Learned) -> Iterator[Likeness]:
    scores = list(learned.biases)
    for term, value in values:
        for number, weight in term.causes.items():
            scores[number] += value * weight
    top = max(scores)
    shares = [math.exp(score - top) for score in scores]
    for number in sorted(range(len(shares)), key=lambda number: -shares[number])[:MOST]:
        yield Likeness(learned.causes[number], shares[number] / sum(shares))


def _values(text: str, learned: Learned) -> Iterator[tuple[Term, float]]:
    """Each term of a text that is known, with what it counts: more the more often and the rarer, for any length."""
    counts = Counter(term for term in terms_of(excerpt(text)) if term in learned.terms)
    known = [(learned.of(term), 1 + math.log(times)) for term, times in counts.items()]
    length = math.hypot(*(term.rarity * often for term, often in known))
    yield from ((term, term.rarity * often / length) for term, often in known)


def telling(text: str, cause: str, learned: Learned | None = None) -> str:
    """The sentence or line of a text that speaks most for a cause; empty where no word of it is known."""
    learned = learned or _learned()
    number = learned.causes.index(cause)
    most = max(_sentences(text, learned), key=lambda sentence: _speaks(sentence, number), default=None)
    return most.text if most is not None else ""


def _sentences(text: str, learned: Learned) -> Iterator[Sentence]:
    for part in dict.fromkeys(part.strip() for part in _SENTENCE.split(excerpt(text))):
        terms = {term for term in terms_of(part[:_LONGEST]) if term in learned.terms}
        if terms:
            yield Sentence(plain(part), tuple(map(learned.of, terms)), tells(part))


def _speaks(sentence: Sentence, number: int) -> float:
    speaks = sum(term.rarity * term.causes.get(number, 0.0) for term in sentence.terms)
    return speaks * sentence.tells if speaks > 0 else speaks


@cache
def _learned() -> Learned:
    return read_table(files("vops.diagnosis.guesses").joinpath(TABLE).read_text("utf-8"))


def read_table(text: str) -> Learned:
    """The table as docs/learn_words.py writes it: causes with what each begins with, what a fault begins with, terms.

    Raises ValueError for a table of another form.
    """
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    causes = [entry.split(":") for entry in next(lines).split()]
    fault = int(next(lines)) / SCALE
    terms = dict(line.split("\t", 1) for line in lines)
    return Learned(tuple(name for name, _ in causes), tuple(int(bias) / SCALE for _, bias in causes), fault, terms)


def table_of(causes: Mapping[str, float], fault: float, terms: Iterable[tuple[str, Term]]) -> str:
    """The table's text, for what was learned: each cause with what it begins with, and all terms."""
    heads = " ".join(f"{cause}:{round(bias * SCALE)}" for cause, bias in causes.items())
    lines = [_HEAD, heads, str(round(fault * SCALE)), *(f"{term}\t{_line(one)}" for term, one in terms)]
    return "\n".join(lines) + "\n"


_HEAD = "# Written by docs/learn_words.py: causes, what speaks for a fault, and terms with their weights; do not edit."


def _line(term: Term) -> str:
    pairs = " ".join(f"{number}:{round(weight * SCALE)}" for number, weight in sorted(term.causes.items()))
    return f"{round(term.rarity * SCALE)} {round(term.fault * SCALE)} {pairs}".rstrip()
