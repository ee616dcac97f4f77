"""What stands around pods and was pasted alone: gateways' words, tables of kubectl get, why a container waits."""

from __future__ import annotations

import pytest

from vops.errors import InputError
from vops.operations.intake.bundle import diagnose_bundle

HPA = "NAME   REFERENCE         TARGETS          MINPODS   MAXPODS   REPLICAS   AGE\n"
PVC = "NAME     STATUS    VOLUME   CAPACITY   ACCESS MODES   STORAGECLASS   AGE\n"
SO = (
    "NAME   SCALETARGETKIND      SCALETARGETNAME   MIN   MAX   TRIGGERS     AUTHENTICATION   READY   ACTIVE   FALLBACK"
    "   PAUSED   AGE\n"
)
KSVC = "NAME   URL                    LATESTCREATED   LATESTREADY   READY   REASON\n"
NGINX = (
    "2022/06/23 15:14:51 [error] 1736#1736: *37 connect() failed (111: Connection refused) while connecting to "
    'upstream, client: 10.0.0.1, server: llm.example.com, request: "GET / HTTP/1.1", upstream: "http://10.244.111.111:80/"'
)
REFUSED = 'container "vllm" in pod "llama-0" is waiting to start: '
SYNC = 'Error syncing pod, skipping: failed to "StartContainer" for "vllm" with '
LOST = "[ERROR] plugin/errors: 2 hub.example.com. A: read udp 10.1.21.36:4463->8.8.4.4:53: i/o timeout"
ANSWERED = '[INFO] 10.1.21.38:3338 - 46048 "A IN huggingface.co. udp 36 false 512" NOERROR qr,rd,ra 122 0.01s'
UNMOUNTED = "unmounted volumes=[config], unattached volumes=[config kube-api-access-x]: timed out"

STAT = "stat /var/lib/kubelet/pods/5663/volumes/kubernetes.io~csi/pvc-24/mount: connection refused"
GRPC = "E0526 09:59:10.343218       1 utils.go:119] GRPC error: "
NOT_EMPTY = f"{GRPC}Mount failed with error: exit status 1, output: fuse: mountpoint is not empty"

