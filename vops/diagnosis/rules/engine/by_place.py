"""A start that failed with words that no rule knows, judged by the code that raised them.

What it finds
    An exception of a start whose message is nobody's, raised in code that is for one thing only: a quantization
    method, the weights of a checkpoint, a model's own code, its tokenizer, a check of settings, the group of
    processes, a compiler of kernels, the hub's client.

Why it matters
    Versions of vLLM and of its libraries raise thousands of sentences; what the code is for says where to look.

Evidence
    The exception, and where it was raised. It is never more than a suspicion.

Fix
    By hand, by what the code is for.
"""

from __future__ import annotations

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.logs.places import REFUSALS, Place, place_of
from vops.diagnosis.logs.tracebacks import CUT, LoggedError
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.engine.bad_argument import named_flag
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_TRIALS = ("profile_run", "_dummy_run", "determine_available_memory", "capture_model", "determine_num_available_blocks")
_REFUSED = lazy_pattern(
    r"ConnectionRefused|Connection refused|TimeoutError|timed out|ConnectionError|ConnectionReset|did not respond"
)
_CACHE_SERVER = lazy_pattern(r"LMCache (?:\w{1,10} )?server|[Rr]edis(?:\.exceptions|[ :/])|[Vv]alkey")
_CACHE = lazy_pattern(r"lmcache/|mooncake|redis/|vineyard|infinistore|aibrix_kvcache|valkey")
_TRANSFER = lazy_pattern(r"kv_connector/v1/(?:nixl|mooncake|p2p|moriio)")
_REGISTRY = lazy_pattern(
    r"(?:connect\w{0,4} to|reach) (?:the )?(?:etcd|NATS|nats|[Rr]edis|Consul)\b|nats\S{0,20}NoServersError"
    r"|nats: (?:no servers available|no responders|ServiceUnavailable)"
    r"|Unable to (?:create|maintain) lease\b.{0,40}etcd"
    r"|redis\.exceptions\.ConnectionError|etcd\S{0,40}(?:Unavailable|ConnectionFailed)"
)
_OTHER_IMAGE = "Try the next version of the image, then the last one that worked; report it with its traceback."
_OF_QUANTIZATION = lazy_pattern(
    r"scale|absmax|quant|qweight|zeros|zero_point|g_idx|packed|_bias'|\bw(?:13|2)_|experts|bnb|fp8|mxfp4|nvfp4|int[48]"
)


@rule(cause="quantization-mismatch", branch=Branch.DIED, needs={Source.LOGS}, order=93, last_resort=True)
def quantization_code_failed(replica: Replica) -> Verdict | None:
    return _verdict(
        replica,
        _found(replica, Place.QUANTIZATION) or _quantized_weights(replica),
        "the quantization of its weights",
        "Load the quantization that vLLM reads best for this model",
        "Remove --quantization, so that vLLM reads the method from the model's config; where that fails too, use "
        "another quantization of the model, or the unquantized one.",
        _OTHER_IMAGE,
    )


@rule(cause="lora-problem", branch=Branch.DIED, needs={Source.LOGS}, order=93, last_resort=True)
def adapter_refused(replica: Replica) -> Verdict | None:
    return _verdict(
        replica,
        _found(replica, Place.ADAPTER),
        "checking its LoRA adapters",
        "Make adapter and server agree",
        "See that the adapter was trained on this base model, and that the LoRA flags (--max-lora-rank, --max-loras) "
        "allow it; start without --lora-modules to see that the rest works.",
        _OTHER_IMAGE,
    )


@rule(cause="unsupported-architecture", branch=Branch.DIED, needs={Source.LOGS}, order=94, last_resort=True)
def model_code_failed(replica: Replica) -> Verdict | None:
    found = _found(replica, Place.MODEL) or (
        _found(replica, Place.WEIGHTS) if not _quantized_weights(replica) else None
    )
    return _verdict(
        replica,
        found,
        "its code for this model",
        "Bring the model and the version of vLLM together",
        "Set the image to a newer vLLM: its release notes and list of models tell from which version on this one runs.",
        "See that the model's files are of one revision, and those that its makers published.",
    )


@rule(cause="broken-install", branch=Branch.DIED, needs={Source.LOGS}, order=95, last_resort=True)
def compiler_failed(replica: Replica) -> Verdict | None:
    found = _found(replica, Place.COMPILER)
    return _verdict(
        replica,
        found or _found(replica, Place.TOKENIZER),
        "compiling its kernels" if found else "reading the tokenizer",
        "Use an image whose packages go together",
        "--enforce-eager avoids compiling the model; another --attention-backend avoids most kernels."
        if found
        else "See that the tokenizer's files are there, and use an image with a newer transformers and tokenizers.",
        _OTHER_IMAGE,
    )


@rule(cause="broken-install", branch=Branch.DIED, needs={Source.LOGS}, order=95, last_resort=True)
def import_failed(replica: Replica) -> Verdict | None:
    return _verdict(
        replica,
        _found(replica, Place.IMPORT),
        "loading its libraries",
        "Use an image whose packages go together",
        "Remove what is installed over the image at start (pip install in the command, PYTHONPATH, a mounted "
        "site-packages): a library calls another one that has changed.",
        _OTHER_IMAGE,
    )


@rule(cause="bad-argument", branch=Branch.DIED, needs={Source.LOGS}, order=96, last_resort=True)
def settings_refused(replica: Replica) -> Verdict | None:
    return _verdict(
        replica,
        _found(replica, Place.SETTINGS) or _naming_a_flag(replica),
        "checking its settings",
        "Change the setting that it is about",
        "Leave out the optional flags one by one, those that the message is about first: they do not go together for "
        "this model and GPU.",
        _OTHER_IMAGE,
    )


