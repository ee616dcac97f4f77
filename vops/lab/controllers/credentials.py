"""The registry credentials that a pod names by its imagePullSecrets; a Secret that is not there is passed over."""

from __future__ import annotations

import base64
import json

from vops.lab.documents import Document
from vops.lab.store import Store

_KEY = ".dockerconfigjson"


def credentials_of(store: Store, pod: Document) -> dict[str, str]:
    """Base64 `user:password` by registry."""
    found: dict[str, str] = {}
    for reference in pod["spec"].get("imagePullSecrets", ()):
        secret = store.find("v1", "Secret", pod["metadata"]["namespace"], reference["name"])
        if secret is not None and _KEY in secret.get("data", {}):
            auths = json.loads(base64.b64decode(secret["data"][_KEY])).get("auths", {})
            found |= {host: entry.get("auth", "") for host, entry in auths.items()}
    return found
