"""Who owns a field: GitOps tools, Helm, operators and autoscalers, told from the object alone."""

from __future__ import annotations

from typing import Any

import pytest

from vops.planning.guards import guards_for
from vops.planning.ownership import OwnerKind, field_managers, owners


def deployment(**meta: Any) -> dict[str, Any]:
    container = {"name": "vllm", "args": ["--x"], "env": [{"name": "A"}]}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "llama", "namespace": "serving", **meta},
        "spec": {"template": {"spec": {"containers": [container]}}},
    }


TRACKING = "argocd.argoproj.io/tracking-id"
FLUX = {"kustomize.toolkit.fluxcd.io/name": "apps", "kustomize.toolkit.fluxcd.io/namespace": "flux-system"}
OPERATOR = [{"kind": "InferenceService", "name": "llama", "controller": True}]
SCALED = [{"manager": "kube-controller-manager", "subresource": "scale", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]


@pytest.mark.parametrize(
    ("meta", "touched", "found"),
    [
        ({}, "/spec/strategy", []),
        (
            {"annotations": {TRACKING: "prod:apps/Deployment:serving/llama"}},
            "/spec/strategy",
            [(OwnerKind.ARGO_CD, True)],
        ),
        ({"annotations": {TRACKING: "prod:apps/Deployment:serving/other"}}, "/spec/strategy", []),
        ({"labels": FLUX}, "/spec/strategy", [(OwnerKind.FLUX, True)]),
        ({"annotations": {"meta.helm.sh/release-name": "llama"}}, "/spec/strategy", [(OwnerKind.HELM, False)]),
        ({"ownerReferences": OPERATOR}, "/spec/strategy", [(OwnerKind.OPERATOR, True)]),
        ({"ownerReferences": [{"kind": "X", "name": "y"}]}, "/spec/strategy", []),
        ({"managedFields": SCALED}, "/spec/replicas", [(OwnerKind.AUTOSCALER, True)]),
        ({"managedFields": SCALED}, "/spec/strategy", []),
    ],
)
def test_owners_are_told_from_the_object(meta: Any, touched: str, found: list[tuple[OwnerKind, bool]]) -> None:
    assert [(owner.kind, owner.reverts) for owner in owners(deployment(**meta), [touched])] == found


def test_whoever_reverts_a_change_blocks_it_and_says_where_it_belongs() -> None:
    document = deployment(annotations={TRACKING: "prod:apps/Deployment:serving/llama"})
    (blocked,) = [guard for guard in guards_for(document, owners(document, ["/spec"])) if not guard.holds]
    assert "Argo CD application 'prod'" in blocked.instead


@pytest.mark.parametrize(
    ("meta", "namespace"), [({"deletionTimestamp": "2026-03-02T09:00:00Z"}, "serving"), ({}, "kube-system")]
)
def test_dying_and_system_objects_are_not_changed(meta: Any, namespace: str) -> None:
    document = (
        deployment(**meta, namespace=namespace)
        if meta
        else deployment() | {"metadata": {"namespace": namespace, "name": "x"}}
    )
    assert [guard.holds for guard in guards_for(document, ())].count(False) == 1


CONTAINER: dict[str, Any] = {'k:{"name":"vllm"}': {".": {}, "f:args": {}, "f:env": {'k:{"name":"A"}': {"f:value": {}}}}}
FIELDS = {"f:spec": {"f:template": {"f:spec": {"f:containers": CONTAINER}}}}


@pytest.mark.parametrize(
    ("pointer", "managers"),
    [
        ("/spec/template/spec/containers/0/args", ("helm",)),
        ("/spec/template/spec/containers/0/args/0", ("helm",)),
        ("/spec/template/spec/containers/0/env/0", ("helm",)),
        ("/spec/template/spec/containers/0/image", ()),
        ("/spec/template", ("helm",)),
        ("/spec/strategy", ()),
    ],
)
def test_the_managers_of_a_field_are_read_from_managed_fields(pointer: str, managers: tuple[str, ...]) -> None:
    document = deployment(managedFields=[{"manager": "helm", "operation": "Apply", "fieldsV1": FIELDS}])
    assert field_managers(document, pointer) == managers