@rule(cause="cuda-oom-runtime", branch=Branch.DIED, needs={Source.LOGS}, order=92, last_resort=True)
def cut_in_a_trial_run(replica: Replica) -> Verdict | None:
    """A traceback without its end, out of the calls that try how much memory the model needs."""
    error = _of_the_start(replica)
    tries = error is not None and error.type == CUT and error.passed(*_TRIALS)
    return _verdict(
        replica,
        error if tries else None,
        "trying how much GPU memory it needs (its log is cut off there; out of memory is the usual end)",
        "Leave more GPU memory free",
        "See the end of the log (kubectl logs --previous --tail=200): if it says out of memory, set --max-num-seqs to "
        "128 or fewer, and --gpu-memory-utilization 0.05 lower.",
    )


@rule(cause="service-mismatch", branch=Branch.DIED, needs={Source.LOGS}, order=92, last_resort=True)
def cache_server_unreachable(replica: Replica) -> Verdict | None:
    """A server beside the engine that does not answer as it starts: one that keeps KV cache, or knows its peers."""
    error = _of_the_start(replica)
    if error is None:
        return None
    cache = any(map(_CACHE.search, error.frames)) or _CACHE_SERVER.search(error.text) is not None
    keeps = cache and _REFUSED.search(error.text) is not None
    return _verdict(
        replica,
        error if keeps or _REGISTRY.search(error.text) else None,
        "connecting to the server that keeps its KV cache" if keeps else "connecting to the registry of its peers",
        "Start the server first that it needs",
        "See that its pod is Ready and its Service selects it on the port that LMCACHE_REMOTE_URL (ETCD_ENDPOINTS, "
        "NATS_SERVER, the connector's configuration) names, and that no NetworkPolicy or security group is in between.",
        "Let the engine wait for it in an init container.",
    )


@rule(cause="nixl-handshake", branch=Branch.DIED, needs={Source.LOGS}, order=92, last_resort=True)
def transfer_failed(replica: Replica) -> Verdict | None:
    """Whatever ends the code that hands KV cache over between engines."""
    error = replica.death_log.root if replica.death_log is not None else None
    return _verdict(
        replica,
        error if error is not None and any(map(_TRANSFER.search, error.frames)) else None,
        "handing over KV cache to another engine",
        "Let prefill and decode understand each other",
        "Run one image and one configuration on both sides, and let each name an address that the other reaches: env "
        "VLLM_NIXL_SIDE_CHANNEL_HOST from fieldRef status.podIP, port 5600 (plus the rank) open between the pods.",
    )


@rule(cause="nccl-failure", branch=Branch.DIED, needs={Source.LOGS}, order=97, last_resort=True)
def group_failed(replica: Replica) -> Verdict | None:
    return _verdict(
        replica,
        _found(replica, Place.GROUP),
        "forming the group of its processes",
        "Let the ranks reach each other",
        "Set env NCCL_DEBUG=INFO: its warning names what failed. See that all ranks run the same image, and that the "
        "pod has as many GPUs as --tensor-parallel-size.",
    )


@rule(cause="hub-unreachable", branch=Branch.DIED, needs={Source.LOGS}, order=98, last_resort=True)
def hub_client_failed(replica: Replica) -> Verdict | None:
    return _verdict(
        replica,
        _found(replica, Place.HUB),
        "fetching the model",
        "Let the container reach the hub, or bring the model to it",
        "Open the way out (egress, DNS, proxy, certificates), or seed the model into a claim and set HF_HUB_OFFLINE=1.",
    )


@rule(cause="corrupted-download", branch=Branch.DIED, needs={Source.LOGS}, order=99, last_resort=True)
def weights_reader_failed(replica: Replica) -> Verdict | None:
    return _verdict(
        replica,
        _found(replica, Place.FILES),
        "reading the files of the weights",
        "Load the model's files again",
        "Delete the model from the cache and download it again: a download that was cut off stays there.",
    )


def _of_the_start(replica: Replica) -> LoggedError | None:
    """The error at the root of a log whose server never came up."""
    log = replica.death_log
    return log.root if log is not None and not log.ready else None


def _found(replica: Replica, place: Place) -> LoggedError | None:
    found = place_of(replica)
    return found[1] if found is not None and found[0] is place else None


def _naming_a_flag(replica: Replica) -> LoggedError | None:
    """A refusal without its traceback that is about something which a flag of vLLM sets."""
    log, error = replica.death_log, _of_the_start(replica)
    if log is None or log.terminated:
        return None
    refuses = error is not None and error.short_type in REFUSALS and not error.frames
    return error if error is not None and refuses and named_flag(error.message) else None


def _quantized_weights(replica: Replica) -> LoggedError | None:
    """A tensor without a place in the model's code, of those that only quantization has."""
    error = _found(replica, Place.WEIGHTS)
    return error if error is not None and _OF_QUANTIZATION.search(error.message) else None


def _verdict(replica: Replica, error: LoggedError | None, doing: str, title: str, *steps: str) -> Verdict | None:
    if error is None:
        return None
    where = f" (raised in {error.frames[-1].partition(':')[0]})" if error.frames else ""
    return Verdict(
        summary=f"{replica.name} failed while {doing}: {str(error)[:160].rstrip('.: ')}{where}",
        evidence=deaths.shown_of(replica, error),
        confidence=Confidence.POSSIBLE,
        fixes=(remedies.by_steps(replica, title, steps),),
    )
