"""connect() and KubeCluster's own rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.adapters.kube_scripts import Scripted, ScriptedTransport, page, pod, refusal
from tests.unit.adapters.test_kube_kubeconfig import write
from vops.adapters.kube import KubeCluster, connect
from vops.errors import Gone, Unreachable
from vops.model.resources import PODS


async def test_connecting_sends_nothing_and_knows_the_context(tmp_path: Path) -> None:
    path = write(tmp_path / "k", "a", "b", current="a", server="http://127.0.0.1:1")
    cluster = await connect(str(path), "b", readonly=True)
    assert (cluster.context, cluster.namespace, cluster.readonly) == ("b", "ml", True)
    await cluster.close()


async def test_a_session_stays_with_its_context_when_the_current_one_changes(tmp_path: Path) -> None:
    path = write(tmp_path / "k", "a", "b", current="a", server="http://127.0.0.1:1")
    cluster = await connect(str(path))
    write(path, "a", "b", current="b")
    transport = cluster._transport
    assert transport.endpoint.context == "a"
    renewed = await transport._renew()  # type: ignore[attr-defined]  # what a 401 would lead to
    assert renewed.context == "a"
    await cluster.close()


async def test_a_continue_token_that_expires_midway_lists_everything_at_once() -> None:
    transport = ScriptedTransport(page(pod("a"), continue_="next"), refusal(410), page(pod("a"), pod("b")))
    cluster = KubeCluster(transport, clock=transport.clock, timeout_s=10)
    listing = await cluster.list(PODS)
    assert [item.metadata.name for item in listing.items] == ["a", "b"]
    assert [request.query.get("limit") for request in transport.requests] == ["500", "500", None]


async def test_a_list_that_is_gone_twice_is_an_error() -> None:
    transport = ScriptedTransport(refusal(410))
    with pytest.raises(Gone):
        await KubeCluster(transport, clock=transport.clock, timeout_s=10).list(PODS)


@pytest.mark.parametrize("body", [b"<html>please log in</html>", b""])
async def test_a_login_page_is_not_taken_for_an_empty_list(body: bytes) -> None:
    transport = ScriptedTransport(Scripted(200, body, headers={"content-type": "text/html"}))
    cluster = KubeCluster(transport, clock=transport.clock, timeout_s=10)
    with pytest.raises(Unreachable, match="not as a Kubernetes API server does"):
        await cluster.list(PODS)
    with pytest.raises(Unreachable, match="not as a Kubernetes API server does"):
        await cluster.version()
