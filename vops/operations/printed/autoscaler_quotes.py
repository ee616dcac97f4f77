"""What people quote of an autoscaler's reasons in prose, as the event that it posts of the same.

The Cluster Autoscaler gives a node group's reasons in square brackets behind `predicateReasons=`; GKE's gives codes
(`no.scale.up.nap.pod.gpu.type.not.supported`), here without the JSON that has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.provisioning.cluster_autoscaler import BACKOFF
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told, of_some_pod

_REASONS = lazy_pattern(r"predicateReasons=\[(?P<why>[^\]\n]{3,400})\]")
_CODE = lazy_pattern(
    r"\bno\.scale\.up\.(?:mig|nap)\.(?:skipped|pod|failing|zonal|cluster|optimize)?\.?(?P<words>[a-z.]{5,120})"
)
_BACKS_OFF = lazy_pattern(r"\bno\.scale\.up\.in\.backoff\b")
_ASKED = lazy_pattern(
    r"get --raw \S{0,3}/apis/(?P<api>(?:custom|external)\.metrics\.k8s\.io)[^\n]{0,400}\n+"
    r"(?P<answer>Error from server \((?:NotFound|ServiceUnavailable)\)[^\n]{0,300})"
)
_ABSENT = lazy_pattern(
    r"\b(?:no|without(?: an?| any)?|n(?:o|')t have(?: an?| any)?|neither)(?: \w{1,12}){0,2}?"
    r" (?:[Cc]luster[- ]?[Aa]utoscaler"
    r"|autoscaler|[Kk]arpenter)\b(?! needed)"
    r"|(?:[Cc]luster[- ]?[Aa]utoscaler|[Kk]arpenter)[`*]{0,2} (?:(?:is|was|has|are) ?(?:not|n't)|(?:is|was|are)n't)"
    r"(?: \w{1,10})? (?:installed|deployed|running|enabled|there)"
)
_GROUP = lazy_pattern(
    r"\bnode ?(?:group|pool)s?\b|\bASG\b|\bdesired (?:size|capacity)\b|nothing (?:scales|would scale) (?:it |them )?up",
    re.IGNORECASE,
)
_WAITS = lazy_pattern(r"\b[Pp]ending\b|FailedScheduling|nodes are available")
_LONGEST = 8_192
_SHOWN = 300
NO_AUTOSCALER = "NoAutoscaler"
"""Somebody's word that nothing adds nodes, told of a group that could have some."""

_NO_LIMIT = "no.limit.defined"
"""Said of a GPU that node auto-provisioning has no limit for, and so makes no nodes with."""


def quoted_reasons(text: str) -> Iterator[Told]:
    """One event with all the reasons of a short text, each once."""
    if len(text) > _LONGEST:
        return
    absent = _ABSENT.search(text)
    if absent is not None and _GROUP.search(text) and _WAITS.search(text):
        line = next(line for line in text[absent.start() :].splitlines() if line)
        yield of_some_pod("Warning", NO_AUTOSCALER, line.strip()[:_SHOWN], "somebody")
        return
    for match in _ASKED.finditer(text):
        about = {"kind": "HorizontalPodAutoscaler", "name": ""}
        message = f"unable to fetch metrics from {match['api']}: {match['answer']}"
        yield Told("Warning", "FailedGetMetric", message, "horizontal-pod-autoscaler", about=about)
    found = [match["why"] for match in _REASONS.finditer(text)]
    found += [_in_words(match["words"].strip(".")) for match in _CODE.finditer(text)]
    found += [BACKOFF] if _BACKS_OFF.search(text) else []
    reasons = ", ".join(f"1 {why}" for why in dict.fromkeys(found))
    if reasons:
        message = f"pod didn't trigger scale-up: {reasons}"
        yield of_some_pod("Normal", "NotTriggerScaleUp", message, "cluster-autoscaler")


def _in_words(code: str) -> str:
    return "max limit reached (none is defined for this GPU)" if code.endswith(_NO_LIMIT) else code.replace(".", " ")
