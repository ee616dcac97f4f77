"""Paragraphs in which somebody tells in their own words what keeps a pod, as an event about one that nobody named.

They are read last, where a text has neither a log nor anything that a program said.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from vops.diagnosis.guesses.prose import TOLD, told_paragraphs
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told, of_some_pod

_PROBE = lazy_pattern(r"\b(?P<kind>[Rr]eadiness|[Ll]iveness|[Ss]tartup)[ /-]?prob")
_LACKS = lazy_pattern(r"(?:/bin/)?(?:ba|da)?sh: (?:line )?\d{1,3}: [^\s:]{1,100}: (?:command )?not found")
_MOST = 3


def prose_events(text: str) -> Iterator[Told]:
    """What a probe's shell missed, else the paragraphs that tell of a cause."""
    probe, lacks = _PROBE.search(text), _LACKS.search(text)
    if probe is not None and lacks is not None:
        yield of_some_pod("Warning", "Unhealthy", f"{probe['kind'].capitalize()} probe failed: {lacks[0]}", "kubelet")
        return
    for paragraph in islice(told_paragraphs(text), _MOST):
        yield of_some_pod("Warning", TOLD, paragraph, "")
