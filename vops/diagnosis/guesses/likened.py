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
from vops.diagnosis.guesses.likeness import Likeness, fault_share, likely_causes
from vops.diagnosis.guesses.suspect_tests import TESTS
from vops.model.objects import Ref
from vops.model.text import one_line

IS_FAULT = 0.8
"""How likely it must be that anything is wrong: of healthy texts that were held back, hardly any came as far."""

_WORTH_SAYING = 0.02
"""How likely a cause must be beside the first."""

_CLEAR = 0.3
"""From where on words are worth a mention beside what a rule has found."""

_LONGEST = 200


def likened(subject: Ref, text: str) -> tuple[Finding, ...]:
    """What a text about a subject sounds like; nothing where it does not tell of a fault."""
    if fault_share(text) < IS_FAULT:
        return ()
    first, *others = likely_causes(text)
    second = (item for item in others if item.share >= _WORTH_SAYING)
    return (
        _finding(subject, first, f"By its words this is most like {first.cause}"),
        *(_finding(subject, item, f"Less likely, {item.cause}") for item in second),
    )


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
