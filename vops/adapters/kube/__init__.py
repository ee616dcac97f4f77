"""The Kubernetes adapter: vops.ports.Cluster over the user's kubeconfig.

The official `kubernetes` package logs in; requests are raw and bodies are decoded into the structs of vops.model.
"""

from __future__ import annotations

from vops.adapters.kube.client import KubeCluster
from vops.ports import Clock, Meter

__all__ = ["KubeCluster", "connect", "list_contexts"]


async def connect(
    kubeconfig: str = "",
    context: str = "",
    *,
    readonly: bool = False,
    timeout_s: float = 10.0,
    clock: Clock | None = None,
    meter: Meter | None = None,
) -> KubeCluster:
    """The cluster of a kubeconfig context, or of the pod that vops runs in; sends nothing yet. `meter` counts bytes.

    Raises InputError (a broken file), UsageError (no such context, no configuration), Unauthorized (login failed).
    """
    # Loading the login costs a tenth of a second that the lab does not need.
    from vops.adapters.kube.login import log_in

    endpoint = await log_in(kubeconfig, context)
    return KubeCluster.over(
        endpoint,
        readonly=readonly,
        timeout_s=timeout_s,
        clock=clock,
        meter=meter,
        # By its name: a changed current-context must not lead a running session elsewhere.
        renew=lambda: log_in(kubeconfig, endpoint.context),
    )


def list_contexts(kubeconfig: str = "") -> tuple[tuple[str, ...], str]:
    """All contexts of the kubeconfig, and the current one ("" when none is set). Raises InputError."""
    from vops.adapters.kube.kubeconfig import list_contexts as listed

    return listed(kubeconfig)
