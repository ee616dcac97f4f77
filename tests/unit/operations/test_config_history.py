"""Who has changed a ConfigMap, and when: from what the API server keeps of its managers."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from tests.tui.builders import StubCluster
from vops.model.configuration import ConfigMapChange
from vops.model.pods import Pod
from vops.operations.observation.config_history import config_history

POD = msgspec.convert(
    {"kind": "Pod", "spec": {"volumes": [{"name": "a", "configMap": {"name": "flags"}}], "containers": []}}, Pod
)


def at(minute: int) -> datetime:
    return datetime(2026, 3, 2, 3, minute, tzinfo=UTC)


async def test_each_manager_has_written_last_at_its_time() -> None:
    cluster: Any = StubCluster()
    cluster.documents["flags"] = {
        "metadata": {
            "creationTimestamp": "2026-03-02T03:00:00Z",
            "managedFields": [
                {"manager": "helm", "time": "2026-03-02T03:00:00Z"},
                {"manager": "kubectl-edit\x1b[0m", "time": "2026-03-02T03:07:00Z"},
                {"manager": "someone", "time": "yesterday"},
            ],
        },
        "data": {"never": "kept"},
    }
    history = await config_history(cluster, POD)
    made, changed = history.changes
    assert made == ConfigMapChange("flags", at(0), "", made=True)
    assert (changed.at, changed.made) == (at(7), False)
    assert changed.by.startswith("kubectl-edit")
    assert "\x1b" not in changed.by
    assert "kept" not in str(history)


async def test_one_that_cannot_be_read_is_told() -> None:
    cluster: Any = StubCluster()
    assert (await config_history(cluster, POD)).unread == ("configmaps/flags cannot be read",)
