"""Shared by the rules about the model hub: where a container's token comes from."""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Evidence

TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")


def token_source(replica: Replica) -> str:
    """Where the hub's token comes from, in words and never its value; empty when the container is given none."""
    for variable in replica.container.env:
        if variable.name not in TOKEN_VARIABLES:
            continue
        secret = variable.value_from.secret_key_ref if variable.value_from else None
        if secret is not None:
            return f"env {variable.name} from Secret {secret.get('name')}, key {secret.get('key')}"
        if variable.value_from is not None or variable.value:
            return f"env {variable.name}"
    return ""


def token_evidence(replica: Replica) -> Evidence:
    """The token's source, or that there is none."""
    return evidence.container_field(replica, "env", token_source(replica) or f"no {' or '.join(TOKEN_VARIABLES)}")
