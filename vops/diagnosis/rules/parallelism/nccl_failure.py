"""The GPUs of a group cannot talk to each other, or one of them stopped answering.

What it finds
    An error of NCCL, Gloo or PyTorch's process groups, a watchdog that gave up on a collective operation, or a worker
    that did not answer a call in time, where no other failure in the log explains it.

Why it matters
    What is shown is mostly the survivor: a rank that died, hangs or sits behind a firewall makes all others fail.

Evidence
    The error, the rank that failed first, and NCCL's own warning, which names the transport.

Fix
    By hand: what the warning calls for; NCCL_DEBUG=INFO where there is none.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Fix
from vops.diagnosis.logs.standstills import STANDSTILL
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.rules.parallelism.nccl import FAILED
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_WARNED = lazy_pattern(r"NCCL WARN (.{1,300})")
_LAST = lazy_pattern(r"\bLast error:\s{0,4}(\S.{1,300})", re.DOTALL)
"""What PyTorch ends its error with: the reason, after a page of classes and files."""

_INTERFACE = lazy_pattern(
    r"NCCL_SOCKET_IFNAME|no socket interface|GLOO_SOCKET_IFNAME|Unable to find address for|Bootstrap : no"
    r"|ZMQError",
    re.I,
)
_INFINIBAND = lazy_pattern(
    r"NET/IB|ibv_|ncclIbv|Infini[Bb]and|\bRoCE|memlock|ncclRemoteError|Got completion from peer", re.I
)
_FABRIC = lazy_pattern(r"NET/OFI|\bEFA\b|[Ll]ibfabric|\bfi_[a-z]")
_PEER = lazy_pattern(r"peer access|P2P|nvlink|NVLS|cuMem|IMEX|custom[_ ]all_?reduce", re.I)
_SOCKET = lazy_pattern(r"socket(?:StartConnect|PollConnect|FinalizeConnect|Progress|TryAccept)|ncclSocket|net_socket")
_STORE = lazy_pattern(r"TCPStore|client socket|DistNetworkError|DistStoreError|rendezvous", re.I)
_LEFT = lazy_pattern(r"(?:send|recv)Bytes |shut down too early")
_HUNG = lazy_pattern(r"Watchdog|RPC call to|timed? ?out", re.I)
_CAUGHT = lazy_pattern(r"Watchdog caught collective operation timeout")
_TWICE = lazy_pattern(r"Duplicate GPU detected")
_STANDS = lazy_pattern(f"^{STANDSTILL}: ")
_NOT_THEIRS = lazy_pattern(
    r"undefined symbol|wheels? for"
    r"|terminated with exception: CUDA error: (?:an illegal|device-side|unspecified|misaligned"
    r"|uncorrectable)"
)
"""A library that does not fit, and a kernel's failure that only their watchdog tells of."""

_ADVICE = (
    (
        _TWICE,
        "Two ranks were given one GPU: ask for as many GPUs as --tensor-parallel-size, and leave CUDA_VISIBLE_DEVICES "
        "to the device plugin.",
    ),
    (
        _INTERFACE,
        "Set NCCL_SOCKET_IFNAME and GLOO_SOCKET_IFNAME to the pod's interface (eth0), and VLLM_HOST_IP to "
        "status.podIP.",
    ),
    (
        _FABRIC,
        "Check EFA between the nodes: vpc.amazonaws.com/efa in limits, hugepages, a security group that lets all "
        "traffic of its own through, and an image with aws-ofi-nccl; NCCL_NET=Socket shows whether it works without.",
    ),
    (
        _INFINIBAND,
        "Check InfiniBand between the nodes: the device resource in limits, IPC_LOCK, NCCL_IB_HCA, the same GID index; "
        "NCCL_IB_DISABLE=1 shows whether it works without.",
    ),
    (
        _PEER,
        "Check peer-to-peer access on the node (nvidia-smi topo -p2p r): virtual machines and MIG have none. "
        "NCCL_P2P_DISABLE=1 avoids NCCL's use of it, and --disable-custom-all-reduce vLLM's own.",
    ),
    (
        _SOCKET,
        "See that the address that it names is one of the group's pods: else set NCCL_SOCKET_IFNAME to the interface "
        "of the pods (eth0); if it is, let the pods reach each other on all ports (NetworkPolicy), and "
        "look at that pod's own log.",
    ),
    (
        _LEFT,
        "The process of rank 0 ended before the others: its own error stands above in the log, or in its own pod's; "
        "without one look for an out-of-memory kill or an Xid on its node (dmesg).",
    ),
    (
        _STORE,
        "See that the head's address resolves and its port is open between the pods (NetworkPolicy), and that all "
        "pods of "
        "the group run at the same time.",
    ),
    (
        _HUNG,
        "Look at the rank that did not answer: its log, an Xid on its node, and whether every rank runs the same "
        "image.",
    ),
)


