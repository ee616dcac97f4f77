"""What `ray status` and Ray Serve say of demands that wait for GPUs, as the event that a scheduler posts of the
same."""

from __future__ import annotations

from collections.abc import Iterator

from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told, of_some_pod

_DEMAND = lazy_pattern(
    r"^ *\{(?P<bundle>[^{}\n]{0,300}'GPU': (?P<gpus>\d{1,6}(?:\.\d{1,6})?)[^{}\n]{0,300})\}"
    r"(?: \* (?P<times>\d{1,6}))?.{0,300}: \d{1,6}\+ pending (?:placement groups|tasks/actors)",
)
_NO_TYPE = lazy_pattern(
    r"could not find a node type to satisfy the request: (?P<demand>\[[^\n]{0,300}'GPU': [^\n]{1,300})"
)
_OTHER_BUNDLE = lazy_pattern(r"'GPU': (?P<gpus>\d{1,6}(?:\.\d{1,6})?)[^{}]{0,300}\} \* (?P<times>\d{1,6})")
_USAGE = lazy_pattern(r"^ *(?P<used>\d{1,6}(?:\.\d{1,20})?)/(?P<all>\d{1,6}(?:\.\d{1,20})?) GPU\b")
_REPLICA = lazy_pattern(
    r"replicas? that have taken more than \d{1,6}s to be scheduled\.[^\n]{0,300}"
    r"Resources required for each replica: (?P<wanted>\[[^\n\]]{1,2000}\]|\{[^\n}]{1,600}\}), "
    r"total resources available: (?P<has>\{[^\n}]{0,600}\})"
)
_GPUS = lazy_pattern(r"[\"']GPU[\"']: (\d{1,6}(?:\.\d{1,6})?)")
_CAME = lazy_pattern(r"Deployed app '|is ready at|is healthy\b|status(?:=|: ?)RUNNING|Started replica|to RUNNING\b")
"""What Ray Serve says of an application whose replicas are there."""

_LONGEST = 20_000


def ray_demands(text: str) -> Iterator[Told]:
    """One event where a demand needs more GPUs than are free in Ray's cluster; else it waits for another reason."""
    lines = text.splitlines()
    if "Demands:" not in text:
        yield from [*_unfit(lines)] or _replicas(text)
        return
    usage = next((match for line in lines if (match := _USAGE.match(line)) is not None), None)
    free = float(usage["all"]) - float(usage["used"]) if usage is not None else 0.0
    for line in lines:
        if _DEMAND.match(line) is not None and _wanted(line) > free:
            has = f"{usage['used']} of {usage['all']} GPUs in use" if usage is not None else "no GPUs"
            message = f"Ray has {has}, and this waits for some: {line.strip()}"
            yield of_some_pod("Warning", "FailedScheduling", message, "ray")
            return


def _unfit(lines: list[str]) -> Iterator[Told]:
    """What Ray's autoscaler says of a demand that no group of workers has the GPUs for, as it said it last."""
    last = next((match for line in reversed(lines) if (match := _NO_TYPE.search(line)) is not None), None)
    if last is not None:
        message = f"Ray has no group of workers that would serve this: {last['demand']}"
        yield of_some_pod("Warning", "FailedScheduling", message, "ray")


def _replicas(text: str) -> Iterator[Told]:
    """A replica of Ray Serve that waits for more GPUs than Ray's cluster has, where that is the last word of a log."""
    match = next(reversed([*_REPLICA.finditer(text)]), None)
    if match is None or "Traceback (most recent" in text or len(text) > _LONGEST or _CAME.search(text, match.end()):
        return
    wanted = sum(float(item) for item in _GPUS.findall(match["wanted"]))
    has = sum(float(item) for item in _GPUS.findall(match["has"]))
    if wanted > has:
        message = f"Ray has {has:g} GPUs free, and each replica asks for {wanted:g}: {match[0].strip()}"
        yield of_some_pod("Warning", "FailedScheduling", message[:1_000], "ray")


def _wanted(line: str) -> float:
    """The GPUs of all bundles of a demand."""
    bundles = [float(match["gpus"]) * int(match["times"]) for match in _OTHER_BUNDLE.finditer(line)]
    single = _DEMAND.match(line)
    return sum(bundles) or (float(single["gpus"]) if single is not None else 0.0)
