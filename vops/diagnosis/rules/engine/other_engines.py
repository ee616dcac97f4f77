"""Another engine than vLLM gave up: llama.cpp, Ollama, TensorRT-LLM, NIM, Hugging Face's, SGLang.

What it finds
    Their own sentences: no room for the weights on the GPU, a model file that is not there, not whole, or of an
    architecture that this version does not know, an engine that was built for another version or another GPU, a count
    of processes that does not fit the model's parts, a flag or a profile that it does not know, a port that is taken.

Why it matters
    They write no exception, and none of vLLM's flags means anything to them.

Evidence
    The sentence.

Fix
    By hand, in that engine's own terms.
"""

from __future__ import annotations

import re

from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.memory.engine_terms import LLAMA_WEIGHTS
from vops.diagnosis.rule import Branch, Rule, Verdict
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_NO_ROOM = lazy_pattern(
    r"Engine: .{0,200}(?:\w{3,12}Malloc failed: out of memory|unable to allocate (?:backend|\w{2,12}\d*) buffer"
    r"|compute (?:pp )?buffers|CUDA runtime error(?: in .{1,200})?: out of memory)"
    r"|model weights are too large for GPU memory"
    r"|Engine: llama runner process .{1,120}out of memory"
)
_NO_CACHE = lazy_pattern(
    r"Engine: failed to .{1,60}(?:kv|KV) cache|Not enough memory\. Please try to increase --mem-fraction-static"
    r"|Insufficient memory for KV cache|is larger than the maximum number of KV cache tokens"
)
_NO_FILE = lazy_pattern(
    r"Engine: .{0,80}(?:failed to open|failed to load model from .{1,300}: No such file|files not found in"
    r"|model weights not found|manifest: file does not exist|failed to stat file"
    r"|not found, try pulling it first)"
)
_UNKNOWN = lazy_pattern(
    r"Engine: .{0,120}(?:unknown (?:model architecture|pre-tokenizer type)|wrong number of tensors"
    r"|error loading model (?:hyperparameters|vocabulary)|unknown variant)|unknown architecture \w"
    r"|Can not found? rewrite for architectures"
)
_NOT_WHOLE = lazy_pattern(
    r"Engine: .{0,200}(?:corrupted or incomplete|invalid magic|failed to read magic|not within the file bounds"
    r"|tensor '.{1,80}' has invalid)"
)
_BUILT_FOR_ANOTHER = lazy_pattern(
    r"engine plan file is |Failed to deserialize cuda engine|kSERIALIZATION_VERSION failed"
)
_OTHER_GPU = lazy_pattern(r"Runtime compute cap (\d+) is not compatible with compile time compute cap (\d+)")
_PROCESSES = lazy_pattern(r"mpiSize == tp \* pp|tp_size must be divisible by number of nodes")
_SLOW = lazy_pattern(r"timed out waiting for llama runner to start")
_HOST = lazy_pattern(
    r"requires more system memory \(|llama runner process has terminated: signal: killed|\(exit code: -9\)"
)
_BAD_FLAG = lazy_pattern(r"Engine: error: invalid argument: (--?[\w-]{1,80})")
_NO_PROFILE = lazy_pattern(r"(?:provided profiles are supported|Unknown profiles|Could not match a profile)")
_TAKEN = lazy_pattern(r"Engine: couldn't bind (?:HTTP )?server socket")
_PREFILL = lazy_pattern(
    r"Not enough memory to handle \d{1,9} prefill tokens"
    r"|(?:Prefill|Decode) out of memory\. Try to lower your batch size"
)
_STUCK = lazy_pattern(r"Engine: (?:[Ww]atchdog timeout|Health check failed\. Server couldn't get a response)")
_TRANSFER = lazy_pattern(r"KVTransferError\(|bootstrap_addr: ")


def _rule(
    name: str, cause: str, pattern: re.Pattern[str], does: str, title: str, *steps: str, even_when_ready: bool = False
) -> Rule:
    """A rule that finds what an engine says of one failure; `does` goes on from "The engine of POD"."""

    def check(replica: Replica) -> Verdict | None:
        hit = deaths.error(replica, pattern)
        if hit is None:
            return None
        return deaths.verdict(
            replica,
            hit,
            f"The engine of {replica.name} {does}: {deaths.quoted(hit, 140)}",
            deaths.steps(replica, title, *steps),
        )

    return Rule(
        name,
        cause,
        Branch.DIED,
        check,
        needs=frozenset({Source.LOGS}),
        order=20,
        even_when_ready=even_when_ready,
        signature=pattern,
        doc=__doc__ or "",
    )


