"""`diagnose`: what the rules say about a target, for later steps to decide on."""

from __future__ import annotations

import msgspec

from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.findings import Finding, Severity
from vops.runbooks.kinds import Group, Outcome, RefArg, View

KIND = "diagnose"
GROUP = Group.LOOK
OUTPUTS = {"cause": "string", "summary": "string", "found": "bool"}


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """What to diagnose."""
    cause: str = ""
    """Look for this cause only; without it, the root cause."""


def look(args: Args, view: View) -> Outcome:
    """The first finding (of that cause): its cause and summary, both empty when there is none."""
    report = diagnose(view.facts, args.ref.ref)
    first = next((finding for finding in report.findings if _meant(finding, args.cause)), None)
    if first is None:
        return Outcome({"cause": "", "summary": "", "found": False})
    return Outcome({"cause": first.cause, "summary": first.summary, "found": True}, (first.summary,))


def _meant(finding: Finding, cause: str) -> bool:
    if finding.guessed:
        return False
    return finding.cause == cause if cause else finding.severity is not Severity.INFO
