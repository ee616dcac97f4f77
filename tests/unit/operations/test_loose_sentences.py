"""What people copy out of clients, dashboards, prose and conditions, instead of whole descriptions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vops.errors import InputError
from vops.operations.intake.bundle import diagnose_bundle
from vops.operations.intake.bundle_conditions import told_by_conditions
from vops.operations.printed.controller_logs import controller_events
from vops.operations.printed.describe_sentences import sentence_within, told_sentences


def first_cause(text: str) -> str:
    """The cause that comes first; none where the text is refused, which says too that nothing is found."""
    try:
        reports, _ = diagnose_bundle([], text.encode())
    except InputError:
        return ""
    return next((finding.cause for report in reports for finding in report.findings), "")


@pytest.mark.parametrize(
    ("text", "reason", "message"),
    [
        ('it says "0/3 nodes are available: 3 Insufficient cpu." and waits', "FailedScheduling", "0/3 nodes are"),
        (
            "我们看到 `0/3 nodes are available: 3 Too many pods.`，请问",
            "FailedScheduling",
            "0/3 nodes are available: 3 Too",
        ),
        ('err: Internal error occurred: failed calling webhook "w": Post x: EOF', "FailedCreate", "Internal error"),
        ("具体信息是Allocate failed due to x, which is unexpected。但", "UnexpectedAdmissionError", "Allocate failed"),
    ],
)
def test_a_sentence_is_found_within_prose(text: str, reason: str, message: str) -> None:
    told = sentence_within(text)
    assert told is not None
    assert told.reason == reason
    assert told.message.startswith(message)


def test_a_sentence_ends_where_its_quotation_does() -> None:
    told = sentence_within("I get `0/1 nodes are available: 1 Too many pods.` since Friday")
    assert told is not None
    assert told.message == "0/1 nodes are available: 1 Too many pods."


@pytest.mark.parametrize(
    "text",
    [
        "The scheduler counts available nodes; 0/3 is a bad sign.",
        "INFO 01-01 00:00:00 [a.py:1] quoting 0/3 nodes are available: 3 Insufficient cpu.",
        "gpu-1   Ready,SchedulingDisabled   <none>   41d   v1.33.2",
        "it is not OOMKilled, and OOMKilled=false",
        "The quota of the team is fine, and the region has sufficient capacity.",
        "NAME      READY   STATUS             RESTARTS   AGE\nllama-0   0/1     CrashLoopBackOff   5          9m",
        "see my-0/3 nodes are available",
    ],
)
def test_prose_and_logs_are_no_sentences(text: str) -> None:
    assert list(told_sentences(text)) == []


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        # a client without ages, a dashboard with tabs, a table of old, one with kinds only
        (
            'Warning   FailedMount   kubelet, n1   MountVolume.SetUp failed for volume "m" : exit status 32\n',
            "mount-failed",
        ),
        (
            'Warning\tFailedMount\tMountVolume.SetUp failed for volume "m" : secret "hf" not found\t2 minutes ago\n',
            "missing-config",
        ),
        (
            "LAST SEEN   TYPE      REASON         KIND         MESSAGE\n"
            "25m         Warning   FailedCreate   ReplicaSet   Error creating: Timeout: request did not complete "
            "within "
            "requested timeout 30s\n",
            "admission-denied",
        ),
        # conditions alone, of a pod, of an autoscaler
        (
            '- type: PodScheduled\n  status: "False"\n  reason: Unschedulable\n'
            "  message: '0/1 nodes are available: 1 Insufficient cpu.'\n",
            "cpu-memory-short",
        ),
        (
            "status:\n  phase: Failed\n  reason: Evicted\n  message: 'The node was low on resource: memory.'\n",
            "evicted",
        ),
    ],
)
def test_what_is_left_of_an_object_gives_a_diagnosis(text: str, cause: str, tmp_path: Path) -> None:
    path = tmp_path / ("x.yaml" if text.startswith(("-", "status")) else "x.txt")
    path.write_text(text)
    reports, _ = diagnose_bundle([path], None)
    assert [finding.cause for report in reports for finding in report.findings][:1] == [cause]


def test_an_operators_kind_tells_what_the_scheduler_said() -> None:
    condition = {
        "type": "PredictorReady",
        "status": "False",
        "reason": "RevisionFailed",
        "message": "Revision failed: 0/3 nodes are available: 3 Insufficient memory.",
    }
    service = {"apiVersion": "serving.kserve.io/v1beta1", "kind": "InferenceService", "metadata": {"name": "m"}}
    assert first_cause(json.dumps({**service, "status": {"conditions": [condition]}})) == "cpu-memory-short"


def test_a_condition_that_holds_is_no_complaint() -> None:
    condition = {"type": "Ready", "status": "True", "message": "0/3 nodes are available: 3 Insufficient memory."}
    document = {"apiVersion": "x/v1", "kind": "Thing", "metadata": {"name": "m"}, "status": {"conditions": [condition]}}
    assert list(told_by_conditions(document)) == []


FAILED = 'E0414 11:06:27.642477    1274 nested.go:301] MountVolume.SetUp failed for volume "m" : exit status 32\n'
CAME = 'I0414 11:08:27.642477    1274 operation_generator.go:1] MountVolume.SetUp succeeded for volume "m"\n'


def test_a_kubelets_log_tells_of_a_volume_until_it_came() -> None:
    assert [item.reason for item in controller_events(FAILED)] == ["FailedMount"]
    assert list(controller_events(FAILED + CAME)) == []


@pytest.mark.parametrize(
    ("words", "cause"),
    [
        ("No nodes with enough resources were found: 2 node(s) didn't have enough resources: GPUs.", "gpu-exhausted"),
        ("node-group(s) didn't have enough resources: CPU cores", "cpu-memory-short"),
        (
            "no nodes with enough resources were found: 3 node(s) had untolerated taint {gpu: true}.",
            "untolerated-taint",
        ),
        ("No node in the default node-pool has nvidia.com/mig-1g.5gb resources.", "gpu-not-advertised"),
        ("0/2 nodes are available: 2 CardInsufficientMemory.", "gpu-exhausted"),
        ('running PreFilter plugin "Coscheduling": gang child pod not collect enough', "scheduling-gated"),
    ],
)
def test_other_schedulers_are_understood(words: str, cause: str) -> None:
    assert first_cause(f"Warning  Unschedulable  2m  kai-scheduler  {words}\n") == cause


NOT_READY = "E0212 10:02:01.261124 1 kubelet.go:2104] Container runtime network not ready: NetworkReady=false\n"


def test_a_kubelet_that_waited_for_its_network_is_well() -> None:
    assert [told.reason for told in controller_events(NOT_READY)] == ["NodeNotReady"]
    ready = "I0212 10:02:31.261124 1 kubelet_node_status.go:1] Recording event: Node n status is now: NodeReady\n"
    assert not list(controller_events(NOT_READY + ready))


CLIENT_WARNING = "W1118 19:41:03.659013   45860 warnings.go:70] autopilot: adjusted resources\n"
DENIED = 'Error: admission webhook "warden.gke.io" denied the request: GKE Warden rejected it.'


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ('On 1.14 I have "`pod has unbound immediate PersistentVolumeClaims`". Do I miss something?', "pvc-unbound"),
        ("Warning  FailedScheduling  4m  default-scheduler  pod has unbound PersistentVolumeClaims", "pvc-unbound"),
        (
            "1 node(s) had taint {eks.amazonaws.com/compute-type: fargate}, that the pod didn't tolerate.",
            "untolerated-taint",
        ),
        (
            "PodSchedulingErrors: Resources were found for 5 pods while 17 are required for gang scheduling. "
            "Additional pods cannot be scheduled due to: no nodes with enough resources were found: "
            "12 cannot allocate all claims.",
            "dra-claim-pending",
        ),
        (
            "AsgInstanceLaunchFailures: You've reached your quota for maximum Fleet Requests for this account.",
            "cloud-quota",
        ),
        ("NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.", "gpu-not-advertised"),
        ("chroot: failed to run command 'nvidia-smi': No such file or directory", "gpu-not-advertised"),
        ("Error: Unable to find a match: elfutils-libelf-devel.x86_64", "gpu-not-advertised"),
        ("ERROR: An NVIDIA kernel module 'nvidia-uvm' appears to already be loaded", "gpu-not-advertised"),
        (
            "2023-11-16T15:11:49.499Z\tERROR\tcontroller.provisioner\tCould not schedule pod, all available "
            'instance types exceed provisioner limits\t{"commit": "dc3af1a"}',
            "autoscaler-limit",
        ),
        (
            "2022-01-19T02:44:37.680Z        ERROR   controller.provisioning Failed to find instance type "
            'option(s) for [default/a-0 default/a-1] {"commit": "5047f3c"}',
            "autoscaler-no-match",
        ),
        (
            'After scale-in it never scales out: `"NodeResourcesFit"` fails due to '
            "`predicateReasons=[Insufficient nvidia.com/gpu]`.",
            "autoscaler-no-match",
        ),
        (
            'messageId: "no.scale.up.nap.pod.gpu.type.not.supported"\nparameters: [\n0: "nvidia-l4"\n]',
            "autoscaler-no-match",
        ),
        ("Stuck `Pending`, error like: 0/3 nodes available: Insufficient memory", "cpu-memory-short"),
        ("0/1 nodes are available: 1 Insufficient tencent.com/vcuda-core.", "gpu-exhausted"),
        (
            "kai-scheduler: no nodes with enough resources were found: 1 node is not a gpu node or the gpu memory "
            "count on "
            "the node was not synced yet, task: <default/gpu-memory>, node: <minikube>.",
            "gpu-exhausted",
        ),
        ("# The second pod cannot be scheduled because of insufficient memory.", "cpu-memory-short"),
        (CLIENT_WARNING + DENIED, "admission-denied"),
        (
            'It fails with "The node was low on resource: ephemeral-storage. Container llm was using 57900024Ki"\n'
            "2025-01-03T19:06:50.366843Z  INFO text_generation_launcher: Download: [13/30]",
            "evicted",
        ),
        ("The GPU is not usable due to Uncorrectable ECC Error, and the plugin thinks it healthy.", "xid-gpu-lost"),
        (
            "kernel: NVRM: Xid (PCI:0000:dc:00): 45, pid=1, name=python3, Ch 00000001 caused by previous Xid 149",
            "xid-gpu-lost",
        ),
        (
            "The new pod can't be scheduled (`Insufficient cpu`) and is Pending, while the old one is never torn down.",
            "rollout-deadlock",
        ),
        ("The registry says `manifest unknown`, so the pod of the picker is in ImagePullBackOff.", "image-not-found"),
    ],
)
def test_what_people_quote_has_a_cause(text: str, cause: str) -> None:
    assert first_cause(text) == cause


@pytest.mark.parametrize(
    "text",
    [
        "# I gave it insufficient memory at first, 2Gi, and now it runs.",
        "All pods were scheduled; no insufficient anything.",
        "There is no uncorrectable ECC error on this card.",
        "Uncorrectable ECC errors: 0",
        "In the registry's own log we look for `manifest unknown`, and there is none.",
        "The claim had unbound PersistentVolumeClaims, solved with a StorageClass.",
        "## Boot volumes resolved \u2014 larger ones\n\nThe disk was full, so pods were evicted for DiskPressure.",
    ],
)
def test_what_people_say_of_what_is_well_has_none(text: str) -> None:
    assert first_cause(text) == ""


STACK = """
$ kubectl get pods -n gpu-operator
NAME                                       READY   STATUS                  RESTARTS   AGE
nvidia-driver-daemonset-qd6nl              1/1     Running                 0          25m
nvidia-operator-validator-5p2zn            0/1     Init:CrashLoopBackOff   8          25m
"""


def test_a_table_of_the_gpu_stack_is_no_log_for_its_names() -> None:
    assert first_cause(STACK) == "gpu-not-advertised"


@pytest.mark.parametrize(("state", "cause"), [("pending", "dra-claim-pending"), ("allocated,reserved", "")])
@pytest.mark.parametrize("age", ["22s", "119s", "4m1s"])
def test_a_claim_of_devices_in_a_table_that_waits(state: str, cause: str, age: str) -> None:
    assert first_cause(f"NAME         STATE     AGE\ngpu-claim    {state}   {age}\n") == cause


def test_a_claim_that_has_just_been_made_may_wait() -> None:
    assert first_cause("NAME         STATE     AGE\ngpu-claim    pending   9s\n") == ""


UNLOOKED = """
Name:           pause-0
Namespace:      default
Node:           <none>
Status:         Pending
Containers:
  pause:
    Image:        registry.k8s.io/pause:3.6
{conditions}QoS Class:       BestEffort
{events}
"""
CONDITIONS = "Conditions:\n  Type           Status\n  PodScheduled   False\n"


@pytest.mark.parametrize(
    ("conditions", "events", "cause"),
    [
        ("", "Events:          <none>", "no-scheduler"),
        (CONDITIONS, "Events:          <none>", ""),
        ("", "", ""),
    ],
)
def test_a_description_without_conditions_and_events_is_of_a_pod_that_no_scheduler_saw(
    conditions: str, events: str, cause: str
) -> None:
    found = first_cause(UNLOOKED.format(conditions=conditions, events=events))
    assert (found == "no-scheduler") is (cause == "no-scheduler")


FULL = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
REFUSED = "Pod Allocate failed due to device plugin Allocate rpc failed with err: GPU is lost, which is unexpected"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"It says:\n`{FULL}`\nWe use two volumes.", FULL),
        (f"{REFUSED}\n\nAlso, our pods are of a Deployment.", REFUSED),
        ("`Warning  FailedCreate  2m  daemonset-controller  Error creating: no\n`\nAnd more.", "Error creating: no"),
        ("Error creating: this is wrong:\n\n* spec.x: Required", "Error creating: this is wrong: * spec.x: Required"),
        (
            'kubelet[1]: E0505 18:42:19.8 1311 pod_workers.go:949] "Error" err="failed to get sandbox runtime: '
            'no runtime for \\"nvidia\\" is configured\\"" pod="gpu/x" podUID=8e491f32',
            'failed to get sandbox runtime: no runtime for "nvidia" is configured',
        ),
    ],
)
def test_an_event_has_nothing_of_what_is_written_around_its_sentence(text: str, message: str) -> None:
    assert [told.message for told in told_sentences(text)] == [message]