FOUND = {
    "a command that may not be looked at": (
        'unable to start container process: exec: "./serve": stat ./serve: permission denied: unknown',
        "bad-entrypoint",
    ),
    "a model that Ollama has not pulled": ("Error: model 'mini' not found, try pulling it first", "model-not-found"),
    "a size that no three shards share": (
        "AssertionError: The choosen size 50432 is not compatible with sharding on 3 shards",
        "tp-mismatch",
    ),
    "a cgroup that is full": (
        "[44.1] memory: usage 131072kB, limit 131072kB, failcnt 15691\n"
        "[44.1] memory+swap: usage 0kB, limit 900kB, failcnt 0",
        "host-oom",
    ),
    "machines that fit no image": (
        '{"level":"ERROR","time":"2024-02-21T05:57:39.964Z","logger":"controller","message":"Reconciler error",'
        '"controller":"nodeclaim.lifecycle","NodeClaim":{"name":"gpu-x6wxs"},"error":"launching nodeclaim, creating '
        'instance, getting launch templates, no instance types satisfy requirements of amis ami-1, ami-2"}\n',
        "node-launch-failed",
    ),
    "a title about a command": (
        'bug: an issue with the example ("vllm": executable file not found in $PATH: unknown)',
        "entry",
    ),
    "an operator that calls a server": (
        'Reconciling failed: Post "http://10.106.39.14:8080/v1/chat/completions": dial tcp 10.106.39.14:8080: connect: '
        "connection refused",
        "service-mismatch",
    ),
    "an analyser": (
        "Error: Service has not ready endpoints, pods: [Pod/llama-69b7785db9-rlv9g], expected 1",
        "service-mismatch",
    ),
    "a driver whose program is gone": (GRPC + STAT, "mount-failed"),
    "a driver that may not mount": (NOT_EMPTY, "mount-failed"),
    "a node without its client": (
        "mount: /var/lib/kubelet/pods/x/volumes/kubernetes.io~nfs/m: fsconfig() failed: NFS: mount program didn't pass "
        "remote address.",
        "mount-failed",
    ),
    "CoreDNS without answers": (f"{ANSWERED}\n{LOST}\n{LOST}", "dns-failure"),
    "nslookup without an answer": (";; connection timed out; no servers could be reached", "dns-failure"),
    "a controller that resolves nothing": (
        "  Normal  error   36m     helm-controller  failed to download artifact, error: dial tcp: lookup "
        "source.flux-system.svc.cluster.local. on 172.19.0.10:53: read udp 172.16.8.55:5304: i/o timeout",
        "dns-failure",
    ),
    "a volume, and a later event that sums up": (
        '  Warning  FailedMount  13m (x1856 over 2d23h)  kubelet  MountVolume.SetUp failed for volume "config" : '
        'configmap "vllm" not found\n  Warning  FailedMount  4m4s (x2410 over 2d23h)  kubelet  '
        f"(combined from similar events): Unable to attach or mount volumes: {UNMOUNTED}",
        "missing-config",
    ),
    "a pull in the guest": (
        'time="2023-07-20T05:21:28Z" level=error msg="kata runtime PullImage err. context deadline exceeded" pid=64',
        "registry-unreachable",
    ),
    "events in a job of GitHub's": (
        "2026-08-11T17:08:45.9070309Z 5m49s   Warning   Failed   pod/llm   "
        'Failed to pull image "docker.io/a/b:1": not found',
        "image-not-found",
    ),
    "an HPA without a metric": (
        HPA + "vllm   Deployment/vllm   <unknown>/1      1         8         1          44h",
        "no-metric",
    ),
    "an HPA at its maximum": (
        HPA + "vllm   Deployment/vllm   95%/60%          1         4         4          44h",
        "at-max",
    ),
    "a ScaledObject that is not ready": (
        SO + "vllm   apps/v1.Deployment   vllm              1     8     prometheus                    False   Unknown"
        "  Unknown    Unknown  3d",
        "no-metric",
    ),
    "a ScaledObject that is paused": (
        SO + "vllm   apps/v1.Deployment   vllm              1     8     prometheus                    True    True   "
        "  False      True     3d",
        "paused",
    ),
    "endpoints that are empty": ("NAME   ENDPOINTS   AGE\nvllm   <none>      3d", "service-mismatch"),
    "a claim that waits": (
        PVC + "models   Pending                                      fast           40m",
        "pvc-unbound",
    ),
    "a revision that is late": (
        KSVC + "vllm   http://vllm.ml.local   vllm-1                        False   ProgressDeadlineExceeded",
        "progress-deadline",
    ),
    "nginx": (NGINX, "service-mismatch"),
    "ingress-nginx": (
        'W0426 21:51:57.908771       9 controller.go:775] Service "ml/vllm" does not have any active Endpoint.',
        "service-mismatch",
    ),
    "envoy's access log": (
        '[2025-08-14T10:00:00.1Z] "POST /v1/chat/completions HTTP/1.1" 503 UH no_healthy_upstream - "-" 120 19 0 - "-"',
        "service-mismatch",
    ),
    "the endpoint picker": (
        "inference gateway: ServiceUnavailable - failed to find candidate pods for serving the request",
        "service-mismatch",
    ),
    "vLLM's router": ('{"error":"Model org/m not found or vLLM engine is sleeping."}', "service-mismatch"),
    "a name of the cluster": ("wget: bad address 'vllm:8000'", "dns-failure"),
    "a retry of the kubelet": (SYNC + 'CreateContainerConfigError: "secret \\"hf\\" not found"', "missing-config"),
    "a retry of a pull": (SYNC + 'ErrImagePull: "manifest for org/v:1 not found: manifest unknown"', "image-not-found"),
    "kubectl logs": (REFUSED + "trying and failing to pull image", "image-not-found"),
    "docker itself": (
        "Error response from daemon: pull access denied for org/v, repository does not exist",
        "image-auth",
    ),
    "skopeo's words": (
        "Error: initializing source docker://quay.io/o/v:1: reading manifest 1 in quay.io/o/v: unauthorized",
        "auth",
    ),
    "the message alone": ('The pod is stuck: secret "hf-secret" not found', "missing-config"),
    "the tail of an error above a bare row": (
        "dial tcp: lookup registry.ml.svc.cluster.local: Temporary failure in name resolution\n"
        "  Warning  Failed   57s (x4 over 2m21s)  kubelet  Error: ErrImagePull",
        "registry-unreachable",
    ),
    "CRI-O's quotes": (
        'Warning  Failed  2m (x5 over 9m)  kubelet  Error: container create failed: time="2024" level=error msg="runc '
        'create failed: unable to start container process: exec: \\"vllm\\": executable file not found in $PATH"',
        "bad-entrypoint",
    ),
    "a path that is not there": (
        "Warning  Failed  2m (x5 over 9m)  kubelet  Error: stat /mnt/models: no such file or directory",
        "mount-failed",
    ),
    "an error in prose": (
        "Checking the logs reveals:\n\nstandard_init_linux.go:228: exec user process caused: exec format error",
        "image-wrong-arch",
    ),
    "a log below a table of pods": (
        "NAME    READY   STATUS             RESTARTS   AGE\napi-5   0/1     CrashLoopBackOff   5          2m\n"
        "exec /entrypoint.sh: exec format error",
        "image-wrong-arch",
    ),
    "what mount printed": ("Mounting command: mount\nOutput: mount.nfs: Connection timed out", "mount-failed"),
    "a Job that may make no pod": (
        '2m  Warning  FailedCreate  job/seed  Error creating: pods "seed-x7k2p" is forbidden: [minimum cpu usage per '
        "Container is 250m, but request is 100m]",
        "admission-denied",
    ),
    "a probe that speaks TLS": (
        'Warning  Unhealthy  7s (x44 over 7m)  kubelet  Readiness probe failed: Get "https://10.244.2.8:8000/health": '
        "http: server gave HTTP response to HTTPS client",
        "probe-misconfigured",
    ),
    "a kill after late answers": (
        'Warning  Unhealthy  3m (x9 over 20m)  kubelet  Liveness probe failed: Get "http://10.2.0.7:80/live": context '
        "deadline exceeded (Client.Timeout exceeded while awaiting headers)\n"
        "Normal  Killing  3m (x3 over 19m)  kubelet  Container vllm failed liveness probe, will be restarted",
        "liveness-kill-under-load",
    ),
    "a route's conditions in prose": (
        'I get:\n  - lastTransitionTime: "2025-09-15T16:37:39Z"\n    message: InferencePool "x" not found\n'
        '    reason: BackendNotFound\n    status: "False"\n    type: ResolvedRefs\n**What you expected**:\n',
        "service-mismatch",
    ),
    "an adapter without metrics": (
        'I see `kubectl get --raw /apis/custom.metrics.k8s.io/v1beta1 | jq .\n{\n  "kind": "APIResourceList",\n'
        '  "groupVersion": "custom.metrics.k8s.io/v1beta1",\n  "resources": []\n}`',
        "no-metric",
    ),
    "a client above a description": (
        "curl: (7) Failed to connect to vllm.ml.svc.cluster.local port 80 after 2 ms: Connection refused\n\n"
        "Name:       vllm\nNamespace:  ml\nSelector:   app=vllm\nEndpoints:  10.244.1.11:80\n",
        "service-mismatch",
    ),
    "a plugin's name in a title": (
        'FailedCreatePodSandBox from kubelet with error: plugin type="multus-shim" name="multus-cni-network" failed '
        "(add): CmdAdd (shim): CNI request failed with status 400:",
        "sandbox-failed",
    ),
    "a fallback of KEDA": (
        "- message: At least one trigger is falling back on this scaled object\n  reason: FallbackExists\n"
        '  status: "True"\n  type: Fallback\n  lastTransitionTime: "2026-02-26T10:00:00Z"',
        "no-metric",
    ),
    "gRPC behind Envoy": (
        '[2018-06-05T17:12:18.601Z] "POST /api/stream HTTP/2" 200 UH 5 0 2 - "10.132.0.6" "grpc" "7c3" "app.site" "-"',
        "service-mismatch",
    ),
    "a state between prose": (
        "Kubernetes says\n\n    State:       Running\n    Last State:  Terminated\n      Reason:    OOMKilled\n"
        "      Exit Code:    137\n    Limits:\n      memory:  12Gi\n\nwhile nvidia-smi shows plenty.",
        "host-oom",
    ),
    "a last state that never ran": (
        'Last State: Terminated\nReason: ContainerCannotRun\nMessage: OCI runtime create failed: exec: "/app/run": '
        "stat /app/run: no such file or directory\nExit Code: 127",
        "bad-entrypoint",
    ),
    "a row that goes on": (
        'Warning  Failed   Failed to pull image "us-docker.pkg.dev/p/r/app:v1":\n  unauthorized: failed to authorize',
        "image-auth",
    ),
    "a registry's denial": (
        'denied: Permission "artifactregistry.repositories.downloadArtifacts" denied on resource "projects/p"',
        "image-auth",
    ),
    "a reason with its words": (
        "It fails with ErrImagePull: failed to fetch oauth token: unexpected status: 403 Forbidden",
        "image-auth",
    ),
    "a full node in a title": (
        "failed to garbage collect required amount of images. Wanted to free 473842483 bytes, but freed 0 bytes",
        "disk-full",
    ),
    "the kubelet's admission": (
        "W0317 12:44:49.953485    2278 eviction_manager.go:159] Failed to admit pod vllm-0_ml(e1) - node has "
        "conditions: [DiskPressure]",
        "evicted",
    ),
    "runc's tail": (
        '... unable to start container process: error during container init: error mounting "/host/data" to rootfs at '
        '"/data": no such file or directory',
        "mount-failed",
    ),
    "a runtime that hangs": (
        "Warning  Failed  2m (x5 over 9m)  kubelet  Error: context deadline exceeded",
        "sandbox-failed",
    ),
    "a program of the node": (
        "Warning  Failed  2m (x5 over 9m)  kubelet  Error: failed to create containerd container: get apparmor_parser "
        'version: exec: "apparmor_parser": executable file not found in $PATH',
        "sandbox-failed",
    ),
}

