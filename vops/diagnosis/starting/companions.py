"""Names that people give to the containers around a server, where nothing but a name tells what a container is.

Where a pod's spec is known, that says which containers run before the server and which beside it.
"""

from __future__ import annotations

from vops.model.patterns import lazy_pattern

_BEFORE = lazy_pattern(
    r"(?:init|download|fetch|pull|copy|clone|wait|prepare|seed)(?:-.{1,60})?|.{1,60}-(?:init|initializer|downloader)"
    r"|downloader|initializer"
)
_BESIDE = lazy_pattern(
    r"(?:istio|linkerd|queue|kube-rbac|oauth2?|auth|cloud-?sql|metrics|nginx|envoy|hf)-proxy|envoy|nginx|agent"
    r"|(?:.{1,60}-)?(?:sidecar|syncer)|(?:.{1,60}-)?(?:sidecar|adapter|syncer|reloader)-.{1,60}|.{1,60}-reloader"
    r"|(?:vault|datadog|otel|ray|model|log|metrics)-agent|fluent-?bit|fluentd|filebeat|promtail|vector"
    r"|(?:otel|opentelemetry|metrics)-collector|otc-container|(?!.{0,60}dcgm).{1,60}-exporter"
)


def runs_before(name: str) -> bool:
    """Whether a container of this name prepares something for the server."""
    return _BEFORE.fullmatch(name) is not None


def stands_beside(name: str) -> bool:
    """Whether a container of this name is there for something else than to serve."""
    return _BESIDE.fullmatch(name) is not None
