"""What keeps a container from being created or started, in the words of those who say it."""

from __future__ import annotations

import pytest

from tests.unit.diagnosis.cases_start import beside, hangs, not_created, not_started
from tests.unit.diagnosis.cluster_parts import (
    crashed,
    event,
    first_finding,
    node,
    pod,
    running,
    the_replica,
    waiting,
    world,
)
from vops.diagnosis.diagnose import examine
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import discover
from vops.diagnosis.states import ReplicaState

OCI = "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: "
PROCESS = OCI + "unable to start container process: "
SANDBOX = "Failed to create pod sandbox: rpc error: code = Unknown desc = "
NETWORK = SANDBOX + 'failed to setup network for sandbox "4f": plugin type="x" failed (add): '
SETUP = 'MountVolume.SetUp failed for volume "models" : '
RPC = SETUP + "rpc error: code = "

STARTS = {
    PROCESS + 'exec: "vllmm": executable file not found in $PATH: unknown': "bad-entrypoint",
    PROCESS + 'error during container init: exec: "/run.sh": permission denied: unknown': "bad-entrypoint",
    PROCESS + 'exec: "/app/run.sh": stat /app/run.sh: no such file or directory: unknown': "bad-entrypoint",
    PROCESS + "exec /app/run.sh: no such file or directory": "bad-entrypoint",
    "container create failed: executable file `vllm` not found in $PATH: No such file or directory": "bad-entrypoint",
    OCI + 'unable to start container process: chdir to cwd ("/app") set in config.json failed: permission denied': (
        "bad-entrypoint"
    ),
    PROCESS + "error during container init: error running hook #0: error running hook: exit status 137, stdout: , "
    "stderr: Auto-detected mode as 'legacy'\n/usr/local/nvidia/toolkit/nvidia-container-cli: line 5: 1041979 Killed   "
    "LD_LIBRARY_PATH=/usr/local/nvidia/toolkit": "host-oom",
    PROCESS + "exec /usr/local/bin/vllm: exec format error: unknown": "image-wrong-arch",
    PROCESS + "error during container init: error running prestart hook #0: exit status 1, stderr: "
    "nvidia-container-cli: "
    "initialization error: load library failed: libnvidia-ml.so.1: cannot open shared object": "cuda-driver-mismatch",
    PROCESS + "error running hook #0: nvidia-container-cli: mount error: file creation failed: /run/rootfs/usr/lib/"
    "libnvidia-ml.so.1: file exists: unknown": "cuda-driver-mismatch",
    PROCESS + "error running hook #0: exit status 1, stdout: , stderr: nvidia-container-cli: device error: GPU-4: "
    "unknown "
    "device: unknown": "cuda-driver-mismatch",
    "failed to generate container \"a\" spec: failed to generate spec: failed to inject CDI devices: unresolvable CDI "
    "devices nvidia.com/gpu=GPU-4": "cuda-driver-mismatch",
    PROCESS + "error running prestart hook #0: exit status 1, stderr: nvidia-container-cli.real: requirement error: "
    "invalid expression: unknown": "cuda-driver-mismatch",
    PROCESS + 'exec: "nvidia-container-runtime-hook": executable file not found in $PATH': "cuda-driver-mismatch",
    PROCESS + 'error mounting "/var/lib/kubelet/pods/1/volumes" to rootfs at "/etc/x.conf": not a directory: '
    'unknown: Are you '
    "trying to mount a directory onto a file (or vice-versa)? Check if the specified host path exists": "mount-failed",
    PROCESS + 'error mounting "/dev/infiniband" to rootfs at "/dev/infiniband": stat /dev/infiniband: no such file': (
        "mount-failed"
    ),
    'failed to generate spec: failed to mount: failed to stat "/data/models": stat: no such file': "mount-failed",
    "write /var/lib/kubelet/pods/1/etc-hosts: no space left on device": "disk-full",
    PROCESS + "container init was OOM-killed (memory limit too low?): unknown": "host-oom",
}  # fmt: skip
MOUNTS = {
    SETUP + "hostPath type check failed: /mnt/models is not a directory": "/mnt/models is not on gpu-1",
    'MountVolume.MountDevice failed for volume "models" : kubernetes.io/csi: attacher.MountDevice failed to create '
    "CsiDriverClient: driver name efs.csi.aws.com not found in the list of registered CSI drivers": "efs.csi.aws.com",
    SETUP + "mount failed: exit status 32\nMounting command: mount\nOutput: mount.nfs: access denied by server "
    "while mounting "
    "10.0.0.1:/models": "denies",
    SETUP + "mount failed: exit status 32\nOutput: mount.nfs: Connection timed out": "does not answer",
    SETUP + "mount failed: exit status 32\nOutput: mount: /x: bad option; for several filesystems (e.g. nfs, cifs) "
    "you might "
    "need a /sbin/mount.<type> helper": "lacks the client",
    SETUP + "mount failed: exit status 32\nOutput: mount.nfs: mounting fs:/models failed, reason given by server: "
    "No such file "
    "or directory": "no such path",
    RPC + "Internal desc = Could not mount \"fs-1:/\" at \"/x\": Failed to resolve \"fs-1.efs.eu.amazonaws.com\" - "
    "check that "
    "your file system ID is correct": "cannot be resolved",
    RPC + "PermissionDenied desc = failed to get GCS bucket \"m\": googleapi: Error 403: x does not have "
    "storage.objects.list access": "cloud denies",
    RPC + "Internal desc = mount.lustre: mount 10.0.0.1@tcp:/fs at /x failed: No such device\nAre the lustre "
    "modules loaded?": (
        "lacks the client"
    ),
    'AttachVolume.Attach failed for volume "pvc-1" : rpc error: code = Internal desc = Could not attach volume '
    '"vol-1" to node '
    '"i-1": attachment limit exceeded': "as many volumes",
    "Unable to attach or mount volumes: unmounted volumes=[models], unattached volumes=[models dshm]: timed out "
    "waiting for "
    "the condition": "not mounted in time",
}  # fmt: skip
SANDBOXES = {
    NETWORK + "add cmd: failed to assign an IP address to container": "no address",
    NETWORK + "failed to allocate for range 0: no IP addresses available in range set: 10.1.0.1": "no address",
    SANDBOX + "failed to get sandbox runtime: no runtime for \"nvidia\" is configured": "no runtime nvidia",
    "network is not ready: container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized": "network plugin",
    SANDBOX + "failed to create shim task: unable to retrieve OCI runtime error: "
    "fork/exec /usr/bin/nvidia-container-runtime: no such file or directory: unknown": "no runtime nvidia-cont",
    NETWORK + "stat /var/lib/calico/nodename: no such file or directory": "network plugin",
    SANDBOX + "failed to get sandbox image \"registry/pause:3.9\": failed to pull image": "pause",
    SANDBOX + "context deadline exceeded": "does not answer in time",
}  # fmt: skip


