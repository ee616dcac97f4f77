"""The GPU cannot be handed to the container: the driver is older than the image needs, or the node's GPU runtime is
broken.

What it finds
    The words of nvidia-container-cli, of the NVIDIA runtime's hook and of CDI, with which the container is not started.

Why it matters
    The image asks for a CUDA that the driver does not know (NVIDIA_REQUIRE_CUDA), or the node has no working driver or
    no current list of its devices: no other setting of vLLM helps, and every pod on that node fails alike.

Evidence
    The runtime's words, the image, and the node's driver where its labels name it.

Fix
    By hand: an image for an older CUDA or a newer driver; for a broken node, its driver and toolkit. Never
    NVIDIA_DISABLE_REQUIRE: the container then fails later.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence, Fix
from vops.diagnosis.logs.wordings import read, wording
from vops.diagnosis.memory import host_memory
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.creation import refusal
from vops.model.patterns import lazy_pattern

_REQUIRES = lazy_pattern(r"requirement error: unsatisfied condition: (?P<what>[^,\n]{0,100})")
_UNREADABLE = "requirement error: invalid expression"
_BROKEN = (
    wording(
        r"file creation failed[^\n]{0,300}file exists",
        "the image itself holds files of the GPU driver, where the runtime puts the node's",
        "Use an image without the driver's libraries (libcuda.so, libnvidia-ml.so): they come from {node}.",
    ),
    wording(
        r"unresolvable CDI devices|failed to inject CDI|CDI device injection failed",
        "the node's list of GPU devices (CDI) does not know its device",
        "See that the driver of {node} is loaded (nvidia-smi); then nvidia-ctk cdi generate "
        "--output=/var/run/cdi/nvidia.yaml, and restart the device plugin.",
    ),
    wording(
        r"no-gpu-has-\d{1,9}[GM]iB-to-run",
        "the device plugin that shares its GPUs found none that a scheduler had set aside for the pod",
        "Let the sharing scheduler place the pod (its extender in kube-scheduler's configuration), not nodeName or"
        " another scheduler; the log of the device plugin on {node} tells what it looked for.",
    ),
    wording(
        r"unknown device|custom device \"?/dev/nvidia",
        "the node does not know that GPU any more",
        "On {node}: see that its driver is loaded (nvidia-smi -L); restart the device plugin, and look for an Xid that "
        "lost the GPU.",
    ),
    wording(
        r"libnvidia-ml\.so|libcuda\.so|driver not loaded|driver/library version mismatch|nvml error"
        r"|failed to initialize NVML|driver rpc error",
        "the node's GPU driver is not loaded, or not the one that its libraries belong to",
        "On {node}: nvidia-smi; after an upgrade of the driver the node must be rebooted.",
    ),
    wording(
        r"nvidia-container-(?:cli|runtime|toolkit)|nvidia-ctk|nvidia-cdi-hook|could not select device driver"
        r"|NVIDIA Container Runtime",
        "the NVIDIA container toolkit of the node fails",
        "On {node}: see that nvidia-container-toolkit is installed, configured for the runtime, and fits the driver.",
    ),
)
_REWORDED = (
    "Set env NVIDIA_REQUIRE_CUDA, which the image brings or the pod sets, to one condition such as cuda>=12.4, without"
    " quotation marks; or NVIDIA_DISABLE_REQUIRE to true, where the driver is known to be new enough.",
    "Or upgrade nvidia-container-toolkit on the node: an old one does not know newer words.",
)
_DRIVER = ("nvidia.com/cuda.driver-version.full", "nvidia.com/cuda.driver.major", "nvidia.com/gpu.driver-version")


@rule(cause="cuda-driver-mismatch", branch=Branch.START, order=25)
def gpu_runtime_failed(replica: Replica) -> Verdict | None:
    found = refusal(replica)
    if found is None or host_memory.HOOK_KILLED.search(found.text):
        return None
    node = replica.pod.spec.node_name or "the node"
    requires = _REQUIRES.search(found.text)
    if requires is not None:
        what = requires["what"].strip() or "a newer driver"
        summary = f"The GPU driver of {node} is too old for {replica.container.image or 'its image'}: it needs {what}"
        fix = _older_image(replica, node, what)
    elif _UNREADABLE in found.text:
        summary = f"The GPU runtime of {node} cannot read what {replica.name} requires of its driver"
        fix = remedies.by_steps(replica, "Say it in words that the runtime knows", _REWORDED)
    else:
        broken = read(found.text, _BROKEN, node=node)
        if broken is None:
            return None
        summary = f"{replica.name} cannot be given its GPU on {node}: {broken.says}"
        fix = remedies.advice(
            f"Repair the GPU runtime of {node}",
            broken.step,
            f"Until then: kubectl cordon {node}, and delete the pod so that it starts elsewhere.",
        )
    return Verdict(summary, (found.shown, *_shown(replica)), Confidence.CERTAIN, fixes=(fix,))


def _older_image(replica: Replica, node: str, what: str) -> Fix:
    repository = replica.container.image.partition(":")[0]
    image = f"an image of {repository}" if repository else "an image"
    return remedies.by_steps(
        replica,
        "Bring image and driver together",
        (
            f"Upgrade the GPU driver of {node} to one that supports {what},",
            f"or use {image} that is built for an older CUDA.",
        ),
    )


def _shown(replica: Replica) -> tuple[Evidence, ...]:
    image = evidence.container_field(replica, "image", replica.container.image)
    labels = replica.node.metadata.labels if replica.node is not None else {}
    known = next((key for key in _DRIVER if key in labels), "")
    if not known or replica.node is None:
        return (image,)
    return image, evidence.node_field(replica.node, f"metadata.labels[{known}]", labels[known])