RULES = (
    _rule(
        "other-engine-no-room",
        "cuda-oom-weights",
        _NO_ROOM,
        "has no room on the GPU for the model",
        "Make the model fit the GPU",
        *LLAMA_WEIGHTS,
    ),
    _rule(
        "other-engine-no-cache",
        "kv-cache-too-small",
        _NO_CACHE,
        "has no memory left for its KV cache",
        "Leave more memory for the KV cache",
        "SGLang: raise --mem-fraction-static (what --gpu-memory-utilization is to vLLM), or use more GPUs (--tp).",
        "llama.cpp: lower --ctx-size or --parallel, or store the cache smaller (--cache-type-k q8_0).",
    ),
    _rule(
        "other-engine-no-file",
        "model-not-found",
        _NO_FILE,
        "cannot open the model's file",
        "Correct the path of the model",
        "See with ls in the container what the volume holds, and give the path under its mountPath; of a bucket, see "
        "that its name is right and that the container has credentials to list it.",
    ),
    _rule(
        "other-engine-unknown-model",
        "unsupported-architecture",
        _UNKNOWN,
        "does not know the model's architecture",
        "Use a newer version of the engine",
        "Set the image to a newer version: its release notes tell from which on this model runs.",
    ),
    _rule(
        "other-engine-broken-file",
        "corrupted-download",
        _NOT_WHOLE,
        "cannot read the model's file, which is not whole",
        "Load the model's file again",
        "Delete the file and download it again; compare its size and its sha256 with the repository's.",
    ),
    _rule(
        "engine-of-another-version",
        "broken-install",
        _BUILT_FOR_ANOTHER,
        "cannot read an engine that another version built",
        "Build the engine with the version that serves it",
        "Build it again (trtllm-build) in the image that serves it, on the same type of GPU; or set the image to the "
        "version that built it.",
    ),
    _rule(
        "engine-for-another-gpu",
        "cuda-driver-mismatch",
        _OTHER_GPU,
        "was built for another type of GPU",
        "Use the image for this type of GPU",
        "Set the tag of the image to the one for this GPU: turing- (75), none (80), 86-, 89-, hopper- (90).",
    ),
    _rule(
        "other-engine-processes",
        "tp-mismatch",
        _PROCESSES,
        "was started with another number of processes than the model has parts",
        "Make processes and parallelism agree",
        "TensorRT-LLM: start tp times pp processes (mpirun -n, --world_size), as many as the engine was "
        "built for, each with a GPU of its own.",
        "SGLang: make --tp a multiple of --nnodes.",
    ),
    _rule(
        "other-engine-slow",
        "engine-start-timeout",
        _SLOW,
        "gave up waiting for the model to load",
        "Give the model time to load",
        "Raise OLLAMA_LOAD_TIMEOUT (5m by default), and keep the models on a faster disk.",
    ),
    _rule(
        "other-engine-host-memory",
        "host-oom",
        _HOST,
        "finds too little host memory for the model",
        "Give the container more host memory",
        "Raise resources.limits.memory (and requests), up to what the node has free; or load a smaller model.",
    ),
    _rule(
        "other-engine-argument",
        "bad-argument",
        _BAD_FLAG,
        "does not know its argument",
        "Correct the argument",
        "Compare the container's args with the output of --help in the same image: flags come and go with versions.",
    ),
    _rule(
        "other-engine-profile",
        "bad-argument",
        _NO_PROFILE,
        "has no profile as was asked for",
        "Name a profile that it has",
        "See them with list-model-profiles in the same image, and set NIM_MODEL_PROFILE (of a NIMCache: "
        "spec.source.ngc.model.profiles) to one that it calls compatible; or remove it, and NIM_TAGS_SELECTOR too.",
    ),
    _rule(
        "other-engine-port",
        "port-in-use",
        _TAKEN,
        "cannot listen on its port, which something else has",
        "Free the port, or take another",
        "Set another --port (and the container's port and probes with it), or stop what listens there: with "
        "hostNetwork, that is whatever runs on the node.",
    ),
    _rule(
        "other-engine-prefill",
        "cuda-oom-runtime",
        _PREFILL,
        "has too little GPU memory for a batch of prompts",
        "Let fewer tokens be read at once",
        "Lower --max-batch-prefill-tokens (what --max-num-batched-tokens is to vLLM), or use more GPUs (--num-shard).",
        "SGLang: lower --max-running-requests and --chunked-prefill-size.",
    ),
    _rule(
        "other-engine-transfer",
        "nixl-handshake",
        _TRANSFER,
        "cannot hand KV cache from prefill to decode",
        "Let prefill and decode reach each other",
        "SGLang: open the network between the pods (--disaggregation-bootstrap-port, 8998 by default, and the ports of "
        "mooncake or NIXL), name the device with --disaggregation-ib-device, and see that the prefill pods are Ready.",
        even_when_ready=True,
    ),
    _rule(
        "other-engine-wedged",
        "engine-wedged",
        _STUCK,
        "hangs: it makes no step",
        "Restart it, and find what it hangs at",
        "Delete the pod, so that another takes its requests; its watchdog (--watchdog-timeout) prints the stacks of "
        "all processes.",
        "Where it hangs again: --disable-overlap-schedule, --disable-cuda-graph, NCCL_DEBUG=INFO.",
        even_when_ready=True,
    ),
)
