"""Autoscalers: what they follow, what keeps them from it, and what is not their fault."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.diagnosis.cases_serving import AT_MAX, AVERAGE, EXTERNAL, OLD_NAME, serving
from tests.unit.diagnosis.cluster_parts import node, pending, pod, ready, running, world
from tests.unit.diagnosis.scaling_parts import (
    QUERY,
    about,
    answered,
    condition,
    keda_hpa,
    monitor,
    prometheus,
    scaled,
    service,
    workload,
)
from vops.diagnosis.autoscaling import queries, scaler_errors, scaling
from vops.diagnosis.diagnose import diagnose
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Applicability, Finding, Report, Severity
from vops.model.objects import Ref


def report(facts: Facts) -> Report:
    return diagnose(facts, facts.scalers[0].ref)


def found(facts: Facts) -> Finding:
    return report(facts).findings[0]


def causes(facts: Facts) -> list[str]:
    return [item.cause for item in report(facts).findings]


HEALTHY: dict[str, tuple[Any, ...]] = {
    "at its minimum": (
        scaled(),
        keda_hpa(
            current="0",
            conditions=[
                condition("ScalingActive", "True", "ValidMetricFound"),
                condition("ScalingLimited", "True", "TooFewReplicas", "the desired replica count is less than"),
            ],
        ),
    ),
    "cooling down": (scaled(conditions=[condition("Ready", "True"), condition("Active", "False", "ScalerCooldown")]),),
    "idle, and Prometheus says so": (scaled(), keda_hpa(current="0"), answered(QUERY, 0.0)),
    "a sum": (scaled("sum(vllm:num_requests_running)", threshold="50"), keda_hpa(current="3", target="50")),
    "an average as a value": (scaled(AVERAGE, threshold="70", metric_type="Value"), keda_hpa(current="9")),
    "two at most anyway": (scaled(AVERAGE, threshold="70", maxReplicaCount=2), keda_hpa(current="9", most=2)),
    "a formula": (scaled(AVERAGE, advanced={"scalingModifiers": {"formula": "s0 * 2", "target": "1"}}),),
    "an error that is over": (
        scaled(),
        keda_hpa(current="1"),
        about("ScaledObject", "llama", "KEDAScalerFailed", "no such host", age_s=600),
    ),
    "an exporter's own pods": (scaled('max(DCGM_FI_DEV_GPU_TEMP{pod=~"dcgm-.*"})'), monitor()),
    "not paused": (scaled(annotations={"autoscaling.keda.sh/paused-scale-in": "true"}),),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_an_autoscaler_that_works_is_not_blamed(name: str) -> None:
    assert report(serving(*HEALTHY[name])()).findings == ()


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (EXTERNAL, "unknown-metric"),
        ("prometheus metrics 'prometheus' target may be lost, the result is empty", "empty"),
        ("prometheus query sum by (pod) (x) returned multiple elements", "several"),
        ('Get "http://p:9090/api/v1/query": dial tcp: lookup p on 10.96.0.10:53: no such host', "name"),
        ('Get "http://p:9090/api/v1/query": dial tcp 10.96.3.4:9090: connect: connection refused', "refused"),
        ("prometheus query api returned error. status: 401 response: Unauthorized", "authentication"),
        ("prometheus query api returned error. status: 404 response: 404 page not found", "path"),
        ("prometheus query api returned error. status: 400", "query"),
        ("prometheus query api returned error. status: 503", "server"),
        ('Get "https://p": tls: failed to verify certificate: x509: certificate signed by unknown authority', "tls"),
        ('Get "http://p": context deadline exceeded (Client.Timeout exceeded while awaiting headers)', "timeout"),
        ('error parsing prometheus metadata: missing required parameter "threshold" in [triggerMetadata]', "metadata"),
        ('TriggerAuthentication.keda.sh "prom" not found', "reference"),
        ("failed to get cpu utilization: missing request for cpu in container vllm of Pod llama-1", "cpu-request"),
        ("failed to get cpu utilization: missing request for cpu", "cpu-request"),
        ("unable to get metrics for resource cpu: unable to fetch metrics from resource metrics API: the server could "
         "not find the requested resource (get pods.metrics.k8s.io)", "metrics-server"),
        ("unable to fetch metrics from external metrics API: the server is currently unable to handle the request "
         "(get s0-prometheus.external.metrics.k8s.io)", "adapter"),
        ("failed to get cpu utilization: did not receive metrics for targeted pods (pods might be unready)", "unready"),
    ],
)  # fmt: skip
def test_the_words_of_whoever_asked_are_understood(text: str, name: str) -> None:
    facts = serving(
        scaled(),
        keda_hpa(conditions=[condition("ScalingActive", "False", "FailedGetExternalMetric", f"the HPA … {text}")]),
    )()
    told = scaler_errors.classified(scaler_errors.complaints(facts.scalers[0]))
    assert told is not None
    assert told[0].name == name
    assert causes(facts) == ["autoscaler-no-metric"]


@pytest.mark.parametrize(
    "conditions",
    [
        [condition("Ready", "False", "TriggerError", "Triggers defined in ScaledObject are not working correctly")],
        [condition("Ready", "Unknown", "PartialTriggerError", "Some triggers defined in ScaledObject are not working")],
        [
            condition("Ready", "True"),
            condition("Fallback", "True", "FallbackExists", "At least one trigger is falling"),
        ],
        [condition("HPAActive", "False", "FailedGetExternalMetric", "HPA is not actively scaling: x")],
        [
            condition(
                "Ready",
                "False",
                "ScaledObjectCheckFailed",
                "ScaledObject doesn't have correct triggers specification: x",
            )
        ],
    ],
)
def test_a_scaled_object_says_itself_that_its_metric_is_missing(conditions: list[Any]) -> None:
    assert causes(serving(scaled(conditions=conditions))()) == ["autoscaler-no-metric"]


def test_pods_that_are_not_ready_are_not_the_autoscalers_fault() -> None:
    unready = "did not receive metrics for targeted pods (pods might be unready)"
    hpa = keda_hpa(name="llama", conditions=[condition("ScalingActive", "False", "FailedGetResourceMetric", unready)])
    assert causes(world(pod(status=running(60), owner="llama"), node(), workload(), hpa)) == []


def test_a_service_that_is_not_there_is_shown_with_those_that_are() -> None:
    other = service("prometheus-server")
    facts = serving(
        scaled(trigger={"serverAddress": "http://prometheus:9090"}),
        other,
        keda_hpa(conditions=[condition("ScalingActive", "False", "FailedGetExternalMetric", "lookup: no such host")]),
    )()
    assert any(item.observed == "not there; there are prometheus-server" for item in found(facts).evidence)


# --- names and labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "image", "right"),
    [
        (OLD_NAME, "v0.12.0", 'sum(vllm:kv_cache_usage_perc{namespace="serving"})'),
        ("sum(vllm:kv_cache_usage_perc)", "v0.8.5", "sum(vllm:gpu_cache_usage_perc)"),
        ("sum(rate(vllm:num_preemptions[5m]))", "v0.33.0", "sum(rate(vllm:num_preemptions_total[5m]))"),
        (
            "histogram_quantile(0.9, sum by (le) (rate(vllm:time_per_output_token_seconds_bucket[5m])))",
            "v0.13.0",
            "histogram_quantile(0.9, sum by (le) (rate(vllm:inter_token_latency_seconds_bucket[5m])))",
        ),
        ("sum(vllm:num_requests_waiting)", "v0.33.0", ""),
        (OLD_NAME, "v0.9.2", ""),
        (OLD_NAME, "latest", ""),
    ],
)
def test_a_name_that_the_version_does_not_have_is_replaced(query: str, image: str, right: str) -> None:
    container = {"image": f"vllm/vllm-openai:{image}"}
    pods = ready(owner="llama", container=container)
    facts = world(pods, node(), workload(image=f"vllm/vllm-openai:{image}"), scaled(query), keda_hpa(current="0"))
    renamed = [item for item in report(facts).findings if item.cause == "metric-renamed"]
    assert [item.fixes[0].params["query"] for item in renamed] == ([right] if right else [])


def test_a_name_that_nobody_knows_is_believed_wrong_only_when_it_is_empty() -> None:
    query = "sum(vllm:num_request_waiting)"
    assert causes(serving(scaled(query), keda_hpa(current="0"))()) == []
    finding = found(serving(scaled(query), keda_hpa(current="0"), answered(query))())
    assert "use vllm:num_requests_waiting" in finding.summary


def test_labels_are_lost_for_sure_when_prometheus_has_nothing() -> None:
    query = 'avg(DCGM_FI_DEV_GPU_UTIL{namespace="serving",pod=~"llama.*"})'
    unsure = found(serving(scaled(query, metric_type="Value"), monitor())())
    sure = found(serving(scaled(query, metric_type="Value"), monitor(), answered(query))())
    assert (unsure.cause, sure.cause) == ("metric-labels-lost", "metric-labels-lost")
    assert (unsure.severity, sure.severity) == (Severity.WARNING, Severity.ERROR)
    assert 'exported_namespace="serving",exported_pod=~' in sure.fixes[0].steps[-1]


def test_a_prometheus_that_overrides_its_monitors_is_named() -> None:
    query = 'avg(DCGM_FI_DEV_GPU_UTIL{pod=~"llama.*"})'
    asked = (scaled(query, metric_type="Value"), monitor(honor=True), answered(query))
    finding = found(serving(*asked, prometheus(override=True))())
    assert finding.cause == "metric-labels-lost"
    assert "Prometheus k8s overrides the labels that dcgm-exporter honours" in finding.summary
    assert finding.fixes[0].params["query"] == 'avg(DCGM_FI_DEV_GPU_UTIL{exported_pod=~"llama.*"})'
    assert causes(serving(*asked, prometheus(override=False))()) == ["autoscaler-no-metric"]
    several = (prometheus(override=True), prometheus(override=False, name="other"))
    assert causes(serving(*asked, *several)()) == ["autoscaler-no-metric"]


def test_a_query_for_the_other_labels_is_turned_round() -> None:
    query = 'max(DCGM_FI_DEV_GPU_UTIL{exported_pod=~"llama.*"})'
    finding = found(serving(scaled(query, metric_type="Value"), monitor(honor=True), answered(query))())
    assert finding.cause == "metric-labels-lost"
    assert finding.fixes[0].params["query"] == 'max(DCGM_FI_DEV_GPU_UTIL{pod=~"llama.*"})'


# --- numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("query", "threshold", "most"),
    [
        (AVERAGE, "70", 2),
        (AVERAGE, "100", 1),
        (AVERAGE, "30", 4),
        ("avg(vllm:kv_cache_usage_perc) * 100", "80", 2),
        ("max(max_over_time(vllm:kv_cache_usage_perc[1m]))", "0.8", 2),
        ("sum(DCGM_FI_DEV_GPU_UTIL) / count(DCGM_FI_DEV_GPU_UTIL)", "60", 2),
        ("avg(vllm:num_requests_waiting)", "5", None),
    ],
)
def test_the_largest_number_that_a_query_can_ask_for(query: str, threshold: str, most: int | None) -> None:
    finding = found(serving(scaled(query, threshold=threshold))())
    assert finding.cause == "autoscaler-query-capped"
    says = f"can never ask for more than {most} of the 8" if most else "divides an average"
    assert says in finding.summary


def test_a_capped_query_that_holds_the_service_down_now_is_an_error() -> None:
    busy = found(
        serving(scaled(AVERAGE, threshold="70"), keda_hpa(current="50", replicas=2, target="70"), replicas=2)()
    )
    assert busy.severity is Severity.ERROR


@pytest.mark.parametrize(
    ("current", "kind", "target", "replicas", "wanted"),
    [
        ("13500m", "averageValue", "5", 2, 6),
        ("5", "averageValue", "5", 2, 2),
        ("5400m", "averageValue", "5", 2, 2),
        ("90", "value", "60", 2, 3),
        ("0", "averageValue", "5", 2, 0),
    ],
)
def test_the_arithmetic_is_the_hpas(current: str, kind: str, target: str, replicas: int, wanted: int) -> None:
    facts = serving(keda_hpa(name="x", current=current, kind=kind, target=target, replicas=replicas))()
    assert scaling.signals(facts.scalers[0])[0].wanted(replicas) == wanted


def test_at_the_maximum_the_fix_counts_free_gpus() -> None:
    hpa = keda_hpa(current="13500m", replicas=2, most=2, conditions=AT_MAX)
    some = serving(scaled(maxReplicaCount=2), hpa, node("gpu-9"), replicas=2)()
    none = serving(scaled(maxReplicaCount=2), hpa, replicas=2)()
    assert found(some).fixes[0].title == "Raise maxReplicaCount from 2 to 3"
    assert found(none).fixes[0].title == "Add GPUs before raising the maximum"
    assert "s0-prometheus is 27 in all where each replica is to have 5, which asks for 6" in found(some).summary


def test_replicas_that_wait_for_a_gpu_are_not_the_autoscalers_fault() -> None:
    facts = world(
        ready(owner="llama"),
        pending(owner="llama", name="llama-2"),
        node(),
        workload(2),
        scaled(maxReplicaCount=2),
        keda_hpa(current="13500m", replicas=2, most=2, conditions=AT_MAX),
    )
    assert causes(facts) == ["gpu-exhausted"]


# --- switched off -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("annotations", "words"),
    [
        ({"autoscaling.keda.sh/paused": "true"}, "is paused, so that"),
        ({"autoscaling.keda.sh/paused-replicas": "2"}, "is paused at 2 replicas"),
        ({"autoscaling.keda.sh/paused-scale-out": "true"}, "is paused for scaling up"),
        ({"autoscaling.keda.sh/paused": "yes"}, "is paused, so that"),
    ],
)
def test_a_pause_is_named_with_what_it_holds(annotations: dict[str, str], words: str) -> None:
    finding = found(serving(scaled(annotations=annotations))())
    assert (finding.cause, finding.severity) == ("autoscaler-paused", Severity.WARNING)
    assert words in finding.summary


def test_a_target_that_is_not_there_gets_the_nearest_name() -> None:
    checked = condition(
        "Ready",
        "False",
        "ScaledObjectCheckFailed",
        'ScaledObject doesn\'t have correct scaleTargetRef specification: deployments.apps "llama" not found',
    )
    pods = ready(owner="llama-8b")
    finding = found(world(pods, node(), workload(name="llama-8b"), scaled(conditions=[checked])))
    assert "there is no such workload" in finding.summary
    (fix,) = finding.fixes
    assert (fix.runbook, fix.applicability) == ("fix-scale-target", Applicability.ASK)
    assert (fix.params["kind"], fix.params["name"]) == ("Deployment", "llama-8b")


@pytest.mark.parametrize(
    ("others", "severity", "words"),
    [
        ((), Severity.WARNING, "no autoscaler is seen"),
        ((keda_hpa(name="llama", replicas=0),), Severity.WARNING, "an HPA does not start from 0"),
        ((scaled("sum(gateway_requests{x='y'})", minReplicaCount=0),), Severity.INFO, "may go to 0"),
        ((scaled(minReplicaCount=0),), Severity.WARNING, "nothing can wake it"),
        ((scaled(annotations={"autoscaling.keda.sh/paused-replicas": "0"}),), Severity.WARNING, "is paused"),
        ((scaled("sum(gateway_requests{x='y'})", minReplicaCount=2),), Severity.ERROR, "should keep 2"),
    ],
)
def test_who_keeps_a_workload_at_zero(others: tuple[Any, ...], severity: Severity, words: str) -> None:
    facts = world(node(), workload(0), *others)
    finding = next(
        item
        for item in diagnose(facts, Ref("Deployment", "llama", "serving")).findings
        if item.cause == "replicas-zero"
    )
    assert finding.severity is severity
    assert words in finding.summary


def test_a_query_that_is_no_single_aggregation_is_not_understood() -> None:
    for query in ("sum(a) + sum(b)", "histogram_quantile(0.9, x)", "avg(a", "avg(x) > 3", ""):
        assert queries.aggregate(query) is None


@pytest.mark.parametrize(
    ("services", "address"),
    [
        (("prometheus-server",), "http://prometheus-server.serving.svc:9090"),
        (("prometheus-server", "prometheus-alertmanager"), "http://prometheus-server.serving.svc:9090"),
        # which of two is meant is for a person to say
        (("prometheus-server", "prometheus-other"), ""),
        (("grafana",), ""),
    ],
)
def test_an_address_that_leads_nowhere_becomes_that_of_the_only_prometheus(
    services: tuple[str, ...], address: str
) -> None:
    asked = "http://prom.monitoring.svc:9090"
    failed = about(
        "ScaledObject",
        "llama",
        "KEDAScalerFailed",
        f'Get "{asked}/api/v1/query": dial tcp: lookup prom.monitoring.svc on 10.96.0.10:53: no such host',
    )
    ready_not = condition(
        "Ready", "False", "TriggerError", "Triggers defined in ScaledObject are not working correctly"
    )
    there = [service(name, ports=[{"port": 9090}]) for name in services]
    finding = found(
        world(
            ready(owner="llama"),
            node(),
            workload(),
            scaled(trigger={"serverAddress": asked}, conditions=[ready_not]),
            failed,
            *there,
        )
    )
    assert finding.cause == "autoscaler-no-metric"
    assert finding.fixes[0].params.get("server_address", "") == address
