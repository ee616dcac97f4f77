"""Writes vops/diagnosis/guesses/words.txt: which words go with which cause, learned from all cases of tests/data.

`pip install 'vops[learn]' && python docs/learn_words.py`; with `--measure` it writes nothing and prints how good words
alone are on reports that were held back. Learned from are recordings, the collected cases, reports in words of our own,
messages of programs with their causes, and what the reference says of each cause. It is run again when cases have come;
what it writes is a part of the program.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from tests.blocks import blocks
from tests.eval.cases import DATA, NOTHING
from tests.eval.judge import NOT_A_FAULT
from tests.unit.diagnosis.test_recorded import LOGS, PODS
from vops.diagnosis.guesses import likeness
from vops.diagnosis.guesses.likened import is_told_of
from vops.diagnosis.guesses.likeness import (
    Term,
    excerpt,
    hear,
    read_table,
    table_of,
    terms_of,
)
from vops.diagnosis.rule import discover

REFERENCE = Path(__file__).parent / "reference" / "causes.md"
_KEPT = 80_000
"""How many weights are kept, the greatest: with more than these it gets no better."""

_STRENGTH = 10.0
_LEAST_CASES = 3
_COMMON = 0.5


_HEALTHY, _EXPLAINING = 3.0, 0.15
"""What a text without a failure counts; one that explains or wishes less, since it has the same words as reports."""


class Labelled(NamedTuple):
    """A text, its cause (NOTHING where nothing is wrong), and whether it explains or wishes."""

    text: str
    cause: str
    explains: bool = False

    @property
    def counts(self) -> float:
        """How much it counts when faults are told from health."""
        if self.cause != NOTHING:
            return 1.0
        return _EXPLAINING if self.explains else _HEALTHY


def main(arguments: Sequence[str]) -> int:
    if "--measure" in arguments:
        sys.stdout.write("\n".join(_measured()) + "\n")
        return 0
    labelled = everything()
    target = Path(likeness.__file__).with_name(likeness.TABLE)
    target.write_text(learned(labelled), "utf-8")
    sys.stdout.write(f"{target}: from {len(labelled)} texts, {target.stat().st_size >> 10} KiB\n")
    return 0


# --- what is learned from ---------------------------------------------------------------------------------


def everything() -> list[Labelled]:
    """All texts with a cause that come with vops, the reports last."""
    return [*_others(), *_reports()]


def _others() -> list[Labelled]:
    return _known((*_recordings(), *_cases(), *_messages(), *_errors(), *_tables(), *_reference()))


def _known(found: Iterable[Labelled]) -> list[Labelled]:
    """Those whose cause a rule knows; what is no fault is nothing that is wrong."""
    known = {item.cause for item in discover()} | {NOTHING}
    named = (item._replace(cause=NOTHING) if item.cause in NOT_A_FAULT else item for item in found)
    return [item for item in named if item.cause in known]


def _recordings() -> Iterator[Labelled]:
    for name, cause in PODS.items():
        yield Labelled((DATA / "describe" / f"{name}.txt").read_text("utf-8"), cause or NOTHING)
    for name, cause in LOGS.items():
        yield Labelled((DATA / "logs" / f"{name}.log").read_text("utf-8", "replace"), cause or NOTHING)


def _cases() -> Iterator[Labelled]:
    for truth in sorted((DATA / "cases").glob("*/truth.toml")):
        cause = str(tomllib.loads(truth.read_text("utf-8"))["cause"])
        parts = (path for path in sorted(truth.parent.iterdir()) if path.is_file() and path != truth)
        text = "\n".join(excerpt(path.read_text("utf-8", "replace")) for path in parts)
        yield Labelled(text, cause)


def _reports() -> list[Labelled]:
    return _known(item for path in sorted((DATA / "reports").glob("*.txt")) for item in _of_people(path))


def _of_people(path: Path) -> Iterator[Labelled]:
    """What people reported; the first of the causes that a block names is the likeliest."""
    for head, text in blocks(path):
        cause = head.split("|")[1].split()[0]
        yield Labelled(text, cause, explains=cause == NOTHING and not path.stem.startswith("healthy"))


def _messages() -> Iterator[Labelled]:
    for path in sorted((DATA / "messages").glob("*.txt")):
        for head, text in blocks(path):
            causes = [part.strip() for part in head.split("|")][1:]
            if causes:
                yield Labelled(text, re.split(r"[ ,/]", causes[0])[0])


def _errors() -> Iterator[Labelled]:
    for path in sorted((DATA / "errors").glob("*.txt")):
        yield from (Labelled(text, re.split(r"[|, ]", head)[0]) for head, text in blocks(path))
    for cause, _, type_, _, sentence in _rows(DATA / "errors" / "vllm-sentences.tsv"):
        yield Labelled(f"{type_}: {sentence}", cause.split("|")[0])


def _tables() -> Iterator[Labelled]:
    for path in sorted((DATA / "words").glob("*.tsv")):
        for cause, _, reason, type_, origin, message in _rows(path):
            yield Labelled(f"{type_} {reason} {origin} {message}", cause.split("|")[0])
    for path in sorted(DATA.glob("words-*.txt")):
        for cause, text in _rows(path):
            yield Labelled(text.replace("⏎", "\n"), cause.split("|")[0])


def _reference() -> Iterator[Labelled]:
    for section in REFERENCE.read_text("utf-8").split("\n## ")[1:]:
        cause, *paragraphs = section.split("\n\n")
        for text in paragraphs:
            if not text.startswith("Rules:") and len(text) > _SHORT:
                yield Labelled(text, cause.strip())


_SHORT = 40


def _rows(path: Path) -> Iterator[list[str]]:
    lines = path.read_text("utf-8").splitlines()
    yield from (line.split("\t") for line in lines if line and not line.startswith("#"))


# --- learning ---------------------------------------------------------------------------------------------


def learned(labelled: Sequence[Labelled]) -> str:
    """The table that was learned from texts with their causes."""
    vectorizer = TfidfVectorizer(analyzer=terms_of, sublinear_tf=True, min_df=_LEAST_CASES, max_df=_COMMON)
    values = vectorizer.fit_transform([excerpt(item.text) for item in labelled])
    faulty = np.array([item.cause != NOTHING for item in labelled])
    fault = _model().fit(values, faulty, sample_weight=[item.counts for item in labelled])
    cause = _model().fit(values[faulty], [item.cause for item in labelled if item.cause != NOTHING])
    weights = np.where(np.abs(cause.coef_) >= np.sort(np.abs(cause.coef_), axis=None)[-_KEPT], cause.coef_, 0)
    rarities = vectorizer.idf_
    terms = (
        (term, Term(rarities[at], fault.coef_[0][at], {int(n): weights[n, at] for n in np.flatnonzero(weights[:, at])}))
        for term, at in sorted(vectorizer.vocabulary_.items())
    )
    biases = dict(zip(map(str, cause.classes_), cause.intercept_, strict=True))
    return table_of(biases, float(fault.intercept_[0]), terms)


def _model() -> LogisticRegression:
    return LogisticRegression(C=_STRENGTH, max_iter=300, class_weight="balanced")


# --- measuring --------------------------------------------------------------------------------------------


def _measured() -> Iterator[str]:
    """How often words alone name the cause of a report that was not learned from, and hear that there is one."""
    others, told = _others(), _reports()
    faults = healthy = heard = misheard = first = three = 0
    for part in range(_PARTS):
        kept = [item for at, item in enumerate(told) if at % _PARTS != part]
        table = read_table(learned([*others, *kept]))
        for item in told[part::_PARTS]:
            sounds = hear(item.text, table)
            is_fault = is_told_of(item.text, sounds)
            if item.cause == NOTHING:
                healthy, misheard = healthy + 1, misheard + is_fault
                continue
            causes = [each.cause for each in sounds.causes]
            faults, heard = faults + 1, heard + is_fault
            first, three = first + (item.cause == causes[0]), three + (item.cause in causes)
    yield f"{faults} reports of failures: first {first / faults:.0%}, within three {three / faults:.0%}"
    yield f"taken for a failure: {heard / faults:.0%} of those, {misheard} of {healthy} without one"


_PARTS = 4


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
