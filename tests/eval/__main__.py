"""Prints how good the diagnosis is: `python -m tests.eval [--wrong] [FOLDER…]`.

FOLDER holds collected cases (see tests.eval.cases) to judge instead of those that come with vops.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tests.eval.cases import NOTHING, collected, every_case
from tests.eval.judge import NOT_A_FAULT, Judgement, judged, share

TARGETS = {"first": 0.90, "three": 0.97, "fixed": 0.85}
"""The shares that a release must reach; no finding at all may be made where nothing is wrong."""


def main(arguments: Sequence[str]) -> int:
    folders = [Path(text) for text in arguments if not text.startswith("-")]
    cases = [case for folder in folders for case in collected(folder)] if folders else list(every_case())
    judgements = [judged(case) for case in cases]
    sys.stdout.write("\n".join(_report(judgements, wrong="--wrong" in arguments)) + "\n")
    return 0 if reached(judgements) else 1


def reached(judgements: Iterable[Judgement]) -> bool:
    """Whether every target is met."""
    faults, healthy = _split(judgements)
    return not any(item.false for item in healthy) and all(share(faults, name) >= TARGETS[name] for name in TARGETS)


def _split(judgements: Iterable[Judgement]) -> tuple[list[Judgement], list[Judgement]]:
    faults: list[Judgement] = []
    healthy: list[Judgement] = []
    for item in judgements:
        (healthy if item.case.cause in NOT_A_FAULT | {NOTHING} else faults).append(item)
    return faults, healthy


def _report(judgements: Sequence[Judgement], *, wrong: bool) -> Iterator[str]:
    faults, healthy = _split(judgements)
    by_cause: dict[str, list[Judgement]] = defaultdict(list)
    for item in faults:
        by_cause[item.case.cause].append(item)
    yield f"{'cause':<28}{'cases':>6}{'first':>8}{'three':>8}{'fix':>8}"
    for cause in sorted(by_cause):
        yield _row(cause, by_cause[cause])
    yield _row("all", faults)
    false = [item for item in healthy if item.false]
    yield f"healthy: {len(healthy)} cases, {len(false)} with a false finding"
    yield from (f"  {item.case.name}: {', '.join(item.false)}" for item in false)
    if wrong:
        yield from (_wrong(item) for item in faults if not (item.first and item.fixed))


def _row(name: str, items: Sequence[Judgement]) -> str:
    shares = "".join(f"{share(items, what):>8.0%}" for what in TARGETS)
    return f"{name:<28}{len(items):>6}{shares}"


def _wrong(item: Judgement) -> str:
    found = ", ".join(item.found) or "nothing"
    fix = "" if item.fixed else f"; fix not /{item.case.fix}/"
    return f"wrong: {item.case.origin}/{item.case.name}: {item.case.cause}, found {found}{fix}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
