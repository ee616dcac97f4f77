"""What the shell of a probe said, quoted between somebody's sentences, as the event that the kubelet posts of it."""

from __future__ import annotations

from collections.abc import Iterator

from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told, of_some_pod

_PROBE = lazy_pattern(r"\b(?P<kind>[Rr]eadiness|[Ll]iveness|[Ss]tartup)[ /-]?prob")
_LACKS = lazy_pattern(r"(?:/bin/)?(?:ba|da)?sh: (?:line )?\d{1,3}: [^\s:]{1,100}: (?:command )?not found")


def probe_events(text: str) -> Iterator[Told]:
    """What a probe's shell did not find."""
    probe, lacks = _PROBE.search(text), _LACKS.search(text)
    if probe is not None and lacks is not None:
        yield of_some_pod("Warning", "Unhealthy", f"{probe['kind'].capitalize()} probe failed: {lacks[0]}", "kubelet")
