"""The pods/proxy subresource: finds the pod and port that a request names."""

from __future__ import annotations

from vops.lab import statuses
from vops.lab.calls import Call
from vops.lab.documents import Document
from vops.lab.providers import ProxyRequest
from vops.lab.statuses import ApiError


def pod_name(call: Call) -> str:
    """The pod in `NAME`, `NAME:PORT` or `SCHEME:NAME:PORT`."""
    parts = call.name.split(":")
    return parts[1] if len(parts) == 3 else parts[0]


def target(call: Call, pod: Document, method: str, query: str, body: bytes) -> ProxyRequest:
    """The request to pass on. Raises ApiError 400 for a pod without an address or 503 for a port that is none."""
    if not pod.get("status", {}).get("podIP"):
        raise statuses.bad_request("address not allowed")
    port = call.name.split(":")[-1] if ":" in call.name else str(_first_port(pod))
    if not port.isdigit():
        raise statuses.unavailable(f"error trying to reach service: dial tcp: lookup tcp/{port}: unknown port")
    return ProxyRequest(call.namespace, pod["metadata"]["name"], int(port), method, call.rest or "/", query, body)


def _first_port(pod: Document) -> int:
    ports = [port["containerPort"] for container in pod["spec"]["containers"] for port in container.get("ports", [])]
    return ports[0] if ports else 80


def refused(pod: Document, port: int) -> ApiError:
    """503: nothing listens there."""
    address = f"{pod['status']['podIP']}:{port}"
    return statuses.unavailable(f"error trying to reach service: dial tcp {address}: connect: connection refused")
