"""The card that a manifest chooses, by the labels that its node selector names."""

from __future__ import annotations

from vops.manifests.objects import strings
from vops.manifests.servers import Server
from vops.sizing.gpus import Card, find_card

_LABELS = ("nvidia.com/gpu.product", "cloud.google.com/gke-accelerator", "karpenter.k8s.aws/instance-gpu-name")


def chosen_card(server: Server) -> Card | None:
    """The card of the nodes that a server's node selector asks for; None when it asks for none that vops knows."""
    selector = strings(server.pod.get("nodeSelector"))
    if any("mig-" in name or "shared" in name for name in server.accelerators):
        return None  # a part of a card
    return next((card for label in _LABELS if (card := find_card(selector.get(label, ""))) is not None), None)