@pytest.mark.parametrize(("words", "cause"), STARTS.items())
@pytest.mark.parametrize("after", [True, False], ids=["died", "not-created"])
def test_the_runtimes_words_decide(words: str, cause: str, after: bool) -> None:
    facts = not_started(words)() if after else not_created("CreateContainerError", words)()
    causes = [finding.cause for finding in examine(the_replica(facts), discover())[0]]
    assert causes == [cause]


def test_the_runtimes_words_are_shown_where_no_rule_knows_them() -> None:
    found = first_finding(not_started(PROCESS + "unable to set rlimits: operation not permitted")())
    assert found.cause == "unknown"
    assert "unable to set rlimits" in found.summary


def test_a_runtime_that_fails_by_itself_is_named() -> None:
    found = first_finding(not_started(PROCESS + "unable to apply cgroup configuration: unable to start unit")())
    assert found.cause == "sandbox-failed"
    assert "control group" in found.summary


def test_a_sandbox_that_finds_no_space_is_a_full_disk() -> None:
    facts = hangs("FailedCreatePodSandBox", SANDBOX + "mkdir /run/containerd/x: no space left on device")()
    assert [finding.cause for finding in examine(the_replica(facts), discover())[0]] == ["disk-full"]


@pytest.mark.parametrize(("words", "says"), MOUNTS.items())
def test_a_mount_that_fails_says_why(words: str, says: str) -> None:
    found = first_finding(hangs("FailedAttachVolume" if words.startswith("Attach") else "FailedMount", words)())
    assert found.cause == "mount-failed"
    assert says in found.summary


