"""Which component wrote a log, and what it calls its failure where it writes no Python exception.

vLLM is what a log is taken for unless it says otherwise: its own lines may quote any of the others. A component that
goes on after an error (an operator that tries again) has failed only in what it says at the end.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum

from vops.diagnosis.logs import gpu_components
from vops.diagnosis.logs.tracebacks import Chain, LoggedError
from vops.model.patterns import lazy_pattern


class Component(StrEnum):
    VLLM = "vllm"
    GPU_OPERATOR = "gpu-operator"
    DEVICE_PLUGIN = "nvidia-device-plugin"
    DCGM_EXPORTER = "dcgm-exporter"
    KEDA = "keda-operator"
    STORAGE_INITIALIZER = "storage-initializer"
    RAY = "ray"
    DOWNLOAD = "download"
    METRICS_ADAPTER = "metrics-adapter"
    CONTROLLER = "controller"
    ROUTER = "router"
    NODE = "node"


_VLLM = lazy_pattern(
    r"vLLM API server|non-default args|Initializing an? .{0,12}LLM engine"
    r"|\((?:APIServer|EngineCore|VllmWorker|Worker_)|Avg prompt throughput|/vllm/(?:entrypoints|v1|engine|worker)/"
)
_SIGNS = (
    (
        Component.GPU_OPERATOR,
        lazy_pattern(
            rf"{gpu_components.OPERATOR}"
            r"|NVIDIA Software Installer|Resolving Linux kernel version|(?:Unl|L)oading NVIDIA driver kernel modules"
            r"|Unmounting NVIDIA driver rootfs|nvidia-operator-validator|k8s-driver-manager|nvidia-validator"
            r"|^(?:time=.{0,80}msg=\"?)?(?:toolkit|driver|plugin|cuda) is not ready\b"
            r"|error validating (?:[\w-]{1,30} )?(?:driver|toolkit|plugin|cuda)"
            r"|Asserting MIG mode|Walking MigConfig|Applying the MIG (?:mode|configuration)|nvidia-mig-manager"
            r"|Attempting to validate a (?:driver container|pre-installed)|Installing Linux kernel headers"
            r"|controllers\.ClusterPolicy|ClusterPolicy is (?:not )?ready"
            r"|^waiting for nvidia container stack to be setup"
            r"|NVIDIA driver kernel modules|Uninstalling NVIDIA driver|nvidia driver (?:module is|components)"
            r"|ERROR: (?:An NVIDIA kernel module '|Unable to load the (?:kernel module '|')nvidia)"
            r"|NVIDIA-SMI has failed because it couldn.t communicate|failed to run command 'nvidia-smi'"
            r"|Unable to find a match: (?:kernel-|elfutils-)",
            re.MULTILINE,
        ),
    ),
    (
        Component.DEVICE_PLUGIN,
        lazy_pattern(
            rf"{gpu_components.PLUGIN}|AMD GPU device plugin for Kubernetes|GPU device plugin started with"
            r"|k8s-device-plugin|NVIDIA Device Plugin|Starting GRPC server for '|[Ll]oading NVML"
            r"|Retr(?:ie|ei)ving plugins\."
            r"|Incompatible (?:strategy|platform) detected|did you configure the NVIDIA Container Toolkit"
            r"|Detected NVML platform|Detected non-NVML platform|GPU driver auto installation is disabled"
            r"|Waiting for GPU driver libraries to be available"
        ),
    ),
    (
        Component.DCGM_EXPORTER,
        lazy_pattern(
            rf"{gpu_components.EXPORTER}"
            r"|(?i:dcgm-?exporter)|Not collecting (?:DCP|GPU)|DCGM (?:successfully )?init|libdcgm|nv-hostengine"
            r"|Error starting DCGM|Cannot init NVML library|Failed to Listen and Server HTTP server"
        ),
    ),
    (
        Component.KEDA,
        lazy_pattern(
            r"scale_handler|scaledobject|ScaledObject|kedacore|keda-operator|prometheus_scaler|KEDAScalerFailed"
            r"|error parsing \w{1,40} metadata|keda_metrics_adapter"
        ),
    ),
    (
        Component.STORAGE_INITIALIZER,
        lazy_pattern(r"Initializing, args: src_uri|storage-?initializer|kserve[_./]storage|Copying contents of "),
    ),
    (
        Component.RAY,
        lazy_pattern(
            r"Local node IP: |ray start |Ray runtime started|scripts\.py:\d+ -- |\bGCS at address|gcs_server|raylet"
        ),
    ),
    (
        Component.DOWNLOAD,
        lazy_pattern(
            r"^(?:(?:[\d :.kMGT-]{20,160})?curl: \(|wget: |fatal error: |download failed: |Fetching \d+ files:)",
            re.MULTILINE,
        ),
    ),
    (
        Component.METRICS_ADAPTER,
        lazy_pattern(
            r"/apis/(?:custom|external)\.metrics\.k8s\.io/|unable to update list of all metrics|prometheus-adapter"
            r"|\] unable to fetch pod metrics for pod|no metrics known for (?:pod|node)"
            r"|unable to fetch metrics from prometheus|unable to list matching resource|metric-storage-ready"
            r"|Failed to scrape node"
        ),
    ),
    (
        Component.CONTROLLER,
        lazy_pattern(
            r"is forbidden: User \W{0,2}system:serviceaccount:"
            r"|reflector\.go:\d+\]|controller-runtime|controllerKind|controllerGroup|\"Reconciler error\"|Starting "
            r"EventSource|leaderelection"
        ),
    ),
    (Component.ROUTER, lazy_pattern(r"[(:/.]vllm_router[./:]")),
    (
        Component.NODE,
        lazy_pattern(
            r"\b(?:kubelet(?:_\w{1,30})?|pod_workers|nestedpendingoperations|operation_generator|reconciler\w*"
            r"|mount_linux)\.go:\d+\]|\b(?:kubelet|containerd)\[\d|GRPC (?:call|error):"
            r"|msg=\"(?:PullImage|(?:Run|Stop|Remove)PodSandbox|CreateContainer|(?:Start|Stop|Remove)Container) "
        ),
    ),
)
_FAILURES = {
    Component.GPU_OPERATOR: lazy_pattern(
        rf"{gpu_components.OPERATOR}"
        r"|error validating |waiting for nvidia container stack|(?:toolkit|driver|plugin) is not ready"
        r"|ClusterPolicy is not ready|[Ff]ailed to (?:locate|validate|uninstall|unload)"
        r"|unable to (?:drain|evict|load)|modprobe: |Error: |MIG mode|could not be reset"
    ),
    Component.DEVICE_PLUGIN: lazy_pattern(
        rf"{gpu_components.PLUGIN}"
        r"|Incompatible (?:strategy|platform) detected|[Ff]ailed to init(?:ialize)? (?:NVML|nvml)|error starting "
        r"plugins"
        r"|Could not (?:register|load NVML)|could not load NVML library|XidCriticalError"
        r"|did you configure the NVIDIA Container"
        r"|Failed to start plugin|GPU driver auto installation is disabled"
    ),
    Component.DCGM_EXPORTER: lazy_pattern(
        rf"{gpu_components.EXPORTER}"
        r"|Failed to initialize NVML|NVML doesn't exist|Cannot init NVML|libdcgm\.so|Failed to watch metrics"
        r"|[Ee]rror (?:starting|connecting to|setting up) .{0,40}(?:DCGM|nv-hostengine)|unrecoverable error"
        r"|DCGM library couldn't be found|Encountered a failure\.|Failed to Listen and Serve"
        r"|Both embedded and remote DCGM failed|collector .{0,60}cannot be initialized"
        r"|Failed to (?:connect to remote hostengine|sync pod informer|build registry|initialize DCGM|read config)"
        r"|Could not read metrics file|Error watching fields"
        r"|Error getting (?:device information|supported metrics .{0,40}fatal)"
        r"|Unable to connect to .{0,40}nv-hostengine|[Ff]ailed to (?:start|init).{0,60}(?:DCGM|dcgm)"
    ),
    Component.KEDA: lazy_pattern(
        r"target may be lost|returned (?:multiple elements|no|empty)|[Ee]rror (?:when )?(?:getting|fetching"
        r"|querying|executing|checking|requesting) .{0,60}"
        r"(?:metric|prometheus|scale decision)|(?:prometheus|metrics).{0,200}(?:no such host|connection refused"
        r"|status \d{3})"
        r"|Waiting for establishing a gRPC connection"
        r"|doesn't have correct (?:scaleTargetRef|triggers)|scaleTargetRef .{0,60}not found|Target resource doesn't"
        r"|already managed by the|Replica Counts specification"
        r"|failed to ensure HPA is correctly created|only cpu/memory triggers"
    ),
    Component.METRICS_ADAPTER: lazy_pattern(
        r"unable to (?:update list of all metrics|fetch (?:\w{1,20} )?metrics|list matching resource|query)"
        r"|\"Failed to scrape node|no metrics to store"
        r"|unable to construct (?:lister|metric)|\.metrics\.k8s\.io/.{1,600}(?:resp=\"?404|\) 404 )"
    ),
    Component.CONTROLLER: lazy_pattern(
        r"is forbidden: User \W{0,2}system:serviceaccount:|no matches for kind \W{0,2}\w{1,60}\W{0,2} in version"
    ),
}
_TELLING = {
    Component.GPU_OPERATOR: lazy_pattern(
        rf"{gpu_components.OPERATOR}"
        r"|^waiting for nvidia container stack to be setup"
        r"|Could not (?:resolve Linux|locate Linux|unload NVIDIA|stop NVIDIA|install|find)|^make(?:\[\d+\])?: \*\*\* "
        r"|modprobe: (?:FATAL|ERROR)|insmod: ERROR|^E: (?:Unable|Failed|Package)|^\W?ERROR: (?:Unable|The|An|Failed)"
        r"|error validating |Unable to find a match: (?:kernel|elfutils)|No such device$"
        r"|Unable to open the kernel module"
        r"|Error (?:setting|applying|clearing) MIG|could not be reset|mig\.config\.state' node label to 'failed'"
        r"|Failed to (?:uninstall|install|drain|evict)|is not supported on this kernel|command failed, retrying"
        r"|No GPU node (?:can be found )?in the cluster"
        r"|NVIDIA-SMI has failed because it|failed to run command 'nvidia-smi'"
    ),
    Component.DEVICE_PLUGIN: lazy_pattern(
        rf"{gpu_components.PLUGIN}"
        r"|No devices found\. Waiting|GPU driver auto installation is disabled"
        r"|^(?:Fatal|panic): |Failed to (?:start nvml|initialize NVML)|could not load NVML"
        r"|^(?:\d{4}/\d\d/\d\d )?[\d:]{8} (?:Failed|could not)"
    ),
    Component.DCGM_EXPORTER: lazy_pattern(
        rf"{gpu_components.EXPORTER}|^(?:panic: |fatal error: |exit status [1-9]|Error: )"
    ),
    Component.METRICS_ADAPTER: lazy_pattern(r"\.metrics\.k8s\.io/.{1,600}(?:resp=\"?404|\) 404 )"),
    Component.CONTROLLER: lazy_pattern(r"^HTTP response body: .{0,200}is forbidden: User "),
    Component.KEDA: lazy_pattern(
        r"^(?:panic: |fatal error: )|KEDAScalerFailed|error parsing \w{1,40} metadata"
        r"|Waiting for establishing a gRPC connection"
    ),
}
"""What these say of a failure outside of their loggers, or as if it were none."""
_RECOVERED = {
    Component.KEDA: lazy_pattern(
        r"Connection to KEDA Metrics Service gRPC server has been successfully established"
        r"|Successfully updated ScaleTarget"
    ),
    Component.METRICS_ADAPTER: lazy_pattern(r"(?:custom|external)\.metrics\.k8s\.io/.{1,600}(?:resp=\"?200|\) 200 )"),
    Component.GPU_OPERATOR: lazy_pattern(
        r"Done, now waiting for signal|ClusterPolicy is ready|Registered device plugin for|Starting FS watcher"
        r"|MIG configuration applied successfully|mig\.config\.state' node label to "
        r"'success'|\b(?:driver|toolkit|plugin|cuda)(?: validation)? is (?:ready|successful)|validations are successful"
    ),
}
"""What these say when all is well after all."""
GOES_ON = frozenset({Component.CONTROLLER, Component.NODE, Component.METRICS_ADAPTER, Component.KEDA, Component.ROUTER})
"""Those that try again after an error, so that their last words being one means nothing."""

_SNIFFED = 65_536
_AT_THE_END = 200


def component_of(text: str) -> Component:
    """What wrote a log, by its first and last lines; vLLM where nothing speaks for another."""
    sample = text if len(text) <= 2 * _SNIFFED else text[:_SNIFFED] + text[-_SNIFFED:]
    if _VLLM.search(sample):
        return Component.VLLM
    return next((component for component, sign in _SIGNS if sign.search(sample)), Component.VLLM)


def telling(component: Component) -> re.Pattern[str] | None:
    """How a component says that it failed where its logger does not call it an error."""
    return _TELLING.get(component)


def recovered(component: Component) -> re.Pattern[str] | None:
    """What a component says once it does its work, whatever it complained of before."""
    return _RECOVERED.get(component)


def failure_of(component: Component, errors: Sequence[LoggedError], lines: int) -> list[Chain]:
    """What a component called errors at the end of its log, as far as it means a failure: it ended by it, or is known
    to do nothing of use after it."""
    known, spoken = _FAILURES.get(component), _TELLING.get(component)
    if known is None:
        return []
    late = (error for error in errors if error.line > lines - _AT_THE_END)
    told = [error for error in late if known.search(error.message) or (spoken and _ended_by(error, spoken))]
    return [Chain((LoggedError(str(component), error.message, error.line),), (False,), "ERROR") for error in told[:8]]


def _ended_by(error: LoggedError, spoken: re.Pattern[str]) -> bool:
    return error.type == "Critical" or spoken.search(error.message) is not None