SILENT = {
    "a cgroup with room": "[44.1] memory: usage 111072kB, limit 131072kB, failcnt 0\n",
    "a client that asks before the server is warm": "curl: (7) Failed to connect to 10.0.3.7 port 8008 after 0 ms: "
    "Connection refused\n2024-05-14T09:12:31.004Z  INFO text_generation_router: Warming up model\n",
    "a driver that mounted after all": f"{NOT_EMPTY}\nI0526 09:59:12.532889       1 nodeserver.go:300] volume(models) "
    'mount on "/var/lib/kubelet/plugins/globalmount" succeeded',
    "CoreDNS, once without an answer": f"{LOST}\n{ANSWERED}",
    "CoreDNS, once at the end": f"{ANSWERED}\n{LOST}",
    "a young HPA": HPA + "vllm   Deployment/vllm   <unknown>/1      1         8         1          20s",
    "an HPA that has scaled to nothing": HPA
    + "vllm   Deployment/vllm   <unknown>/1      0         8         0          4d",
    "an HPA at its maximum and content": HPA
    + "vllm   Deployment/vllm   55%/60%          1         4         4          4d",
    "a claim that waits for a pod": PVC
    + "models   Pending                                      fast           40m\n\nwaiting for first consumer",
    "a bound claim": PVC + "models   Bound     pvc-1    100Gi      RWO            fast           40m",
    "endpoints": "NAME   ENDPOINTS                         AGE\nvllm   10.244.1.11:8000,10.244.2.9:8000   3d",
    "a ready ScaledObject": SO + "vllm   apps/v1.Deployment   vllm              1     8     prometheus                "
    "    True    False    False      False    3d",
    "a request that got through": f'{NGINX}\n10.0.0.4 - - [x] "POST /v1/completions HTTP/1.1" 200 1640 "-" "httpx"',
    "a container that is made": REFUSED + "ContainerCreating",
    "a page about Secrets": "If the Secret is not found, the pod waits in CreateContainerConfigError.",
}


def causes(text: str) -> list[str]:
    try:
        reports, _ = diagnose_bundle([], text.encode())
    except InputError:
        return []
    return [item.cause for report in reports for item in report.findings if not item.guessed]


@pytest.mark.parametrize("name", FOUND)
def test_found(name: str) -> None:
    text, cause = FOUND[name]
    found = causes(text)
    assert found
    assert cause in found[0]


@pytest.mark.parametrize("name", SILENT)
def test_silent(name: str) -> None:
    assert causes(SILENT[name]) == []