@pytest.mark.parametrize(("words", "says"), SANDBOXES.items())
def test_a_sandbox_that_fails_says_why(words: str, says: str) -> None:
    reason = "NetworkNotReady" if words.startswith("network") else "FailedCreatePodSandBox"
    found = first_finding(hangs(reason, words)())
    assert found.cause == "sandbox-failed"
    assert says in found.summary


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ('MountVolume.SetUp failed for volume "c" : secret "hf" not found', "Secret hf"),
        ('MountVolume.SetUp failed for volume "c" : configmap "tpl" not found', "ConfigMap tpl"),
        ('MountVolume.SetUp failed for volume "c" : references non-existent secret key: token', "key token in "
        "Secret mine"),
        ('MountVolume.SetUp failed for volume "c" : serviceaccounts "sa" not found', "ServiceAccount sa"),
    ],
)  # fmt: skip
def test_configuration_that_a_volume_wants_is_named(words: str, named: str) -> None:
    volumes = [{"name": "c", "secret": {"secretName": "mine"}}]
    found = first_finding(hangs("FailedMount", words, volumes=volumes)())
    assert found.cause == "missing-config"
    assert named in found.summary


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ('secret "hf" not found', "Secret hf"),
        ('configmap "env" not found', "ConfigMap env"),
        ("couldn't find key token in Secret serving/hf", "key token in Secret hf"),
        ("couldn't find key a.b in ConfigMap serving/env", "key a.b in ConfigMap env"),
    ],
)
@pytest.mark.parametrize("told", ["status", "event"])
def test_configuration_that_the_environment_wants_is_named(words: str, named: str, told: str) -> None:
    """Texts made of `kubectl describe` have the reason only, and the words in an event."""
    events = [event("Failed", f"Error: {words}", count=9)] if told == "event" else []
    facts = not_created("CreateContainerConfigError", words if told == "status" else "", *events)()
    found = first_finding(facts)
    assert found.cause == "missing-config"
    assert named in found.summary


def silent(facts: Facts) -> bool:
    return examine(the_replica(facts), discover())[0] == ()


@pytest.mark.parametrize(
    "facts",
    [
        hangs("FailedMount", SETUP + "timed out waiting for the condition", count=1, age_s=20),
        hangs(
            "FailedMount",
            'MountVolume.SetUp failed for volume "c" : object "serving"/"c" not registered',
            count=3,
            age_s=9,
        ),
        hangs("FailedMount", SETUP + "timed out", event("Pulling", "Pulling image", age_s=3)),
        hangs(
            "FailedAttachVolume",
            "AttachVolume.Attach failed: timed out",
            event("SuccessfulAttachVolume", "AttachVolume.Attach succeeded", age_s=5),
            event("Pulling", "Pulling image", age_s=3),
        ),
        hangs("FailedCreatePodSandBox", SANDBOX + "context deadline exceeded", count=1, age_s=20),
        hangs("NetworkNotReady", "network is not ready", event("Started", "Container started", age_s=3)),
        not_created("ContainerCreating", "", event("Pulling", "Pulling image", age_s=900), age_s=900),
        not_created("PodInitializing", age_s=5),
        lambda: beside("init", running(900), log="Downloading 40%\n"),
        lambda: beside("init", {"state": {"terminated": {"exitCode": 0}}}),
        lambda: world(
            pod(
                status=waiting("ContainerCreating"),
                phase="Pending",
                metadata={"deletionTimestamp": "2026-11-24T02:59:00Z"},
            ),
            node(),
            event("FailedMount", SETUP + "timed out", count=9),
        ),
    ],
)
def test_what_passes_by_itself_is_not_told(facts: object) -> None:
    assert callable(facts)
    assert silent(facts())


def test_a_pod_whose_sidecar_cannot_run_is_not_ready_and_the_sidecar_is_named() -> None:
    facts = beside("sidecar", crashed(137, reason="OOMKilled"))
    found = first_finding(facts)
    assert (found.cause, "sidecar fetch" in found.summary) == ("host-oom", True)
    assert the_replica(facts).state is ReplicaState.NOT_READY


def test_an_init_container_is_read_like_a_server() -> None:
    trace = (
        'Traceback (most recent call last):\n  File "d.py", line 1, in f\nOSError: [Errno 28] No space left on device\n'
    )
    found = first_finding(beside("init", crashed(1), log=trace))
    assert (found.cause, "init container fetch" in found.summary) == ("disk-full", True)


def test_a_finished_init_container_says_nothing_about_the_server() -> None:
    done = {"state": {"terminated": {"exitCode": 0, "reason": "Completed"}}, "restartCount": 2}
    facts = beside("init", done, server=waiting("CreateContainerConfigError", 'secret "hf" not found'))
    assert first_finding(facts).cause == "missing-config"


@pytest.mark.parametrize(("exit_code", "told"), [(143, True), (1, False)])
def test_a_hook_that_keeps_failing_is_known_when_its_events_have_run_out(exit_code: int, told: bool) -> None:
    """The kubelet tells of 25 events of a pod and then of one each five minutes; exit code 1 is the server's own."""
    hook = {"lifecycle": {"postStart": {"exec": {"command": ["cp", "a", "b"]}}}}
    last = event("FailedPostStartHook", "PostStartHook failed", age_s=240, count=8)
    status = crashed(exit_code, ran_s=1)
    finding = first_finding(world(pod(status=status, container=hook), node(), last, previous="INFO loading\n"))
    assert (finding.cause == "post-start-hook-failed") is told
    assert (finding.confidence is Confidence.STRONG) is told
