"""What people write of metrics that are not there any more, or not under the labels that they ask by.

A series of DCGM that has `exported_pod` beside `pod` shows that its scrape does not honour labels; a query by the plain
labels, or a complaint, that this is what somebody runs into. The old name of a metric of vLLM is a fault where
somebody misses it. Each becomes an event about an autoscaler, which is who asks by metrics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.model.dialects import METRIC_NAMES
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told

LABELS_RENAMED = "LabelsRenamed"
METRIC_RENAMED = "MetricRenamed"
PAUSED = "ScaledObjectPaused"
_PAUSE = lazy_pattern(
    r"\"autoscaling\.keda\.sh/paused(?:-scale-out)?\": ?\"true\""
    r"|\"autoscaling\.keda\.sh/paused-replicas\": ?\"\d{1,4}\""
    r"|^(?:Annotations:)?[ \t]+autoscaling\.keda\.sh/paused(?:-scale-out)?: true[ \t]*$"
    r"|^(?:Annotations:)?[ \t]+autoscaling\.keda\.sh/paused-replicas: \d{1,4}[ \t]*$",
    re.MULTILINE,
)
"""The annotation as kubectl prints it, and not as manifests and commands have it."""

_SERIES = lazy_pattern(r"DCGM_FI_\w{3,60}\{[^}\n]{0,2000}\bexported_pod=\"[^\"\n]{1,253}\"[^}\n]{0,2000}\}")
_ASKED = lazy_pattern(r"DCGM_FI_\w{3,60}\{[^}\n]{0,400}?(?<!exported_)\b(?:pod|namespace|container) ?=~? ?[\"']")
_EXPORTERS = lazy_pattern(
    r"(?:\bpod\b|\bnamespace\b)[`\"']{0,2} (?:label )?(?:\w{1,12} ){0,4}(?:the )?(?:dcgm|exporter)"
    r"|exported_(?:pod|namespace)\b|\b(?:dcgm|exporter)['\u2019s]{0,2} (?:own )?(?:pod|namespace)\b"
)
_MISSED = lazy_pattern(
    r"\bnothing\b|\"result\": ?\[\]|\bno (?:data(?:points?)?|results?|series|values?)\b|\bN/A\b|\bempty\b|\bmissing\b"
    r"|\bnot? (?:found|longer|exist|there|shown?)|(?:doe|i)s ?n[o']t (?:exist|exported|there|show|work)|\bgone\b"
    r"|\bdisappear|\bremoved\b|\brenamed\b|stopped work|could not find the metric|\binstead of\b"
    r"|\bwrong (?:pod|label|namespace)",
    re.IGNORECASE,
)
_BLANK = lazy_pattern(
    r"\bno (?:data(?:points?)?|results?|series)\b|\bN/A\b|\bempty\b|\bmissing\b|not found|\bnothing\b|broken?\b"
    r"|stopped work|could not find|n[o']t (?:exist|work|show)|disappear",
    re.IGNORECASE,
)
"""What somebody sees whose query is for a name that is gone; that it is gone others only report."""

_OLD = tuple(item for item in METRIC_NAMES if item.until is not None)
_NAME = lazy_pattern(r"\bvllm[:_](" + "|".join(item.name for item in _OLD) + r")(?![a-z])")
_BESIDE = lazy_pattern(r"\bvllm[:_](?:" + "|".join(item.instead for item in _OLD if item.instead) + r")(?![a-z])")
_VERSION = lazy_pattern(r"\bv?(0)\.(\d{1,2})(?:\.(\d{1,2}))?\b")
_OVER = lazy_pattern(r"\b(?:fixe[sd]|solved|resolved|works? now|merged)\b")
_LONGEST = 6_000


def scaling_events(text: str) -> Iterator[Told]:
    """What a short text tells of labels or names that a query does not find, or of a pause."""
    if len(text) <= _LONGEST and (pause := _PAUSE.search(text)) is not None and not _OVER.search(text):
        yield _told(PAUSED, pause[0].strip())
        return
    if len(text) > _LONGEST or _OVER.search(text) or not _MISSED.search(text):
        return
    series, around = _SERIES.search(text), _SERIES.sub("", text)
    asked, exporters = _ASKED.search(around), _EXPORTERS.search(around)
    if series is not None and (asked or exporters):
        yield _told(LABELS_RENAMED, series[0])
    elif asked is not None and exporters is not None:
        yield _told(LABELS_RENAMED, asked[0])
    elif (
        (name := _NAME.search(text)) is not None
        and _BLANK.search(text)
        and (_since(name[1], text) or _BESIDE.search(text))
    ):
        line = next(line for line in text.splitlines() if name[0] in line)
        yield _told(METRIC_RENAMED, line.strip())


def _since(name: str, text: str) -> bool:
    """Whether a text tells of a version of vLLM that has the old name no more."""
    until = next(item.until for item in _OLD if item.name == name)
    versions = (tuple(int(part or 0) for part in match) for match in _VERSION.findall(text))
    return until is not None and any(version >= until for version in versions)


def _told(reason: str, message: str) -> Told:
    return Told("Warning", reason, message[:1000], "prometheus", about={"kind": "ScaledObject", "name": ""})
