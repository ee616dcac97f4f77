"""NIXL's side channel listens where no other pod can reach it.

What it finds
    A NIXL connector without `VLLM_NIXL_SIDE_CHANNEL_HOST`, in pods of which there are several.

Why it matters
    The default is localhost. Prefill and decode pods then hand each other an address that leads back to themselves:
    the handshake fails, the leases expire, and the decode side computes the prompt again or fails.

Evidence
    The connector in `--kv-transfer-config`, and the variable that is missing or fixed to a loopback address.

Fix
    Set it to the pod's address: `valueFrom: {fieldRef: {fieldPath: status.podIP}}`.
"""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.findings import Severity
from vops.manifests.facts import servers
from vops.manifests.rule import Flaw, rule
from vops.manifests.servers import Server

_VARIABLE = "VLLM_NIXL_SIDE_CHANNEL_HOST"


@rule(Severity.ERROR, servers)
def side_channel_host(server: Server) -> Iterator[Flaw]:
    config = server.args.location("kv-transfer-config")
    if config is None or config.value is None or "nixl" not in config.value.lower() or server.container.env_from:
        return
    variable = server.variables.get(_VARIABLE)
    if variable is not None and (
        variable.value_from is not None or variable.value not in ("", "localhost", "127.0.0.1")
    ):
        return
    if config.in_shell and variable is None:
        return  # the script may export it
    yield Flaw(
        server.object,
        server.variable_field(_VARIABLE) if variable is not None else server.flag_field("kv-transfer-config"),
        f"NIXL hands out localhost to the other pods: {_VARIABLE} is not the pod's address",
        f"set {_VARIABLE} from status.podIP",
    )
