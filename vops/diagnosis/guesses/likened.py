"""A pasted text in which no rule finds anything, and the causes that it sounds like.

What it finds
    At most three causes that the words of a text go with, the likeliest first, where no rule finds anything in it, and
    the words, of which there must be some, say that something is wrong. It is asked of texts that somebody hands in,
    never of a cluster: there, objects tell more than words.

Why it matters
    People tell of failures in words of their own, and no list of messages ends. A hint with a command that confirms or
    refutes it is worth more than silence.

Evidence
    The sentence that speaks most for the cause. Words prove nothing: confidence possible, severity warning. The weights
    of the words were learned from collected failures whose cause is known (words.txt beside this module), so that the
    same text always gets the same answer.

Fix
    By hand only: first the command that confirms or refutes it, then what is done where it is confirmed.
"""

from __future__ import annotations

from vops.diagnosis.findings import LIKENED, Confidence, Evidence, Finding, Severity
from vops.diagnosis.guesses.confirming import PLACEHOLDERS, to_confirm
from vops.diagnosis.guesses.likeness import Learned, Likeness, excerpt, fault_share, likely_causes
from vops.diagnosis.guesses.suspect_tests import TESTS
from vops.model.objects import Ref
from vops.model.patterns import lazy_pattern
from vops.model.text import one_line

_IS_FAULT, _IS_FAULT_TOLD = 0.8, 0.65
"""How likely it must be that anything is wrong, in what programs print and in what people tell.

Of healthy texts that were held back, hardly any came as far; and nobody hands in a tale of a server that is well.
"""

_A_TALE = 25
"""Words that a text must have: a line or two without all that was around them may mean anything."""

_MOSTLY = 0.7
_TOLD = lazy_pattern(r"(?!.*(?:\d\d:\d\d|\b(?:INFO|WARN\w*|ERROR|Warning|Normal)\b|[{}]| {3}))\s*(?:\S+ ){5}")
"""A line as people write them: six words, and nothing that programs put into theirs."""

_WORTH_SAYING, _BESIDE = 0.02, 0.1
"""How likely a further cause must be, of all and of what the first is."""

_FAINT, _CLEAR = 0.05, 0.3
"""How likely the first cause must be, and where a log ends in an error that no rule knows."""

_LONGEST = 200


def likened(subject: Ref, text: str, *, unknown: bool = False) -> tuple[Finding, ...]:
    """What a text about a subject sounds like; nothing where it does not tell of a fault.

    Where an error was read that is `unknown`, only what the words say clearly.
    """
    if not tells_of_a_fault(text):
        return ()
    first, *others = likely_causes(text)
    if first.share < (_CLEAR if unknown else _FAINT):
        return ()
    second = (item for item in others if item.share >= max(_WORTH_SAYING, _BESIDE * first.share))
    return (
        _finding(subject, first, f"By its words this is most like {first.cause}"),
        *(_finding(subject, item, f"Less likely, {item.cause}") for item in second),
    )


def tells_of_a_fault(text: str, learned: Learned | None = None) -> bool:
    """Whether the words of a text say that anything is wrong; a line alone says too little."""
    return len(text.split()) >= _A_TALE and fault_share(text, learned) >= (
        _IS_FAULT_TOLD if tells_a_tale(text) else _IS_FAULT
    )


def tells_a_tale(text: str) -> bool:
    """Whether most lines of a text are somebody's sentences."""
    lines = [line for line in excerpt(text).splitlines() if line.strip()]
    return sum(_TOLD.match(line) is not None for line in lines) > _MOSTLY * len(lines)


def _finding(subject: Ref, item: Likeness, summary: str) -> Finding:
    return Finding(
        rule=LIKENED,
        cause=item.cause,
        severity=Severity.WARNING,
        confidence=Confidence.POSSIBLE,
        subject=subject,
        summary=summary,
        evidence=(Evidence("text", "what speaks most for it", one_line(item.sentence, _LONGEST)),),
        fixes=(to_confirm(TESTS[item.cause], PLACEHOLDERS),),
    )
