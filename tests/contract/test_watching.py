"""LIST and WATCH against a server: what happens to objects is what is seen."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from tests.contract.conftest import Users
from tests.contract.objects import HOSTILE, assert_clean, deployment, pod
from tests.contract.wire import Wire
from vops.adapters.kube import KubeCluster
from vops.adapters.kube.request import Answer
from vops.model.resources import DEPLOYMENTS, PODS, Workload
from vops.model.snapshot import SourceState
from vops.ports import Changed

WITHIN_S = 10.0
EXPIRED = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old resource version: 1 (9)"}


async def _until(changes: AsyncIterator[Changed], wanted: Callable[[Changed], Any]) -> Changed:
    """The first change of which `wanted` is true."""
    async with asyncio.timeout(WITHIN_S):
        async for change in changes:
            if wanted(change):
                return change
    raise AssertionError("the watch ended")


def _listed(change: Changed) -> bool:
    return change.replaced is not None


async def _touch(cluster: KubeCluster, namespace: str, name: str) -> None:
    await cluster.patch(PODS, name, namespace, [{"op": "add", "path": "/metadata/labels", "value": {"touched": "yes"}}])


async def test_what_is_there_comes_first_then_every_change(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(PODS, pod(namespace, "old"))
    async with aclosing(cluster.watch(PODS, namespace)) as changes:
        first = await _until(changes, _listed)
        assert [item.metadata.name for item in first.replaced or ()] == ["old"]
        made = await cluster.create(PODS, pod(namespace, "new"))
        added = await _until(changes, lambda change: change.item)
        await _touch(cluster, namespace, "new")
        changed = await _until(changes, lambda change: change.item)
        await cluster.delete(PODS, "new", namespace, uid=made["metadata"]["uid"])
        gone = await _until(changes, lambda change: change.deleted)
    names = [change.item.metadata.name for change in (added, changed, gone) if change.item]
    assert names == ["new", "new", "new"]
    assert changed.item is not None
    assert changed.item.metadata.labels == {"touched": "yes"}


async def test_the_first_list_is_there_page_by_page_and_a_later_one_only_as_a_whole(
    cluster: KubeCluster, wire: Wire, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vops.adapters.kube.client.PAGE", 2)
    wire.instead(Answer(410, {}, msgspec.json.encode(EXPIRED)), watch=True)
    for number in range(5):
        await cluster.create(PODS, pod(namespace, f"p{number}"))
    async with aclosing(cluster.watch(PODS, namespace)) as changes:
        parts = [await _until(changes, lambda change: change.part) for _ in range(2)]
        whole = await _until(changes, _listed)
        again = await _until(changes, lambda change: change.part or _listed(change))
    assert [[item.metadata.name for item in change.part] for change in parts] == [["p0", "p1"], ["p2", "p3"]]
    assert [item.metadata.name for item in whole.replaced or ()] == [f"p{number}" for number in range(5)]
    assert not again.part


async def test_a_watch_does_not_hold_what_it_has_listed(cluster: KubeCluster, namespace: str) -> None:
    await cluster.create(PODS, pod(namespace, "old"))
    async with aclosing(cluster.watch(PODS, namespace)) as changes:
        (listed,) = (await _until(changes, _listed)).replaced or ()
        await cluster.create(PODS, pod(namespace, "new"))
        await _until(changes, lambda change: change.item)
        assert not [holder for holder in gc.get_referrers(listed) if isinstance(holder, list | tuple)]


async def test_a_source_is_loading_then_live(cluster: KubeCluster, namespace: str) -> None:
    async with aclosing(cluster.watch(PODS, namespace)) as changes:
        loading = await _until(changes, lambda change: change.status)
        live = await _until(changes, lambda change: change.status)
    assert loading.status is not None
    assert loading.status.state is SourceState.LOADING
    assert live.status is not None
    assert live.status.state is SourceState.LIVE
    assert live.status.at is not None


async def test_an_expired_version_leads_to_a_new_list_and_nothing_is_missed(
    cluster: KubeCluster, wire: Wire, namespace: str
) -> None:
    wire.instead(Answer(410, {}, msgspec.json.encode(EXPIRED)), watch=True)
    async with aclosing(cluster.watch(PODS, namespace)) as changes:
        await _until(changes, _listed)
        await cluster.create(PODS, pod(namespace, "meanwhile"))
        again = await _until(changes, _listed)
        await cluster.create(PODS, pod(namespace, "later"))
        later = await _until(changes, lambda change: change.item)
    assert [item.metadata.name for item in again.replaced or ()] == ["meanwhile"]
    assert later.item is not None
    assert later.item.metadata.name == "later"


async def test_a_watch_keeps_to_its_namespace_and_fields(cluster: KubeCluster, namespace: str) -> None:
    async with aclosing(cluster.watch(PODS, namespace, field_selector="metadata.name=wanted")) as changes:
        await _until(changes, _listed)
        await cluster.create(PODS, pod(namespace, "other"))
        await cluster.create(PODS, pod(namespace, "wanted"))
        seen = await _until(changes, lambda change: change.item)
    assert seen.item is not None
    assert seen.item.metadata.name == "wanted"


async def test_watched_objects_have_their_kind_and_no_hostile_text(cluster: KubeCluster, namespace: str) -> None:
    async with aclosing(cluster.watch(DEPLOYMENTS, namespace)) as changes:
        await _until(changes, _listed)
        await cluster.create(DEPLOYMENTS, deployment(namespace, "d", annotations={"note": HOSTILE}))
        seen = await _until(changes, lambda change: change.item)
    assert isinstance(seen.item, Workload)
    assert seen.item.kind == "Deployment"
    assert_clean(str(seen.item))


async def test_a_denied_source_says_so_and_how_to_check(users: Users, namespace: str) -> None:
    async with aclosing(users.cluster("stranger").watch(PODS, namespace)) as changes:
        denied = await _until(changes, lambda change: change.status and change.status.state is SourceState.DENIED)
    assert denied.status is not None
    assert f"kubectl auth can-i list pods -n {namespace}" in denied.status.detail
