"""What a rule says of a paragraph in which somebody tells of its cause."""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.guesses.prose import TOLD, cause_of
from vops.diagnosis.rule import Verdict

_SEE = "See what the cluster says of it: kubectl -n NAMESPACE describe pod POD, and its log (kubectl logs --previous)."
_LONGEST = 160


def as_told(replica: Replica, cause: str, title: str, *steps: str) -> Verdict | None:
    """A suspicion with the words that tell of it; None where none do."""
    told = [item for item in replica.events if item.reason == TOLD and cause_of(item.message) == cause]
    if not told:
        return None
    said = told[0].message
    return Verdict(
        summary=f"By what is told of it: {said[:_LONGEST].rstrip('.: ')}{'…' if len(said) > _LONGEST else ''}",
        evidence=tuple(map(evidence.event, told)),
        confidence=Confidence.POSSIBLE,
        fixes=(remedies.advice(title, _SEE, *steps),),
    )