@rule(cause="nccl-failure", branch=Branch.DIED, needs={Source.LOGS}, order=58, even_when_ready=True, signature=FAILED)
def nccl_failure(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, FAILED)
    if hit is None or _NOT_THEIRS.search(hit[0].text):
        return None
    hit = _awaited(replica, hit)
    warned = deaths.notice(replica, _WARNED)
    text = hit[0].text + (warned[0].message if warned is not None else "")
    advice = next((step for pattern, step in _ADVICE if pattern.search(text)), "")
    more = () if warned is not None and advice else ("Set env NCCL_DEBUG=INFO: its warning names what failed.",)
    return deaths.verdict(
        replica,
        hit,
        f"The GPUs of {replica.name} cannot work together: {_reason(hit, warned)[:160].rstrip('.: ')}",
        deaths.steps(replica, "Let the ranks reach each other", *((advice,) if advice else ()), *more),
        *((evidence.death_line(replica, warned[0].line, warned[0].message),) if warned is not None else ()),
    )


def _awaited(replica: Replica, hit: deaths.Hit) -> deaths.Hit:
    """The operation that the ranks waited for, where what ended the process names no more than a class."""
    log = replica.death_log
    if log is None or hit[0].type != "Abort" or _CAUGHT.search(hit[0].text):
        return hit
    caught = ((item, match) for item in log.last_words if (match := _CAUGHT.search(item.text)) is not None)
    return next(caught, hit)


def _reason(hit: deaths.Hit, warned: deaths.Hit | None) -> str:
    if warned is not None:
        return warned[1][1]
    last = _LAST.search(hit[0].text)
    return " ".join(last[1].split()) if last is not None else deaths.quoted(hit, 120)


@rule(cause="nccl-failure", branch=Branch.DIED, needs={Source.LOGS}, order=57, signature=_STANDS)
def nccl_said_to_hang(replica: Replica) -> Verdict | None:
    """A log that ends where the ranks join, of which its reader says that it goes no further."""
    hit = deaths.error(replica, _STANDS)
    if hit is None:
        return None
    return Verdict(
        summary=f"{replica.name} stands still where its ranks join each other: {deaths.quoted(hit, 120)}",
        evidence=deaths.shown(replica, hit),
        confidence=Confidence.POSSIBLE,
        fixes=(_of_a_hang(replica),),
    )


@rule(cause="nccl-failure", branch=Branch.SERVE, needs={Source.LOGS}, order=90)
def nccl_hangs(replica: Replica) -> Verdict | None:
    """A server that should be up by now, whose log ends where the ranks join."""
    log = replica.log
    if log is None or log.ready or log.root is not None or log.joining_line is None:
        return None
    return Verdict(
        summary=f"{replica.name} should be up by now, and its log ends where its ranks join each other",
        evidence=(evidence.log_line(log.joining_line, "the last line: NCCL forms the group"),),
        confidence=Confidence.POSSIBLE,
        fixes=(_of_a_hang(replica),),
    )


def _of_a_hang(replica: Replica) -> Fix:
    return deaths.steps(
        replica,
        "Find the rank that does not come, or the way that is shut",
        "Set env NCCL_DEBUG=INFO and compare the ranks: one that prints less has not started, or sees other addresses "
        "(NCCL_SOCKET_IFNAME, VLLM_HOST_IP).",
        "Within one node: NCCL_P2P_DISABLE=1 (or --disable-custom-all-reduce) shows whether peer access hangs, as it "
        "does in virtual machines with ACS or an IOMMU on; /dev/shm needs room (an emptyDir of medium Memory).",
        "Between nodes: NCCL_IB_DISABLE=1 shows whether InfiniBand hangs; open all ports between the pods.",
    )
