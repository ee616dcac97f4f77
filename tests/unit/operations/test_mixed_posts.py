"""Posts with a manifest between prose, events and logs, and what a manifest adds to the events or the log beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from vops.diagnosis.findings import LIKENED, Report
from vops.operations.intake.bundle import diagnose_bundle
from vops.operations.intake.bundle_mixed import taken_apart

POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: test-pod
  namespace: ml
spec:
  containers:
  - image: vllm/vllm-openai:v0.9.1
    name: vllm
    volumeMounts:
    - mountPath: /models
      name: models
  volumes:
  - name: models
    persistentVolumeClaim:
      claimName: models
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: vllm
  namespace: ml
spec:
  selector:
    matchLabels: {app: vllm}
  template:
    metadata:
      labels: {app: vllm}
    spec:
      containers:
      - name: server
        image: vllm/vllm-openai:v0.9.1
        args: [--model, org/model]
        readinessProbe:
          httpGet: {path: /health, port: 8080}
"""
SERVICE = """\
apiVersion: v1
kind: Service
metadata:
  name: vllm
  namespace: ml
spec:
  selector: {app: vllm-server}
  ports:
  - port: 80
    targetPort: 8000
"""
MOUNT = (
    'Warning  FailedMount  1s (x4 over 6m)  kubelet  MountVolume.SetUp failed for volume "pvc-76ac" : rpc error: code '
    "= DeadlineExceeded desc = context deadline exceeded"
)
SERVES = """\
INFO:     Started server process [1]
INFO:     Application startup complete.
INFO:     Uvicorn running on http://0.0.0.0:{} (Press CTRL+C to quit)
"""


def diagnosed(folder: Path, **texts: str) -> list[Report]:
    for name, text in texts.items():
        (folder / name.replace("_", ".")).write_text(text)
    return diagnose_bundle([folder], None)[0]


def causes(reports: list[Report]) -> list[str]:
    found = (item for report in reports for item in report.findings)
    return [item.cause for item in found if not item.guessed and item.rule != LIKENED]


@pytest.mark.parametrize(
    "text",
    [
        f"It is not mounted:\n\n```\n{MOUNT}\n```\nI used:\n```yaml\n{POD}```\n",
        f"I used\n{POD}\nand then it says\n\nEvents:\n  {MOUNT}\n",
        f"{MOUNT}\n\n{POD}\nWhat can I do?\n",
    ],
    ids=["events first", "a manifest first", "prose last"],
)
def test_events_around_a_manifest_are_read_with_it(tmp_path: Path, text: str) -> None:
    reports = diagnosed(tmp_path, post_md=text)
    assert causes(reports) == ["mount-failed"]
    assert reports[0].subject.namespace == "ml"
    assert causes(diagnose_bundle([], text.encode())[0]) == ["mount-failed"]


def test_a_manifest_alone_stays_whole() -> None:
    assert taken_apart(POD) is None
    assert taken_apart(f"{DEPLOYMENT}---\n{SERVICE}") is None
    assert taken_apart("only prose: of somebody\n") is None


def test_json_and_indented_manifests_are_taken_out() -> None:
    pretty = '{\n  "apiVersion": "v1",\n  "kind": "Pod"\n}'
    manifests, rest = taken_apart(f"See:\n{pretty}\nand\n    kind: Pod\n    metadata:\n      name: x\nend") or ("", "")
    assert manifests.split("---\n")[1:] == [pretty + "\n", "kind: Pod\nmetadata:\n  name: x"]
    assert rest.split() == ["See:", "and", "end"]


def test_a_field_that_comes_again_begins_another_manifest() -> None:
    one, other = "status:\n  reason: Evicted\n", "status:\n  phase: Failed\n"
    manifests, _ = taken_apart(f"Two pods:\n{one}\n{other}") or ("", "")
    assert manifests.split("---\n")[1:] == [one + "\n", other.rstrip("\n")]


def test_records_of_loggers_are_no_manifests() -> None:
    assert taken_apart('{"level":"info","msg":"x"}\n{"level":"error","msg":"y"}\n') is None


def test_a_deployment_beside_a_log_says_what_its_probe_asks(tmp_path: Path) -> None:
    reports = diagnosed(tmp_path, d_yaml=DEPLOYMENT, server_log=SERVES.format(8000))
    assert causes(reports) == ["probe-misconfigured"]
    assert "port 8080" in reports[0].findings[0].summary


def test_a_probe_that_asks_the_right_port_is_not_complained_of(tmp_path: Path) -> None:
    assert causes(diagnosed(tmp_path, d_yaml=DEPLOYMENT, server_log=SERVES.format(8080))) == []


