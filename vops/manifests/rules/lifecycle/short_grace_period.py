"""The pod is killed before it has drained.

What it finds
    A `terminationGracePeriodSeconds` (30 by default) that is shorter than the preStop sleep and `--shutdown-timeout`
    together.

Why it matters
    The grace period includes the preStop hook. When it ends, the kernel kills the process and every stream that is
    still running.

Evidence
    The three numbers.

Fix
    At least their sum, and a few seconds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.objects import dig, items, whole_number
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_DEFAULT_S = 30
_SLEEP = re.compile(r"\bsleep\s+(\d{1,5})\b")


@rule(Severity.WARNING, servers)
def short_grace_period(server: Server) -> Iterator[Flaw]:
    given = whole_number(server.pod.get("terminationGracePeriodSeconds"))
    grace = _DEFAULT_S if given is None else given
    timeout = server.args.location("shutdown-timeout")
    drain = int(timeout.value) if timeout is not None and (timeout.value or "").isdigit() and timeout.value else 0
    pause = pre_stop_seconds(server)
    if pause + drain <= grace or not server.pod.is_whole:
        return
    yield Flaw(
        server.object,
        server.pod.field("terminationGracePeriodSeconds" if given is not None else "containers"),
        f"{server.name} sleeps {pause} s and drains for up to {drain} s, and is killed after {grace} s",
        f"set terminationGracePeriodSeconds to {pause + drain + 15}",
    )


def pre_stop_seconds(server: Server) -> int:
    """Seconds that the preStop hook sleeps; 0 when there is none that can be read."""
    hook = dig(server.raw, "lifecycle", "preStop")
    seconds = whole_number(dig(hook, "sleep", "seconds"))
    if seconds is not None:
        return seconds
    words = " ".join(str(word) for word in items(dig(hook, "exec", "command")))
    found = _SLEEP.search(words)
    return int(found[1]) if found else 0
