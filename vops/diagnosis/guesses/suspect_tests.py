"""How to tell whether a failure is of a cause: one command, what it shows then, and what is done about it.

What is done is what the rules of that cause usually advise, without the numbers that only a proven cause has.
"""

from __future__ import annotations

from vops.diagnosis.guesses.confirming import EVENTS, POD, Test
from vops.diagnosis.guesses.suspect_tests_around import TESTS_AROUND

_LOG = "kubectl -n {ns} logs {pod} -c {c}{previous} --tail=-1"


def _log(pattern: str, shows: str, title: str, step: str) -> Test:
    """Tells by the whole log of the instance that ended."""
    return Test(f"{_LOG} | grep -m5 -inE '{pattern}'", shows, title, step)


TESTS: dict[str, Test] = {
    **TESTS_AROUND,
    "bad-argument": _log(
        "error: |usage:|ValueError|ValidationError|AssertionError",
        "the flag or value that is refused",
        "Change the setting that is refused",
        "Correct or leave out that flag; optional flags one by one where none is named.",
    ),
    "bad-entrypoint": Test(
        POD + " | grep -A12 command:",
        "a command that the image does not have, or one that ends by itself",
        "Start vLLM's server",
        "Leave command out, or set it to [vllm, serve, MODEL] with the flags in args.",
    ),
    "broken-install": _log(
        "ImportError|ModuleNotFound|undefined symbol|\\.so|version|compil|nvcc",
        "packages that do not go together",
        "Use an image whose packages go together",
        "Use the published vllm/vllm-openai image, or the tag that worked last.",
    ),
    "chat-template-missing": _log(
        "chat.?template|jinja",
        "that the template is missing or wrong",
        "Give it a chat template",
        "Set --chat-template to a file in the image or in a mounted ConfigMap.",
    ),
    "corrupted-download": _log(
        "safetensor|header|unexpected|corrupt|EOF",
        "a file that was cut off or is not what it should be",
        "Load the model's files again",
        "Delete the model from the cache and download it again.",
    ),
    "cpu-memory-short": Test(
        "kubectl describe nodes | grep -A8 'Allocated resources'",
        "cpu or memory near 100 % on every node with free GPUs",
        "Ask for less cpu or memory, or use a bigger machine",
        "Lower requests.cpu and requests.memory to what fits.",
    ),
    "cuda-driver-mismatch": _log(
        "driver|CUDA|kernel image|PTX|NVML",
        "that the driver is older than the image's CUDA",
        "Bring the driver and the image's CUDA together",
        "Use an image with an older CUDA, or a newer driver on the node.",
    ),
    "cuda-oom-runtime": _log(
        "out of memory|OutOfMemory|allocat",
        "how much was asked for and how much was free",
        "Leave more GPU memory free",
        "Set --max-num-seqs to half, or --gpu-memory-utilization 0.05 lower; then --enforce-eager.",
    ),
    "cuda-oom-weights": Test(
        "vops size MODEL",
        "weights per GPU near its memory or above",
        "Spread the weights, or use smaller ones",
        "Raise --tensor-parallel-size with the GPU count, use a quantized model, or a larger GPU.",
    ),
    "disk-full": Test(
        "kubectl describe node {node} | grep -i -A3 pressure; " + EVENTS,
        "DiskPressure, or an eviction for ephemeral-storage",
        "Give the model's files more space",
        "Raise the emptyDir's sizeLimit and the ephemeral-storage request, or keep the cache on a claim (PVC).",
    ),
    "dns-failure": Test(
        "kubectl -n kube-system get pods -l k8s-app=kube-dns",
        "DNS pods that are not Ready",
        "Make names resolve",
        "Bring CoreDNS back, and allow egress to port 53 in the namespace's NetworkPolicies.",
    ),
    "dra-claim-pending": Test(
        "kubectl -n {ns} get resourceclaims -o wide",
        "a claim that is not allocated",
        "Let the claim be allocated",
        "See that its DeviceClass exists and the driver's pods run on the GPU nodes.",
    ),
    "engine-dead": _log(
        "Error|Exception|died|dead|signal",
        "what the engine said before it ended",
        "Find what ended the engine, and restart it",
        "Restart it; upgrade the image when it comes back, and report it with the log.",
    ),
    "engine-start-timeout": _log(
        "timed? ?out|VLLM_ENGINE_READY_TIMEOUT_S|Loading|Waiting",
        "that it still made progress when it gave up",
        "Allow the start more time",
        "Set env VLLM_ENGINE_READY_TIMEOUT_S to one and a half times the longest start, and the startup probe with it.",
    ),
    "engine-wedged": Test(
        "kubectl get --raw /api/v1/namespaces/{ns}/pods/{pod}:8000/proxy/metrics | grep num_requests",
        "requests that run, and counters that stand still",
        "Restart the server",
        "Delete the pod, and keep its log: it does not come back by itself.",
    ),
    "evicted": Test(
        EVENTS,
        "Evicted, with the resource that was short",
        "Ask for what it uses",
        "Set requests for memory and ephemeral-storage to what it uses.",
    ),
    "gated-model": _log(
        "403|gated|restricted|access",
        "that access has to be granted",
        "Get access to the model",
        "Ask for access on the model's page with the account of the token in HF_TOKEN.",
    ),
    "gpu-exhausted": Test(
        "kubectl describe nodes | grep -A12 'Allocated resources'",
        "no node with a free GPU of its kind",
        "Make GPUs free",
        "Add a GPU node, or scale down what is not needed; the pod is placed by itself then.",
    ),
    "gpu-not-advertised": Test(
        "kubectl describe nodes | grep -E '^Name:|nvidia.com/|amd.com/'",
        "no GPU among what any node offers",
        "Make the nodes offer their GPUs",
        "Install driver and device plugin on the GPU nodes, or add a GPU node.",
    ),
    "gpu-memory-not-free": Test(
        "kubectl get pods -A -o wide --field-selector spec.nodeName={node}",
        "another pod that uses GPUs, or one that is still ending",
        "Let the other process go first",
        "Wait for the pod that is ending, or remove what shares the GPU.",
    ),
    "host-oom": Test(
        "kubectl get events -A | grep -iE 'OOMKilling|SystemOOM'; " + POD + " | grep -i -A6 lastState",
        "OOMKilled, or the kernel's word on the node",
        "Give the container more host memory",
        "Raise limits.memory to 1.25 times the weights and 10 GiB more.",
    ),
    "hub-rate-limit": _log(
        "429|Too Many|rate",
        "HTTP 429",
        "Ask the hub less often",
        "Set HF_TOKEN, and keep the model on a claim (vops run seed-model) so that it is fetched once.",
    ),
    "hub-unreachable": _log(
        "connect|resolve|ssl|proxy|retr|offline|huggingface",
        "a connection to the hub that failed",
        "Let the container reach the hub, or bring the model to it",
        "Open the way out (egress, DNS, proxy, certificates), or seed the model into a claim and set HF_HUB_OFFLINE=1.",
    ),
    "image-auth": Test(
        EVENTS,
        "the registry's word: unauthorized, denied, 401 or 403",
        "Let the node log in to the registry",
        "Add imagePullSecrets with an account that may pull, to the pod or to its service account.",
    ),
    "image-not-found": Test(
        EVENTS,
        "the registry's word: not found, or manifest unknown",
        "Use an image that exists",
        "Correct the image's name or tag.",
    ),
    "image-wrong-arch": Test(
        "kubectl get node {node} -L kubernetes.io/arch",
        "another architecture than the image's",
        "Bring image and node together",
        "Use an image of the node's arch, or select nodes by kubernetes.io/arch.",
    ),
    "kv-cache-too-small": _log(
        "KV cache|max.model.len|blocks",
        "how long a request may be at most",
        "Make requests shorter or the cache larger",
        "Set --max-model-len lower, or --gpu-memory-utilization higher where memory is free.",
    ),
    "liveness-kill-under-load": Test(
        EVENTS,
        "Killing, because its liveness probe failed",
        "Let the liveness probe be patient",
        "Set its timeoutSeconds to 5 or more and failureThreshold to 3 or more.",
    ),
    "lora-problem": _log(
        "lora|adapter|peft",
        "the adapter that is refused",
        "Correct the LoRA adapter",
        "See that its path exists, that it is of this base model, and that --max-lora-rank is its rank or more.",
    ),
    "missing-config": Test(
        "kubectl -n {ns} get secrets,configmaps",
        "that one which the pod names is not there",
        "Create what is missing",
        "Create the Secret or ConfigMap with the key that the pod names.",
    ),
    "model-not-found": _log(
        "not.?found|no such|does not|404|config.json",
        "the name or path that is not there",
        "Name a model that exists",
        "Correct the model's name, revision or path, and see that its volume is mounted there.",
    ),
    "mount-failed": Test(
        EVENTS,
        "FailedMount or FailedAttachVolume with its reason",
        "Let the volume be mounted",
        "See that its claim is Bound, its CSI driver runs on the node, and the server it is on answers.",
    ),
    "nccl-failure": _log(
        "NCCL|gloo|peer|rank|timed? ?out",
        "what failed between the ranks (with env NCCL_DEBUG=INFO)",
        "Let the ranks reach each other",
        "Set env NCCL_DEBUG=INFO and see its first warning: network interface, /dev/shm, or a GPU.",
    ),
    "nixl-handshake": _log(
        "nixl|ucx|handshake|side",
        "the peer that did not answer",
        "Let both sides of NIXL reach each other",
        "Set VLLM_NIXL_SIDE_CHANNEL_HOST from status.podIP, run one image on both sides, and open its port.",
    ),
    "no-cuda-visible": Test(
        POD + " | grep -iE 'nvidia.com/gpu|runtimeClass|VISIBLE'",
        "no GPU in limits, or another runtime",
        "Give the container a GPU",
        "Set limits nvidia.com/gpu, and leave CUDA_VISIBLE_DEVICES and NVIDIA_VISIBLE_DEVICES unset.",
    ),
    "node-lost": Test(
        "kubectl get events -A --field-selector involvedObject.kind=Node | grep {node}",
        "that its node was drained, shut down or not Ready",
        "Keep servers from nodes that go away",
        "See why the node went; a PodDisruptionBudget keeps drains from taking all replicas.",
    ),
    "node-unavailable": Test(
        "kubectl get nodes",
        "GPU nodes that are NotReady or SchedulingDisabled",
        "Bring the nodes back",
        "Uncordon them, or see why they are not Ready.",
    ),
    "node-oom": Test(
        "kubectl get events -A --field-selector involvedObject.kind=Node | grep -E 'SystemOOM|OOMKilling'",
        "the kernel's or the kubelet's word on its node",
        "Let the server keep its memory",
        "Set its memory request and limit to what it needs, and see what else uses the node's memory.",
    ),
    "node-selector-mismatch": Test(
        "kubectl get nodes --show-labels",
        "no node with the labels that the pod selects",
        "Select nodes that exist",
        "Correct the nodeSelector or node affinity, or label the nodes.",
    ),
    "permission-denied": _log(
        "denied|permission|read-only|not permitted",
        "the path that it may not use",
        "Let it write where it must",
        "Set HF_HOME to a writable volume, and securityContext.fsGroup to the group of its files.",
    ),
    "port-in-use": _log(
        "address|bind|port",
        "the port that is taken",
        "Use a port of its own",
        "Give every server of the pod (or host network) another --port, and wait for the old process.",
    ),
    "probe-misconfigured": Test(
        EVENTS + "; " + POD + " | grep -A8 Probe:",
        "a probe of a port or path that the server does not have",
        "Probe where the server listens",
        "Set the probes to path /health and the port of --port, and let it listen on 0.0.0.0 (--host).",
    ),
    "pvc-unbound": Test(
        "kubectl -n {ns} get pvc",
        "a claim that is not Bound",
        "Let the claim be bound",
        "See its events: StorageClass, size, access mode or zone do not fit.",
    ),
    "quantization-mismatch": _log(
        "quant|awq|gptq|fp8|scale|marlin",
        "the method or tensor that does not fit",
        "Load the quantization that the model has",
        "Remove --quantization, so that vLLM reads it from the model; else use another quantization.",
    ),
    "ray-unreachable": Test(
        "kubectl -n {ns} get pods -o wide",
        "Ray head or workers that are not Running",
        "Bring the Ray cluster together",
        "See that head and workers run the same image, and that RAY_ADDRESS and its port are reachable.",
    ),
    "registry-unreachable": Test(
        EVENTS,
        "the registry's host, and how the connection failed",
        "Let the node reach the registry",
        "Open DNS, proxy and egress from the node to the registry, or use a mirror.",
    ),
    "sandbox-failed": Test(
        EVENTS,
        "FailedCreatePodSandBox with the network plugin's reason",
        "Repair the node's network or runtime",
        "See the CNI's pods on the node; free addresses; restart the runtime.",
    ),
    "shm-too-small": _log(
        "shm|bus error|shared memory|No space",
        "that shared memory ran out",
        "Give it more shared memory",
        "Mount an emptyDir with medium Memory at /dev/shm, 2Gi for each GPU, and raise limits.memory by as much.",
    ),
    "spread-or-affinity": Test(
        POD + " | grep -iE -A12 'affinity|topologySpread|hostPort'",
        "a rule that no node satisfies",
        "Loosen the rule",
        "Make the affinity preferred, the spread ScheduleAnyway, or leave the hostPort out.",
    ),
    "startup-probe-kill": Test(
        EVENTS,
        "Killing, because its startup or liveness probe failed",
        "Allow the start more time",
        "Set a startupProbe with failureThreshold times periodSeconds of one and a half times the longest start.",
    ),
    "token-missing": Test(
        POD + " | grep -A6 HF_TOKEN",
        "no HF_TOKEN, or a Secret without that key",
        "Give it a token for the hub",
        "Set env HF_TOKEN from a Secret.",
    ),
    "tp-mismatch": Test(
        POD + " | grep -iE 'parallel|nvidia.com/gpu'",
        "another number of GPUs than tensor times pipeline parallel size",
        "Bring --tensor-parallel-size and the GPUs together",
        "Set limits nvidia.com/gpu to that product; it must divide the model's attention heads.",
    ),
    "unsupported-architecture": _log(
        "architecture|not supported|model_type|trust|KeyError|shape",
        "what of the model this vLLM does not know",
        "Bring the model and the version of vLLM together",
        "Set the image to a newer vLLM, and --trust-remote-code where the model has code of its own.",
    ),
    "unsupported-dtype": _log(
        "bfloat16|float16|dtype|capability",
        "the number format that this GPU does not have",
        "Use a number format of this GPU",
        "Set --dtype half (float16).",
    ),
    "untolerated-taint": Test(
        "kubectl get nodes -o custom-columns=NAME:.metadata.name,TAINTS:.spec.taints",
        "a taint on the GPU nodes that the pod does not tolerate",
        "Tolerate the taint of the GPU nodes",
        "Add a toleration with its key and operator Exists.",
    ),
    "vllm-port-collision": Test(
        "kubectl -n {ns} get services",
        "a Service named vllm, which sets VLLM_PORT in every pod",
        "Keep the Service's variables out of the pod",
        "Set enableServiceLinks: false in the pod's spec.",
    ),
    "xid-gpu-lost": Test(
        "kubectl describe node {node} | grep -iE 'xid|gpu'",
        "an Xid, or fewer GPUs allocatable than capacity",
        "Take the node out, and reset its GPU",
        "Cordon and drain the node, reset or reboot it, and replace the GPU when it comes back.",
    ),
}
"""How to tell, by cause."""
