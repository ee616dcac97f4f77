"""The lab's Prometheus: what it makes of queries, targets and labels."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import session_on
from tests.lab.simulation import create, llama, run, world_with
from vops.errors import Rejected
from vops.lab.manifests import INFERENCE, dcgm_exporter, namespace
from vops.lab.monitoring.promql import BadQuery, Sample, evaluate
from vops.lab.scenarios._cluster import monitoring
from vops.lab.world import World

SERIES = (
    Sample({"__name__": "util", "pod": "a", "gpu": "0"}, 90.0),
    Sample({"__name__": "util", "pod": "b", "gpu": "0"}, 30.0),
    Sample({"__name__": "util", "pod": "b", "gpu": "1"}, 60.0),
    Sample({"__name__": "queue", "pod": "a"}, 4.0),
)


def _fetch(wanted: Callable[[str], bool]) -> Iterable[Sample]:
    return [item for item in SERIES if wanted(item.labels["__name__"])]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("util", [90, 30, 60]),
        ('util{pod="b"}', [30, 60]),
        ("util{pod=~'a|c', gpu!='1'}", [90]),
        ('{__name__=~"ut.*|queue",pod!~"b"}', [90, 4]),
        ("avg(util)", [60]),
        ("sum by (pod) (util)", [90, 90]),
        ("max(util) without (gpu)", [90, 60]),
        ("count(util > 50)", [2]),
        ("sum(util) + sum(queue)", [184]),
        ("2 * (sum(queue) - 1)", [6]),
        ("sum(util) / count(util)", [60]),
        ("sum(nothing) or vector(0)", [0]),
        ("sum(nothing)", []),
        ("scalar(sum(queue))", [4]),
        ("vector(1)", [1]),
        ("-queue", [-4]),
    ],
)
def test_a_query_gives(query: str, values: list[float]) -> None:
    assert [item.value for item in evaluate(query, _fetch, 100.0)] == values


def test_a_label_is_added_to_the_times_of_series() -> None:
    (found,) = evaluate('label_replace(timestamp(queue), "kind", "$1-time", "pod", "(.*)")', _fetch, 100.0)
    assert (dict(found.labels), found.value) == ({"pod": "a", "kind": "a-time"}, 100.0)


@pytest.mark.parametrize(
    ("query", "error"),
    [
        ("sum(util", "unexpected 'end of input', expected ')'"),
        ("util{pod=b}", "expected string"),
        ("util extra", "unexpected 'extra'"),
        ("util ; 1", "unexpected character: ';'"),
        ("rate(util[5m])", "keeps no history"),
        ("histogram_quantile(util)", "no function 'histogram_quantile'"),
    ],
)
def test_a_query_that_it_cannot_answer_is_refused(query: str, error: str) -> None:
    with pytest.raises(BadQuery, match=error.replace("(", r"\(").replace(")", r"\)")):
        evaluate(query, _fetch, 100.0)


def _watched(*, honor_labels: bool = True, override: bool = False) -> World:
    """A world with a server, an exporter and a Prometheus."""
    world = world_with()
    world.store.create(namespace("gpu-monitoring"))
    create(world, dcgm_exporter())
    monitoring(world, honor_labels=honor_labels, override_honor_labels=override)
    create(world, llama())
    run(world, 100)
    return world


@pytest.mark.parametrize(
    ("honor", "override", "label"),
    [(True, False, "pod"), (False, False, "exported_pod"), (True, True, "exported_pod")],
)
def test_the_labels_of_a_server_stay_or_are_renamed(honor: bool, override: bool, label: str) -> None:
    world = _watched(honor_labels=honor, override=override)
    (found,) = world.prometheus.query("DCGM_FI_DEV_GPU_UTIL")
    assert found.labels[label].startswith("llama-")
    assert found.labels["service"] == "dcgm-exporter"


def test_servers_are_scraped_by_their_pods() -> None:
    world = _watched()
    (found,) = world.prometheus.query("vllm:num_requests_running")
    assert (found.labels["namespace"], found.labels["job"]) == (INFERENCE, f"{INFERENCE}/vllm")
    assert [item.value for item in world.prometheus.query("sum(up)")] == [2]


def test_nothing_is_remembered() -> None:
    world = _watched()
    assert world.prometheus.query("up", world.now - 60) == []


async def test_it_answers_over_http_as_prometheus_does(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("autoscaled")
    async with session_on(lab, tmp_path) as session:
        assert session.metrics is not None
        (found,) = await session.metrics.query('sum(vllm:num_requests_running{model_name="llama3-8b"})')
        assert float(found["value"][1]) > 0
        with pytest.raises(Rejected, match="keeps no history"):
            await session.metrics.query("rate(vllm:generation_tokens_total[1m])")


async def test_a_cluster_without_one_has_no_address_for_it(start_lab: StartLab) -> None:
    assert (await start_lab("probe-kill")).prometheus_url == ""
