"""Prometheus' multiprocess folder is shared with other files.

What it finds
    `PROMETHEUS_MULTIPROC_DIR` that is `/tmp`, or the folder of the model cache.

Why it matters
    The folder holds a file per process and must be empty at each start: what is left of the last run is counted on,
    so counters of a restarted container are wrong, and on a shared volume those of other pods are added.

Evidence
    The variable's value, beside HF_HOME or HOME.

Fix
    Remove the variable (vLLM makes a folder of its own), or give it a folder of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_TMP = "/tmp"  # noqa: S108 - what is looked for
_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"


@rule(Severity.WARNING, servers)
def shared_metrics_folder(server: Server) -> Iterator[Flaw]:
    variable = server.variables.get(_VARIABLE)
    if variable is None or not variable.value:
        return
    others = {server.variables[name].value.rstrip("/") for name in ("HF_HOME", "HOME") if name in server.variables}
    folder = variable.value.rstrip("/")
    if folder == _TMP or folder in others:
        yield Flaw(
            server.object,
            server.variable_field(_VARIABLE),
            f"{_VARIABLE}={variable.value} is shared with other files: metrics of the last run are counted on",
            f"remove {_VARIABLE}; vLLM makes a folder of its own",
        )
