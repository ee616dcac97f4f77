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


def sends_no_token(replica: Replica) -> bool:
    """Whether the container is certainly given no token: a whole Secret taken with envFrom may hold one."""
    return replica.observed and not token_source(replica) and not replica.container.env_from


def token_evidence(replica: Replica) -> Evidence:
    """The token's source, that there is none, or where one may be."""
    source = token_source(replica)
    if source:
        return evidence.container_field(replica, "env", source)
    whole = [str(item["secretRef"].get("name")) for item in replica.container.env_from if item.get("secretRef")]
    perhaps = f", but all of Secret {', '.join(whole)}" if whole else ""
    return evidence.container_field(replica, "env", f"no {' or '.join(TOKEN_VARIABLES)}{perhaps}")
