"""The rollout is called failed while the model loads.

What it finds
    `progressDeadlineSeconds` (600 by default) that ends before the startup probe does.

Why it matters
    The Deployment reports ProgressDeadlineExceeded, and what waits for it (Helm, Argo CD, a pipeline) fails or rolls
    back a start that was on its way.

Evidence
    The deadline, and the startup probe's budget.

Fix
    Set it to the probe's budget and ten minutes for image and node.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import deployments
from vops.manifests.objects import whole_number
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_DEFAULT_S = 600
_MARGIN_S = 600


@rule(Severity.WARNING, deployments)
def short_progress_deadline(server: Server) -> Iterator[Flaw]:
    probe = server.container.startup_probe
    given = whole_number(server.object.get("spec", "progressDeadlineSeconds"))
    deadline = _DEFAULT_S if given is None else given
    if probe is None or probe.budget_s <= deadline:
        return
    where = () if given is None else ("progressDeadlineSeconds",)
    yield Flaw(
        server.object,
        (*server.object.path, "spec", *where),
        f"the rollout counts as failed after {deadline} s{' (the default)' if given is None else ''}, while the "
        f"startup probe allows {probe.budget_s} s",
        f"set progressDeadlineSeconds to {probe.budget_s + _MARGIN_S}",
    )
