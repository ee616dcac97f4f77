"""Parallel sizes and GPUs do not agree.

What it finds
    A server whose tensor × pipeline × data parallel size is not the number of GPUs that its container gets.

Why it matters
    With more ranks than GPUs the engine does not start; with fewer, GPUs are paid for and stay idle, since every GPU
    of a pod is its own.

Evidence
    The sizes on the command line, and the GPU limit. Servers that span several pods are left alone.

Fix
    Make `--tensor-parallel-size` and the GPU limit the same number.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server


@rule(Severity.ERROR, servers)
def tp_gpu_mismatch(server: Server) -> Iterator[Flaw]:
    wanted, given = server.args.gpus, server.gpus
    if given is None or given == wanted or server.spans_pods or server.args.line is None or given == 0:
        return
    resource = next(iter(server.accelerators))
    if wanted > given:
        summary = f"the parallel sizes need {wanted} GPUs and the container gets {given}: the engine does not start"
    else:
        summary = f"the container gets {given} GPUs and the parallel sizes use {wanted}: {given - wanted} stay idle"
    severity = Severity.ERROR if wanted > given else Severity.WARNING
    fix = f"set --tensor-parallel-size {given}, or {resource}: {wanted}"
    yield Flaw(server.object, server.flag_field("tensor-parallel-size"), summary, fix, severity)
