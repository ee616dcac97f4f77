"""A Service named vllm-… gives the server variables that look like its own.

What it finds
    A server whose pod gets the variables of Services (`enableServiceLinks` is not false), with a Service called
    `vllm` or `vllm-…` in the namespace. Without such a Service among the manifests it is only a hint.

Why it matters
    A Service `vllm` sets `VLLM_PORT=tcp://…`, which vLLM reads as its port and dies. Any `vllm-…` sets
    `VLLM_…_PORT` variables, which newer versions complain about and refuse with `--fail-on-environ-validation`.

Evidence
    The Service's name, and the absent field.

Fix
    `enableServiceLinks: false`, always: DNS does the same work.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import Seen, seen_servers
from vops.manifests.rule import Flaw, rule


@rule(Severity.WARNING, seen_servers)
def service_links(seen: Seen) -> Iterator[Flaw]:
    pod = seen.server.pod
    if pod.get("enableServiceLinks") is False or not pod.is_whole:
        return
    named = [s.name for s in seen.manifests.kind("Service") if s.beside(pod.object)]
    looking = [name for name in named if name == "vllm" or name.startswith("vllm-")]
    where = "enableServiceLinks" if "enableServiceLinks" in pod.spec else "containers"
    if "vllm" in looking:
        words, severity = "the Service vllm sets VLLM_PORT=tcp://…, and vLLM dies of it", Severity.ERROR
    elif looking:
        variable = looking[0].upper().replace("-", "_") + "_PORT"
        words, severity = (
            f"the Service {looking[0]} sets {variable}, which looks like a setting of vLLM",
            Severity.WARNING,
        )
    else:
        words, severity = (
            "Services of the namespace set variables; one named vllm-… sets some that vLLM reads",
            Severity.INFO,
        )
    yield Flaw(pod.object, pod.field(where), words, "set enableServiceLinks: false in the pod spec", severity)
