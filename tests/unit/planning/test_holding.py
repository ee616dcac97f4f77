"""Whether what a run wrote is still there, and who wrote something else."""

from __future__ import annotations

from typing import Any

from vops.planning.changes import patch_change
from vops.planning.holding import Overwritten, overwritten
from vops.planning.patches import Edit, apply_operations


def deployment(value: Any = "0.9", *, by: str = "", tolerations: tuple[str, ...] = ()) -> dict[str, Any]:
    entry = {"manager": by, "time": "2026-03-14T03:20:00Z", "fieldsV1": {"f:spec": {"f:paused": {}}}}
    return {
        "kind": "Deployment",
        "metadata": {"name": "llama", "namespace": "prod", "uid": "u1", "managedFields": [entry] if by else []},
        "spec": {"paused": value, "tolerations": [{"key": key} for key in tolerations]},
    }


def changed(path: str = "/spec/paused", value: Any = "0.8") -> Any:
    found = patch_change(deployment(tolerations=("a",)), [Edit(path, value)], "change it")
    assert found is not None
    return found


def test_what_holds_is_not_told() -> None:
    change = changed()
    assert overwritten(apply_operations(deployment(tolerations=("a",)), change.operations), change) == ()


def test_who_wrote_the_old_value_back_is_named() -> None:
    (found,) = overwritten(deployment("0.9", by="argocd-controller", tolerations=("a",)), changed())
    assert found == Overwritten(
        "deployment/llama in prod", "/spec/paused", "0.9", "argocd-controller", "2026-03-14T03:20:00Z"
    )


def test_a_third_value_is_told_as_well() -> None:
    (found,) = overwritten(deployment("0.5", tolerations=("a",)), changed())
    assert (found.now, found.by) == ("0.5", "")


def test_what_is_gone_or_made_anew_is_told() -> None:
    assert overwritten(None, changed())[0].now == "gone"
    other = deployment("0.8")
    other["metadata"]["uid"] = "u2"
    assert overwritten(other, changed())[0].now == "another object of that name"


def test_others_beside_ours_in_a_list_leave_ours() -> None:
    change = changed("/spec/tolerations", [{"key": "a"}, {"key": "ours"}])
    live = deployment("0.9", tolerations=("first", "a", "ours"))
    assert overwritten(live, change) == ()
