"""The objects by which GitOps controllers are told what to reconcile, as far as vops pauses them."""

from __future__ import annotations

from vops.model.objects import Kind, Named

APPLICATIONS = Kind("argoproj.io/v1alpha1", "Application", "applications", decodes_to=Named)

PAUSED_UNTIL, PAUSED_BY, PAUSED_WAS = "vops.dev/paused-until", "vops.dev/paused-by", "vops.dev/paused-was"
"""Annotations of what vops has paused: when that should be over, by which run, and what has to be put back."""
FLUX_PAUSES = {
    "Kustomization": ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    "HelmRelease": ("helm.toolkit.fluxcd.io/driftDetection", "disabled"),
}
"""The annotation that has Flux leave one object alone, by what owns it."""