def test_a_service_beside_them_is_compared_with_the_labels(tmp_path: Path) -> None:
    texts = {"d_yaml": DEPLOYMENT, "s_yaml": SERVICE, "server_log": SERVES.format(8080)}
    assert causes(diagnosed(tmp_path, **texts)) == ["service-mismatch"]


def test_events_beside_a_deployment_are_of_its_pod(tmp_path: Path) -> None:
    reports = diagnosed(tmp_path, d_yaml=DEPLOYMENT, e_txt=MOUNT)
    assert causes(reports) == ["mount-failed"]


def test_two_deployments_are_nobodys_template(tmp_path: Path) -> None:
    other = DEPLOYMENT.replace("name: vllm\n", "name: other\n")
    texts = {"d_yaml": DEPLOYMENT, "o_yaml": other, "server_log": SERVES.format(8000)}
    assert causes(diagnosed(tmp_path, **texts)) == []


def test_a_deployment_that_is_available_asks_for_no_pod(tmp_path: Path) -> None:
    available = DEPLOYMENT + "status:\n  replicas: 1\n  readyReplicas: 1\n  availableReplicas: 1\n"
    assert causes(diagnosed(tmp_path, d_yaml=available, e_txt=MOUNT)) == []


def test_a_key_that_somebody_has_chosen_does_not_end_a_manifest() -> None:
    post = "We have this:\n\n" + POD.replace("  namespace: ml\n", "  annotations:\n    Owner: team-ml\n    x: y\n", 1)
    manifests, rest = taken_apart(post + "\nIt stays pending.\n") or ("", "")
    assert "Owner: team-ml" in manifests
    assert "claimName: models" in manifests
    assert rest.split("\n\n")[-1].strip() == "It stays pending."


HPA = """\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: llama, namespace: ml}
spec:
  maxReplicas: 3
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: llama}
"""
NO_METRIC = "unable to get metric requests_per_second: no metrics returned from custom metrics API"
TOLD = "With AverageValue the average is divided, so the query can never ask for more than two replicas: "


def test_what_is_said_of_an_autoscaler_is_about_the_only_one(tmp_path: Path) -> None:
    (report,) = diagnosed(tmp_path, post_md=f"I have\n```\n{HPA}```\nIt says: `FailedGetPodsMetric {NO_METRIC}`\n")
    assert (report.subject.name, causes([report])) == ("llama", ["autoscaler-no-metric"])


def of_a_trigger(folder: Path, query: str) -> list[tuple[str, str]]:
    """Cause and rule of what is found in a trigger with this query and a sentence about it."""
    trigger = f"- type: prometheus\n  metadata:\n    query: {query}\n    threshold: '60'\n"
    text = f"{TOLD} our KEDA is stuck at two.\n\n```yaml\ntriggers:\n{trigger}```\n"
    return [(item.cause, item.rule) for report in diagnosed(folder, post_md=text) for item in report.findings]


def test_a_query_that_tells_its_fault_by_itself_needs_no_words(tmp_path: Path) -> None:
    found = of_a_trigger(tmp_path, "avg(DCGM_FI_DEV_GPU_UTIL)")
    assert found == [("autoscaler-query-capped", "autoscaler-query-capped")]


def test_words_beside_an_autoscaler_count_where_nothing_else_does(tmp_path: Path) -> None:
    assert of_a_trigger(tmp_path, "my_ratio / my_limit")[:1] == [("autoscaler-query-capped", LIKENED)]


MODEL = """\
apiVersion: serving.kserve.io/v1beta1
kind: InferenceService
metadata: {{name: bert}}
spec:
  predictor:
    triton:
      resources: {{limits: {{memory: 500Mi}}}}
{probe}status:
  modelStatus:
    lastFailureInfo: {{exitCode: {code}, reason: ModelLoadFailed, message: "I0730 1 tensorflow.cc:1] API 1.0"}}
"""
PROBED = "      livenessProbe: {httpGet: {path: /v2/health/live, port: 8080}}\n"


@pytest.mark.parametrize(
    ("code", "probe", "found"),
    [(137, "", ["host-oom"]), (137, PROBED, ["unknown"]), (1, "", ["unknown"])],
    ids=["killed", "or by its probe", "not killed"],
)
def test_a_model_that_was_killed_within_its_limit_had_too_little(
    tmp_path: Path, code: int, probe: str, found: list[str]
) -> None:
    assert causes(diagnosed(tmp_path, i_yaml=MODEL.format(code=code, probe=probe))) == found
