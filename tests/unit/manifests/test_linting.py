"""Lint as a whole: the guide's manifests, suppressions, sources, versions unknown, kinds nobody knows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.manifests.lint_parts import MODEL, container, health, linted, nodes, workload
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Severity
from vops.errors import InputError
from vops.manifests.documents import read_documents
from vops.manifests.lint import LintReport, lint
from vops.operations.lint import lint_files

DATA = Path(__file__).parents[2] / "data/manifests"
BAD = """apiVersion: v1
kind: Pod
metadata:
  name: llm
spec:
  enableServiceLinks: false
  containers:
    - name: vllm
      image: vllm/vllm-openai:latest{comment}
      command: [vllm, serve, m, --gpu-memory-utilization=0.9]
      resources: {{limits: {{nvidia.com/gpu: 1, memory: 16Gi}}}}
      securityContext: {{runAsNonRoot: true, allowPrivilegeEscalation: false}}
"""


def lint_text(text: str) -> LintReport:
    return lint(read_documents(text, "f.yaml"))


def test_the_guides_manifests_have_exactly_the_faults_that_are_known_of_them() -> None:
    report, _ = lint_files([DATA / "guide"])
    found = {
        (Path(item.file).stem, item.rule) for item in report.findings if item.severity.rank >= Severity.WARNING.rank
    }
    assert found == {
        ("serving", "no-startup-probe"),
        ("serving", "implicit-entrypoint"),
        ("serving", "service-links"),
        ("serving", "surge-without-spare"),
        ("scaling", "average-of-average"),
        ("scaling", "gpu-utilization-signal"),
        ("scaling", "cooldown-without-zero"),
        ("metrics", "metric-too-new"),
        ("tensor-parallel", "implicit-entrypoint"),
        ("tensor-parallel", "service-links"),
        ("tensor-parallel", "surge-without-spare"),
        ("tensor-parallel", "shm-unbounded"),
    }


def test_the_guides_autoscaler_is_told_its_ceiling() -> None:
    report, _ = lint_files([DATA / "guide/scaling.yaml"])
    finding = next(item for item in report.findings if item.rule == "average-of-average")
    assert "more than 2 replicas, though maxReplicaCount is 8" in finding.summary
    assert (finding.line, finding.column) == (16, 9)


@pytest.mark.parametrize(
    "comment", [" # vops: allow unpinned-image a test bed", "\n      # vops: allow unpinned-image why"]
)
def test_a_comment_with_a_reason_allows_a_finding(comment: str) -> None:
    text = (
        BAD.format(comment="").replace("      image:", comment.strip("\n") + "\n      image:")
        if comment[0] == "\n"
        else BAD.format(comment=comment)
    )
    report = lint_text(text)
    assert report.findings == ()
    assert [finding.rule for finding in report.allowed] == ["unpinned-image"]


@pytest.mark.parametrize("comment", ["", " # vops: allow unpinned-image", " # vops: allow plain-secret a reason"])
def test_nothing_is_allowed_without_a_reason_or_for_another_rule(comment: str) -> None:
    assert [finding.rule for finding in lint_text(BAD.format(comment=comment)).findings] == ["unpinned-image"]


def test_a_comment_above_the_object_allows_in_all_of_it_and_in_no_other() -> None:
    text = "# vops: allow unpinned-image a test bed\n" + BAD.format(comment="") + "---\n" + BAD.format(comment="")
    report = lint_text(text)
    assert len(report.findings) == len(report.allowed) == 1


def test_an_annotation_allows_on_a_live_object() -> None:
    document = workload(image="vllm/vllm-openai:latest")
    document["metadata"]["annotations"] = {"vops.dev/allow": "plain-secret no; unpinned-image a test bed"}
    report = linted(document)
    assert report.findings == ()
    assert report.allowed[0].allowed == "a test bed"


def test_a_finding_names_the_template_it_comes_from() -> None:
    report = lint_text("# Source: chart/templates/x.yaml\n" + BAD.format(comment=""))
    assert report.findings[0].source == "chart/templates/x.yaml"


def test_a_pod_template_is_found_in_a_kind_that_nobody_knows() -> None:
    template = {"spec": {"containers": [container(image="vllm/vllm-openai")]}}
    document = {"kind": "Fleet", "metadata": {"name": "f"}, "spec": {"roles": [{"template": template}]}}
    assert "unpinned-image" in {finding.rule for finding in linted(document).findings}


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "Deployment", "metadata": None, "spec": None},
        {"kind": "Deployment", "spec": {"template": {"spec": {"containers": [{"name": 1, "args": [1, None, {}]}]}}}},
        {"kind": "Service", "spec": {"ports": [None, 3], "selector": []}},
        {"kind": "ScaledObject", "spec": {"triggers": {"a": 1}}},
        {"kind": "PodDisruptionBudget", "spec": {"minAvailable": {}}},
    ],
)
def test_nonsense_in_a_manifest_breaks_no_rule(document: dict[str, object]) -> None:
    linted(document, workload())


def test_the_last_of_repeated_keys_counts() -> None:
    text = BAD.format(comment="").replace("      image:", "      image: vllm/vllm-openai:v0.25.1\n      image:")
    found = [(finding.rule, finding.line) for finding in lint_text(text).findings]
    assert ("duplicate-key", 9) in found
    assert "unpinned-image" in {rule for rule, _ in found}


@pytest.mark.parametrize("command", [["lmcache_server", "80"], ["vllm", "bench", "serve"], ["/start.sh"]])
def test_what_does_not_start_vllm_for_certain_is_no_server(command: list[str]) -> None:
    assert linted(workload(command=command, args=None, image="vllm/vllm-openai:latest")).servers == 0


@pytest.mark.parametrize(
    ("tag", "args", "severity"),
    [
        ("v0.7.1", ["--model=m"], Severity.ERROR),
        ("v0.8.5", ["--model", "m"], Severity.ERROR),
        ("v0.8.5", ["--model=m"], Severity.WARNING),
        ("v0.11.0", ["--model", "m"], Severity.ERROR),
        ("v0.12.0", ["--model", "m"], Severity.WARNING),
        ("latest", ["--model", "m"], Severity.WARNING),
    ],
)
def test_the_model_as_a_flag_is_an_error_where_vllm_refuses_it(tag: str, args: list[str], severity: Severity) -> None:
    report = linted(workload(image=f"vllm/vllm-openai:{tag}", args=[*args, "--gpu-memory-utilization=0.9"]))
    assert [item.severity for item in report.findings if item.rule == "model-flag-with-serve"] == [severity]


@pytest.mark.parametrize(
    ("period", "failures", "model", "severity"),
    [
        (10, 3, "meta-llama/Llama-3.1-70B", Severity.ERROR),
        (10, 30, MODEL, Severity.WARNING),
        (10, 60, MODEL, Severity.INFO),
    ],
)
def test_a_liveness_probe_alone_is_judged_by_how_long_the_model_loads(
    period: int, failures: int, model: str, severity: Severity
) -> None:
    args = [model, "--gpu-memory-utilization=0.9"]
    report = linted(workload(startupProbe=None, livenessProbe=health(period, failures), args=args))
    assert [(item.rule, item.severity) for item in report.findings] == [("no-startup-probe", severity)]


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "PodAutoscaler", "spec": {"metricsSources": [{"targetMetric": "gpu_cache_usage_perc"}]}},
        {
            "kind": "HorizontalPodAutoscaler",
            "spec": {"metrics": [{"type": "Pods", "pods": {"metric": {"name": "vllm:gpu_cache_usage_perc"}}}]},
        },
        {"kind": "ConfigMap", "data": {"a.json": '{"panels": [{"targets": [{"expr": "vllm:gpu_cache_usage_perc"}]}]}'}},
    ],
)
def test_metrics_are_found_wherever_they_are_asked_for(document: dict[str, object]) -> None:
    assert [finding.rule for finding in linted(document).findings] == ["removed-metric"]


@pytest.mark.parametrize(
    ("cluster", "spoken"),
    [(nodes(1, 1, busy=1), False), (nodes(1, busy=1), True)],
)
def test_with_a_cluster_a_surge_is_fine_where_a_gpu_is_free(cluster: Facts, spoken: bool) -> None:
    found = {finding.rule for finding in linted(workload(spec={"strategy": None}), cluster).findings}
    assert ("surge-without-spare" in found) is spoken


@pytest.mark.parametrize(
    ("cluster", "words"),
    [
        (nodes(4), "it wants 8 nvidia.com/gpu, and the largest node has 4"),
        (nodes(7, resource="nvidia.com/mig-1g.10gb"), "offered is nvidia.com/mig-1g.10gb"),
        (nodes(8, product="NVIDIA-A100"), "node-0 has NVIDIA-A100"),
    ],
)
def test_it_says_what_keeps_a_pod_from_every_node(cluster: Facts, words: str) -> None:
    resources = {"limits": {"nvidia.com/gpu": "8", "memory": "64Gi"}}
    pod = {"nodeSelector": {"nvidia.com/gpu.product": "NVIDIA-L4"}}
    report = linted(workload(resources=resources, pod=pod), cluster)
    assert any(words in finding.summary for finding in report.findings if finding.rule == "no-node-takes-it")


def test_a_folder_leaves_out_templates_and_patches_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(BAD.format(comment=""))
    (tmp_path / "chart.yaml").write_text("kind: A\nx: {{ .Values.x }}\n")
    (tmp_path / "patch.yaml").write_text("- op: add\n")
    report, left_out = lint_files([tmp_path])
    assert report.objects == 1
    assert len(left_out) == 2


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"# nothing\n"])
def test_input_without_an_object_is_refused(body: bytes) -> None:
    with pytest.raises(InputError):
        lint_files([], body)


@pytest.mark.parametrize(
    ("chart", "expected"),
    [
        (
            "production-stack",
            {
                ("surge-without-spare", "vllm-stack/templates/deployment-vllm-multi.yaml"),
                ("unpinned-image", "vllm-stack/templates/deployment-vllm-multi.yaml"),
                ("prefix-caching-off", "vllm-stack/templates/deployment-vllm-multi.yaml"),
                ("shared-metrics-folder", "vllm-stack/templates/deployment-vllm-multi.yaml"),
                ("rwo-shared", "vllm-stack/templates/deployment-vllm-multi.yaml"),
            },
        ),
        (
            "dcgm-exporter",
            {
                ("critical-priority-outside-system", "dcgm-exporter/templates/daemonset.yaml"),
                ("exporter-tolerates-nothing", "dcgm-exporter/templates/daemonset.yaml"),
                ("honor-labels", "dcgm-exporter/templates/service-monitor.yaml"),
            },
        ),
        ("leader-worker-set", {("service-links", "")}),
    ],
)
def test_a_well_known_chart_has_its_known_faults_and_nothing_else(chart: str, expected: set[tuple[str, str]]) -> None:
    report, _ = lint_files([DATA / f"charts/{chart}.yaml"])
    told = {(item.rule, item.source) for item in report.findings if item.severity.rank >= Severity.WARNING.rank}
    assert told == expected
