"""What vops says of every scenario: the cause that a human would name comes first, and what is well stays silent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.conftest import StartLab
from tests.lab.fixing import NAMESPACE, session_on, watched
from vops.diagnosis.diagnose import diagnose_all
from vops.diagnosis.facts import Facts
from vops.diagnosis.findings import Report
from vops.lab.scenarios import discover
from vops.lab.world import Lab
from vops.operations.diagnose import diagnose_targets
from vops.operations.observation.observe import observe
from vops.operations.session import Session

_CROWD = 4
"""Of more replicas than this only the different states are compared."""


@dataclass(frozen=True)
class Case:
    """What is said of `target`: `causes` in this order (none where it is well), and what follows from what.

    `states` are those of its replicas; `well` are workloads that nothing is said of; `mentions` are words of the first
    finding, its evidence and its fixes.
    """

    scenario: str
    causes: tuple[str, ...]
    target: str = "deploy/llama3-8b"
    because: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    states: tuple[str, ...] = ("crash-looping",)
    well: tuple[str, ...] = ("qwen3-4b",)
    mentions: tuple[str, ...] = ()
    at_once: bool = False
    """Only what a first look at everything says: the whole truth takes a longer one."""


def _stockout(scenario: str, cause: str, *mentions: str, well: tuple[str, ...] = ("qwen3-4b",)) -> Case:
    """No node comes for `cause`, so that the GPUs that are there do not suffice."""
    because = {"gpu-exhausted": (cause,)}
    return Case(scenario, (cause, "gpu-exhausted"), because=because, states=("pending",), well=well, mentions=mentions)


CASES = (
    Case("healthy", (), states=("ready",) * 4, well=("llama3-70b", "qwen3-14b")),
    Case("untolerated-taint", ("untolerated-taint",), states=("pending",)),
    Case(
        "rollout-deadlock",
        ("rollout-deadlock", "gpu-exhausted"),
        because={"gpu-exhausted": ("rollout-deadlock",)},
        states=("pending", "ready"),
        well=("qwen3-14b",),
    ),
    Case("probe-kill", ("startup-probe-kill",)),
    Case("gated-model", ("gated-model",)),
    Case("kv-cache-too-small", ("kv-cache-too-small",), target="deploy/qwen3-8b"),
    Case("gpu-not-advertised", ("gpu-not-advertised",), states=("pending",), well=("qwen3-14b",)),
    Case("image-not-found", ("image-not-found",), states=("creating",)),
    Case("image-auth", ("image-auth",), states=("creating",)),
    Case("host-oom", ("host-oom",)),
    Case("tensor-parallel-mismatch", ("tp-mismatch",), target="deploy/llama3-70b"),
    Case("service-port-mismatch", ("service-mismatch",), states=("ready",)),
    Case("probe-kill-redownload", ("startup-probe-kill",), mentions=("lost at every restart", "outlives the pod")),
    Case(
        "probe-and-engine-timeout",
        ("engine-start-timeout",),
        mentions=("VLLM_ENGINE_READY_TIMEOUT_S", "1830 or more"),
    ),
    Case(
        "oom-tmpfs-cache",
        ("tmpfs-charged", "host-oom"),
        because={"host-oom": ("tmpfs-charged",)},
        mentions=("medium: Memory",),
    ),
    Case("missed-oom", ("host-oom",), mentions=("probably killed",)),
    Case("gated-partial-cache", ("gated-model",), mentions=("of-00004.safetensors",)),
    _stockout("gpu-stockout", "gpu-stockout", "europe-west4-a"),
    _stockout("quota-then-stockout", "gpu-stockout", "GCE quota exceeded"),
    _stockout("cloud-quota", "cloud-quota", "NVIDIA_L4_GPUS"),
    _stockout("autoscaler-limit", "autoscaler-limit", "1 of 1 nodes", well=("qwen3-4b", "qwen3-8b")),
    Case(
        "stockout-and-zonal-volume",
        ("gpu-stockout", "volume-zone-conflict", "gpu-exhausted"),
        because={"gpu-exhausted": ("volume-zone-conflict",)},
        states=("pending",),
        well=("qwen3-14b",),
        mentions=("llama3-cache keeps it in europe-west4-a", "Let the pod leave its zone"),
    ),
    Case("node-on-its-way", ("autoscaler-working",), states=("pending",), mentions=("is on its way",)),
    Case(
        "gpu-lost",
        ("xid-gpu-lost", "device-allocation-failed"),
        because={"device-allocation-failed": ("gpu-lost-at-admission",)},
        states=("creating", "failed", "ready"),
        well=("qwen3-14b",),
        mentions=("GPU is lost", "3 of 4"),
    ),
    Case(
        "preempted",
        ("preempted", "gpu-exhausted"),
        because={"gpu-exhausted": ("preempted-before",)},
        states=("pending",),
        mentions=("web/nightly-embeddings-",),
    ),
    Case("quota-exceeded", ("resource-quota",), states=(), mentions=("gpu-quota", "1 of 1 used")),
    Case("anti-affinity", ("spread-or-affinity",), states=("pending", "ready")),
    Case(
        "exporter-refused",
        ("dcgm-exporter-failure",),
        target="all",
        states=(),
        mentions=("system-node-critical is not allowed in gpu-monitoring",),
    ),
    Case(
        "stateful-replica-lost",
        ("node-lost",),
        target="sts/llama3-8b",
        states=("ready", "terminating"),
        well=("qwen3-14b",),
        mentions=("gpu-l4-2",),
    ),
    Case("cuda-oom-under-load", ("cuda-oom-runtime",), mentions=("during serving", "exit code 0")),
    Case("service-links", ("vllm-port-collision",), mentions=("A Service whose name begins with vllm",)),
    Case("missing-secret", ("missing-config",), states=("creating",), mentions=("Secret hf-token",)),
    Case("wrong-probe-port", ("probe-misconfigured",), states=("not-ready",), mentions=("port 8080",)),
    # how full it is takes a longer look: see below
    Case("overloaded", ("queue-saturated",), states=("ready",), at_once=True),
    Case("gpus-busy", ("gpu-exhausted",), states=("pending",), mentions=("inference/qwen3-4b-",)),
    Case("gpu-request-too-large", ("gpu-request-too-large",), states=("pending",), mentions=("has 4",)),
    Case("node-selector-mismatch", ("node-selector-mismatch",), states=("pending",), mentions=("NVIDIA-L4-24GB",)),
    Case("cordoned-node", ("node-unavailable",), states=("pending",), mentions=("cordoned",)),
    Case("claim-unbound", ("pvc-unbound",), states=("pending",), mentions=("StorageClass fast-ssd",)),
    Case("registry-unreachable", ("registry-unreachable",), states=("creating",), mentions=("cannot be resolved",)),
    Case("image-rate-limit", ("image-rate-limit",), states=("creating",)),
    Case("autoscaled", (), target="so/llama3-8b", states=("ready",) * 3),
    Case(
        "autoscaler-query-capped",
        ("autoscaler-query-capped",),
        target="so/llama3-8b",
        states=("ready", "ready"),
        mentions=("can never ask for more than 2 of the 8 replicas",),
    ),
    Case(
        "blind-autoscaler",
        ("dcgm-exporter-failure", "autoscaler-no-metric"),
        target="so/llama3-8b",
        because={"autoscaler-no-metric": ("dcgm-exporter-blinds",)},
        states=("ready",),
        mentions=("stays at 1",),
    ),
    *(
        Case(
            scenario,
            ("metric-labels-lost", "autoscaler-no-metric"),
            target="so/llama3-8b",
            because={"autoscaler-no-metric": ("metric-labels-lost",)},
            states=("ready",),
            mentions=(words,),
        )
        for scenario, words in (
            ("labels-overridden", "Prometheus k8s overrides the labels"),
            ("labels-lost", "does not honour labels"),
        )
    ),
    Case("cold-start", (), states=("loading", "ready")),
    Case("taint-and-gpu-shortage", ("untolerated-taint", "gpu-exhausted"), states=("pending",)),
    Case(
        "rollout-volume-conflict",
        ("rollout-volume-conflict", "multi-attach"),
        because={"multi-attach": ("rollout-volume-conflict",)},
        states=("creating", "ready"),
        well=("qwen3-14b",),
    ),
    Case(
        "node-lost-with-volume",
        ("node-lost", "multi-attach"),
        because={"multi-attach": ("volume-on-lost-node",)},
        states=("creating", "terminating"),
        well=("qwen3-14b",),
    ),
)


async def report_on(lab: Lab, session: Session, target: str, *, well: bool) -> Report:
    """What is said of a target; of everything, the worst that is said. To call a server well takes a longer look."""
    if target == "all":
        return diagnose_all(Facts(await observe(session, window_s=0)))[0]
    look = diagnose_targets(session, [target])
    (report,) = await (watched(lab, look) if well else look)
    return report


def test_every_scenario_is_diagnosed_here() -> None:
    assert {case.scenario for case in CASES} == set(discover())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario)
async def test_a_scenario_is_named_for_what_it_is(start_lab: StartLab, tmp_path: Path, case: Case) -> None:
    lab = await start_lab(case.scenario)
    async with session_on(lab, tmp_path) as session:
        report = await report_on(lab, session, "all" if case.at_once else case.target, well=not case.causes)
    found = [finding.cause for finding in report.findings]
    assert tuple(found) == case.causes
    follows = {finding.cause: finding.because for finding in report.findings if finding.because}
    assert follows == case.because
    said = repr(report.findings[:1])
    assert [words for words in case.mentions if words not in said] == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario)
async def test_the_fleet_shows_it(start_lab: StartLab, tmp_path: Path, case: Case) -> None:
    lab = await start_lab(case.scenario)
    async with session_on(lab, tmp_path) as session:
        facts = Facts(await observe(session, namespace=NAMESPACE, window_s=0, logs=False))
    kind, _, name = case.target.partition("/")
    mine = [item.state for item in facts.replicas if item.owner is not None and item.owner.name == name]
    shown = sorted(map(str, mine))
    assert tuple(dict.fromkeys(shown) if len(shown) > _CROWD else shown) == case.states, kind


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.scenario)
async def test_what_is_well_beside_it_stays_silent(start_lab: StartLab, tmp_path: Path, case: Case) -> None:
    lab = await start_lab(case.scenario)
    async with session_on(lab, tmp_path) as session:
        reports = [await report_on(lab, session, f"deploy/{name}", well=True) for name in case.well]
    assert [report.findings for report in reports] == [()] * len(case.well)
    assert {report.state for report in reports} == {"ready"}


async def test_a_longer_look_tells_that_a_server_is_overloaded(start_lab: StartLab, tmp_path: Path) -> None:
    lab = await start_lab("overloaded")
    async with session_on(lab, tmp_path) as session:
        facts = Facts(await watched(lab, observe(session, namespace=NAMESPACE, window_s=20.0)))
    findings = {report.subject.name.rpartition("-")[0][:8]: report.findings for report in diagnose_all(facts)}
    assert [item.cause for item in findings["llama3-8"]] == ["kv-thrash", "queue-saturated"]
    assert findings["qwen3-4b"] == ()


@pytest.mark.parametrize("target", ["all", "deploy/llama3-8b"])
async def test_a_diagnosis_looks_longer_where_a_server_is_pressed_and_says_so(
    start_lab: StartLab, tmp_path: Path, target: str
) -> None:
    lab = await start_lab("overloaded")
    told: list[str] = []
    async with session_on(lab, tmp_path) as session:
        reports = await watched(lab, diagnose_targets(session, [target], tell=told.append))
    assert "queue-saturated" in {finding.cause for report in reports for finding in report.findings}
    assert "looking for 5 s" in told[0]
