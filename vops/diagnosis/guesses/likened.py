"""A pasted text that no rule is sure of, and the causes that it sounds like.

What it finds
    At most three causes that the words of a text go with, the likeliest first, where no rule finds more in it than a
    possibility, and the words say that something is wrong. Behind what a rule takes for probable comes one more, where
    the words speak clearly for another cause. It is asked of texts that somebody hands in, never of a cluster: there,
    objects tell more than words.

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

from collections.abc import Collection

from vops.diagnosis.findings import LIKENED, Confidence, Evidence, Finding, Severity
from vops.diagnosis.guesses.confirming import PLACEHOLDERS, to_confirm
from vops.diagnosis.guesses.likeness import Learned, Likeness, excerpt, fault_share, likely_causes
from vops.diagnosis.guesses.suspect_tests import TESTS
from vops.model.objects import Ref
from vops.model.patterns import lazy_pattern
from vops.model.text import one_line

_IS_FAULT, _IS_FAULT_TOLD = 0.8, 0.55
"""How likely it must be that anything is wrong, in what programs print and in what people tell.

Of healthy texts that were held back, hardly any came as far; and nobody hands in a tale of a server that is well.
"""

_A_TALE = 12
_MOSTLY = 0.7
_TOLD = lazy_pattern(r"(?!.*(?:\d\d:\d\d|\b(?:INFO|WARN\w*|ERROR|Warning|Normal)\b|[{}]| {3}))\s*(?:\S+ ){5}")
"""A line as people write them: six words, and nothing that programs put into theirs."""

_WORTH_SAYING = 0.02
"""How likely a cause must be beside the first."""

_CLEAR = 0.3
"""From where on words are worth a mention beside what a rule has found."""

_LONGEST = 200


def likened(subject: Ref, text: str) -> tuple[Finding, ...]:
    """What a text about a subject sounds like; nothing where it does not tell of a fault."""
    if not tells_of_a_fault(text):
        return ()
    first, *others = likely_causes(text)
    second = (item for item in others if item.share >= _WORTH_SAYING)
    return (
        _finding(subject, first, f"By its words this is most like {first.cause}"),
        *(_finding(subject, item, f"Less likely, {item.cause}") for item in second),
    )


def tells_of_a_fault(text: str, learned: Learned | None = None) -> bool:
    """Whether the words of a text say that anything is wrong."""
    return fault_share(text, learned) >= (_IS_FAULT_TOLD if is_told(text) else _IS_FAULT)


def is_told(text: str) -> bool:
    """Whether most lines of a text are somebody's sentences, and more than a line that a client got."""
    lines = [line for line in excerpt(text).splitlines() if line.strip()]
    return len(text.split()) >= _A_TALE and sum(_TOLD.match(line) is not None for line in lines) > _MOSTLY * len(lines)


def otherwise(subject: Ref, text: str, found: Collection[str]) -> tuple[Finding, ...]:
    """The cause that the words speak clearly for, where what was `found` by a single sign is another one."""
    first = next(iter(likely_causes(text)), None)
    if first is None or first.cause in found or first.share < _CLEAR:
        return ()
    return (_finding(subject, first, f"By its words it is more like {first.cause}"),)


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
