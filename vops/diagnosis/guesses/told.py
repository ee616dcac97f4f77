"""Rules about paragraphs in which somebody tells of a cause, and what they say of those."""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Finding, Fix
from vops.diagnosis.guesses.prose import TOLD, cause_of
from vops.diagnosis.rule import Branch, Rule, Verdict

_SEE = "See what the cluster says of it: kubectl -n NAMESPACE describe pod POD, and its log (kubectl logs --previous)."
_LONGEST = 160


def told(cause: str, title: str, *steps: str, doc: str, order: int, name: str = "") -> Rule:
    """The rule of a cause that people tell of; it is asked where nothing else is found, and only suspects."""

    def check(replica: Replica) -> Verdict | None:
        return _as_told(replica, cause, remedies.advice(title, _SEE, *steps))

    return Rule(name or f"told-{cause}", cause, Branch.START, check, order=order, last_resort=True, doc=doc)


def is_told(finding: Finding) -> bool:
    """Whether a finding goes by such a paragraph alone."""
    return finding.rule.startswith(("told-", "prose-"))


def _as_told(replica: Replica, cause: str, fix: Fix) -> Verdict | None:
    """A suspicion with the words that tell of it; None where none do."""
    found = [item for item in replica.events if item.reason == TOLD and cause_of(item.message) == cause]
    if not found:
        return None
    said = found[0].message
    found = [item for item in found if item is found[0] or not item.message.startswith(said.rstrip("."))]
    return Verdict(
        summary=f"By what is told of it: {said[:_LONGEST].rstrip('.: ')}{'…' if len(said) > _LONGEST else ''}",
        evidence=tuple(map(evidence.event, found)),
        confidence=Confidence.POSSIBLE,
        fixes=(fix,),
    )
