"""The objects by which GitOps controllers are told what to reconcile, as far as vops pauses them."""

from __future__ import annotations

from vops.model.resources import Kind, Named

APPLICATIONS = Kind("argoproj.io/v1alpha1", "Application", "applications", decodes_to=Named)
