"""The revisions of a Deployment: their numbers, images, what is new in each, and why it was made."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from vops.model.configuration import ControllerRevision
from vops.model.pods import Container
from vops.model.resources import PodTemplate, Workload
from vops.model.serving import is_vllm_server
from vops.model.text import one_line
from vops.render.text import Line, Span, Tone, line

_REVISION = "deployment.kubernetes.io/revision"
_CAUSE = "kubernetes.io/change-cause"
MOST_REVISIONS = 8


def revision_lines(found: Sequence[Workload]) -> list[Line]:
    """The ReplicaSets of one Deployment, the newest first, each held against the one before it."""
    ordered = sorted(found, key=revision, reverse=True)
    pairs = list(zip_longest(ordered, ordered[1:]))[:MOST_REVISIONS]
    return [_revision_line(item, before, newest=item is ordered[0]) for item, before in pairs]


def template_lines(found: Sequence[ControllerRevision], current: str, update: str) -> list[Line]:
    """The templates of one StatefulSet, the newest first; `current` and `update` are the names in its status."""
    ordered = sorted(found, key=lambda item: item.revision, reverse=True)
    pairs = list(zip_longest(ordered, ordered[1:]))[:MOST_REVISIONS]
    told = {update: "updated", current: "current"}
    return [_template_line(item, before, told.get(item.metadata.name, "")) for item, before in pairs]


def _template_line(item: ControllerRevision, before: ControllerRevision | None, role: str) -> Line:
    container = server_of(item.data.spec.template)
    image = container.image.rpartition("/")[2] if container else ""
    new = new_in(before.data.spec.template, item.data.spec.template) if before is not None else ""
    return line(
        Span(f"  {item.revision:>3}  ", Tone.STRONG if role else Tone.DIM), Span(f"{role:<9}", Tone.GOOD), image,
        Span(f"  changed: {new}" if new else "", Tone.DIM),
    )  # fmt: skip


def revision(item: Workload) -> int:
    """The number of a ReplicaSet's template; 0 where it has none."""
    text = item.metadata.annotations.get(_REVISION, "")
    return int(text) if text.isdecimal() else 0


def new_in(before: PodTemplate, after: PodTemplate) -> str:
    """Which parts of the server's container differ between two templates: `image, arguments`."""
    old, new = server_of(before), server_of(after)
    if old is None or new is None:
        return "another template"
    parts = {
        "image": old.image != new.image,
        "arguments": (old.command, old.args) != (new.command, new.args),
        "environment": old.env != new.env,
        "resources": old.resources != new.resources,
        "probes": (old.startup_probe, old.liveness_probe, old.readiness_probe)
        != (new.startup_probe, new.liveness_probe, new.readiness_probe),
    }
    return ", ".join(name for name, differs in parts.items() if differs) or "what surrounds the server"


def _revision_line(item: Workload, before: Workload | None, *, newest: bool) -> Line:
    container = server_of(item.spec.template)
    image = container.image.rpartition("/")[2] if container else ""
    pods = f"{item.status.ready_replicas}/{item.status.replicas}" if item.status.replicas else ""
    cause = one_line(item.metadata.annotations.get(_CAUSE, ""), 80)
    old = before.spec.template if before is not None else None
    new = new_in(old, item.spec.template) if old is not None and server_of(old) is not None else ""
    return line(
        Span(f"  {revision(item) or '–':>3}  ", Tone.STRONG if newest else Tone.DIM),
        Span(f"{pods:<6}", Tone.GOOD if pods else Tone.DIM), image, Span(f"  {cause}" if cause else "", Tone.DIM),
        Span(f"  changed: {new}" if new else "", Tone.DIM),
    )  # fmt: skip


def server_of(template: PodTemplate) -> Container | None:
    """The container of a template that runs vLLM."""
    return next((found for found in template.spec.containers if is_vllm_server(found)), None)
