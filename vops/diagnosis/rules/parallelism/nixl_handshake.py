"""Prefill and decode cannot hand over KV cache: NIXL's handshake or transfer fails.

What it finds
    NIXL that is not in the image, an agent under another identity than expected, configurations that differ (version,
    layout, block size, parallelism), or something on its port that does not speak its language; also while it serves,
    when transfers fail and requests are computed again.

Why it matters
    The side channel listens on localhost unless told, and a handshake with the wrong pod looks like a broken peer.

Evidence
    NIXL's words, and VLLM_NIXL_SIDE_CHANNEL_HOST where it is set.

Fix
    `fix-nixl-host`, else by hand: the pod's address for the side channel, one image and one configuration
    on both sides.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.pods import EnvVar
from vops.model.snapshot import Source

_NIXL = lazy_pattern(
    r"\bN[Ii]XL|[Nn]ixl[A-Z_](?!ep\.py)\w{0,40}|nixl_?(?:agent|connector)"
    r"|Handshake with [\w-]{8,64} failed|KV cache sizes must match between P and D"
    r"|Heterogeneous TP expects same kv_cache_layout|kv_connector/v1/nixl"
    r"|Number of KV layers must match between prefill|[Ll]ocal block size \d{1,6} is not divisible by remote"
    r"|\bUCX {1,3}ERROR|plugin found for UCX|libplugin_UCX|UCX endpoint error|Failed to open device mlx\d"
    r"|[Mm]ooncake.{0,80}(?:[Ff]ail|[Ee]rror|not )|mooncake\w{0,20}/|[Ff]ailed to (?:mount|open) segment"
    r"|Failed to transfer KV cache|Failed to retrieve segment descriptor|Failed to connect to segment"
    r"|Failed to receive all KVs|error: TRANSFER_FAIL"
)
_UCX = lazy_pattern(r"\bUCX {1,3}ERROR")
_MOONCAKE = lazy_pattern(r"[Mm]ooncake|segment|TRANSFER_FAIL")
_VARIABLE = "VLLM_NIXL_SIDE_CHANNEL_HOST"
_OWN = ("localhost", "127.0.0.1")
_DIFFER = lazy_pattern(r"hash mismatch|decode NixlHandshake|expects same|must match|not divisible|incompatib")
_FAILING = lazy_pattern(
    r"NIXL transfer fail(?:ure|ed)|NIXL compatibility hash mismatch|Releasing expired KV blocks|NIXL_ERR_\w{1,40}"
    r"|Mooncake transfer failed|Failed to transfer KV cache|KVTransferError"
)
_EXPIRED = lazy_pattern(r"Releasing expired KV blocks")
_NO_BACKEND = "NIXL_ERR_BACKEND"
_ABSENT = lazy_pattern(r"NIXL is not available|No module named '?nixl")


@rule(cause="nixl-handshake", branch=Branch.DIED, needs={Source.LOGS}, order=34, even_when_ready=True, signature=_NIXL)
def nixl_handshake(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _NIXL)
    if hit is None:
        return None
    host = next((item for item in replica.container.env if item.name == _VARIABLE), None)
    given = (host.value or "set by reference") if host is not None else "not set: localhost"
    return deaths.verdict(
        replica,
        hit,
        f"{replica.name} cannot exchange KV cache by NIXL: {deaths.quoted(hit, 120)}",
        _fix(replica, hit[0].text, sure=True),
        evidence.container_field(replica, f"env[{_VARIABLE}]", given, expected="status.podIP"),
    )


def _advice(text: str, has_host: bool) -> tuple[str, ...]:
    if _ABSENT.search(text):
        return ("Use an image that holds NIXL (the official ones for CUDA do), on both sides.",)
    if _NO_BACKEND in text:
        return (
            "See the lines of UCX before it: without the transports cuda_copy and cuda_ipc this UCX was built without "
            "CUDA. Let NIXL find its own: take the system's UCX (HPC-X) off LD_LIBRARY_PATH, or use an image that "
            "holds "
            "a matching pair.",
            "UCX_LOG_LEVEL=info shows which library and which transports it takes.",
        )
    if _DIFFER.search(text):
        return (
            "Run the same image digest, model, dtype, --block-size and KV cache layout on prefill and decode;",
            "tensor parallel sizes must divide each other.",
        )
    if "KVTransferError" in text:
        return (
            "SGLang: open the network between prefill and decode (--disaggregation-bootstrap-port, 8998, and "
            "the ports of its transfer backend), name the device with --disaggregation-ib-device, and see that the "
            "prefill pods are Ready.",
        )
    if _UCX.search(text):
        return (
            "Give both pods what UCX opens: the RDMA device in limits, IPC_LOCK in securityContext.capabilities, and "
            "nvidia_peermem (or dma-buf) on the nodes; UCX_TLS=tcp,cuda_copy,cuda_ipc shows whether it works without.",
        )
    if _MOONCAKE.search(text):
        return (
            "Start Mooncake's master and metadata server before the engines, and let both sides reach them: addresses "
            "and protocol (rdma needs its devices in limits, tcp does not) are in mooncake.json or "
            "--kv-transfer-config.",
            "Open the ports of its transfer engine between the pods, and run the same image on both sides.",
        )
    own = () if has_host else (f"Set env {_VARIABLE} from fieldRef status.podIP: its default is localhost.",)
    return (*own, "Open port 5600 (plus the rank) between the pods, and point no probe or scrape at it.")


@rule(cause="nixl-handshake", branch=Branch.TRAFFIC, needs={Source.LOGS})
def nixl_handshake_serving(replica: Replica) -> Verdict | None:
    log = replica.log
    said = log.notice(_FAILING) if log is not None and log.ready else None
    if log is None or said is None:
        return None
    times = sum(1 for item in log.notices if _FAILING.search(item.text))
    if times == 1 and _EXPIRED.search(said[0].text):  # one client that went away
        return None
    return Verdict(
        summary=f"{replica.name} serves, and handing over KV cache by NIXL fails: {said[0].message[:120]}",
        evidence=(evidence.log_line(said[0].line, f"{said[0].message} ({times} such lines)"),),
        confidence=Confidence.STRONG if times > 1 else Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(_fix(replica, said[0].text, sure=times > 1),),
    )


def _fix(replica: Replica, text: str, *, sure: bool) -> Fix:
    """The pod's own address for the side channel where none is set; what is set or differs is put right by hand."""
    title, host = "Let prefill and decode understand each other", _host(replica)
    steps = _advice(text, host is not None)
    if host is not None or not steps[0].startswith("Set env"):
        return remedies.by_steps(replica, title, steps)
    return remedies.runbook(
        replica,
        "fix-nixl-host",
        title,
        Applicability.SAFE if sure and replica.observed else Applicability.ASK,
        {"container": replica.container.name},
        by_hand=steps,
        notes=("The other side needs the same: run it for prefill and for decode.", *steps[1:]),
    )


def _host(replica: Replica) -> EnvVar | None:
    """The variable, unless it says what is its default anyway."""
    given = next((item for item in replica.container.env if item.name == _VARIABLE), None)
    return None if given is not None and given.value in _OWN else given
