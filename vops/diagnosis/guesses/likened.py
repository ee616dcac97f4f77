"""A pasted text, and the causes that it sounds like.

What it finds
    At most three causes that the words of a text go with, the likeliest first, where no rule finds anything in it, and
    the words, of which there must be some, say that something is wrong. In short texts they are also named beside what
    a rule finds without being certain, and before it where they are much surer. It is asked of texts that somebody
    hands in, never of a cluster: there, objects tell more than words.

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

import math

from vops.diagnosis.findings import LIKENED, Confidence, Evidence, Finding, Severity
from vops.diagnosis.guesses.confirming import PLACEHOLDERS, to_confirm
from vops.diagnosis.guesses.likeness import Heard, Likeness, excerpt, hear, telling
from vops.diagnosis.guesses.suspect_tests import TESTS
from vops.model.objects import Ref
from vops.model.patterns import lazy_pattern
from vops.model.text import one_line

_STRONG, _STRONG_TOLD, _STRONG_EXPLAINED = 0.15, -1.5, 2.0
"""How strong words must be to say that anything is wrong: in what programs print, what people tell, and what explains.

Of healthy texts of programs that were held back, hardly any came as far; and nobody hands in a tale of a server that is
well.
"""

_CLEARLY = 0.6
"""What it counts that the words go with one cause and not with many."""

_A_TALE, _WORDS = 25, 23
"""What a text must have, parts and words among them: a line or two without what was around them may mean anything."""

_WORD = lazy_pattern(r"[A-Za-z]{2,}")

_MOSTLY = 0.7
_TOLD = lazy_pattern(r"(?!.*(?:\d\d:\d\d|\b(?:INFO|WARN\w*|ERROR|Warning|Normal)\b|[{}]| {3}))\s*(?:\S+ ){5}")
"""A line as people write them: six words, and nothing that programs put into theirs."""

_WORTH_SAYING, _BESIDE = 0.02, 0.1
"""How likely a further cause must be, of all and of what the first is."""

_UNKNOWN, _CLEAR, _DOUBTFUL, _SURER = "unknown", 0.25, 0.55, 0.85
"""How likely a cause must be to come before what a rule has found: that no rule knows it, a possibility, or more.

From there on words were right, and rules wrong in every second report in which the two differed.
"""

_SHORT = 200
"""Words that a text has at most which is heard beside rules: longer ones are logs, and rules read those better."""

_LONGEST = 200
_SUREST = 0.99
"""What is said at most of how likely a cause is: words prove nothing."""


def likened(subject: Ref, text: str, *, explains: bool = False) -> tuple[Finding, ...]:
    """What a text about a subject sounds like; nothing where it does not tell of a fault.

    A page that `explains` must say so much louder.
    """
    heard = hear(text)
    if not is_told_of(text, heard) or (explains and strength(heard) < _STRONG_EXPLAINED):
        return ()
    return tuple(_finding(subject, text, item, first=item is heard.causes[0]) for item in _worth_saying(heard))


def beside(rules: tuple[Finding, ...], text: str) -> tuple[Finding, ...]:
    """What rules found in a text together with what its words go with, the likeliest first, where the two differ.

    Words speak before a rule that is not sure itself or knows no more than that something failed, and where they are
    much surer than words mostly are.
    """
    asked = _is_long(text) and (rules[0].cause == _UNKNOWN or len(text.split()) <= _SHORT)
    heard = _worth_saying(hear(text)) if asked else ()
    if not heard or heard[0].cause == rules[0].cause:
        return rules
    found = {item.cause: item for item in reversed(rules)}
    ahead = heard[0].share >= _least_before(rules[0])
    told = tuple(
        found.get(item.cause) or _finding(rules[0].subject, text, item, first=ahead and item is heard[0])
        for item in heard
    )
    ranked = (told[0], *rules, *told[1:]) if ahead else (*rules, *told)
    causes = [item.cause for item in ranked]
    return tuple(item for at, item in enumerate(ranked) if item.cause not in causes[:at])


def _least_before(rule: Finding) -> float:
    """How likely a cause must be to come before what a rule has found."""
    if rule.cause == _UNKNOWN:
        return _CLEAR
    return _DOUBTFUL if rule.confidence is Confidence.POSSIBLE else _SURER


def _worth_saying(heard: Heard) -> tuple[Likeness, ...]:
    least = max((_WORTH_SAYING, *(_BESIDE * item.share for item in heard.causes[:1])))
    return tuple(item for item in heard.causes if item.share >= least)


def is_told_of(text: str, heard: Heard) -> bool:
    """Whether the words of a text say that anything is wrong; a line alone says too little."""
    return _is_long(text) and strength(heard) >= (_STRONG_TOLD if tells_a_tale(text) else _STRONG)


def strength(heard: Heard) -> float:
    """How much words say that something is wrong: the log odds, and more where they go with one cause."""
    return heard.odds + _CLEARLY * math.log(heard.causes[0].share) if heard.causes else -math.inf


def _is_long(text: str) -> bool:
    return len(text.split()) >= _A_TALE and sum(1 for _ in _WORD.finditer(text)) >= _WORDS


def tells_a_tale(text: str) -> bool:
    """Whether most lines of a text are somebody's sentences."""
    lines = [line for line in excerpt(text).splitlines() if line.strip()]
    return sum(_TOLD.match(line) is not None for line in lines) > _MOSTLY * len(lines)


def _finding(subject: Ref, text: str, item: Likeness, *, first: bool) -> Finding:
    share = f"{min(item.share, _SUREST):.0%}"
    summary = (
        f"A hint, as no rule is sure: by its words this is most like {item.cause} ({share})"
        if first
        else f"Less likely, by its words alone: {item.cause} ({share})"
    )
    return Finding(
        rule=LIKENED,
        cause=item.cause,
        severity=Severity.WARNING,
        confidence=Confidence.POSSIBLE,
        subject=subject,
        summary=summary,
        evidence=(Evidence("text", "what speaks most for it", one_line(telling(text, item.cause), _LONGEST)),),
        fixes=(to_confirm(TESTS[item.cause], PLACEHOLDERS),),
    )
