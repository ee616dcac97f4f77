"""Which HTTP proxy leads to an API server, by the rules that kubectl follows."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from vops.errors import UsageError


def proxy_for(url: str, configured: str, environ: Mapping[str, str]) -> str:
    """The proxy's URL, or "" for none: the kubeconfig's `proxy-url`, else HTTPS_PROXY or HTTP_PROXY minus NO_PROXY.

    Raises UsageError for a SOCKS proxy.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    proxy = configured or ("" if _excluded(host, _variable(environ, "NO_PROXY")) else _of_scheme(parts.scheme, environ))
    if proxy.startswith("socks"):
        raise UsageError(
            "a SOCKS proxy leads to this cluster, and vops speaks to HTTP proxies only",
            hint="forward a port through it (ssh -L), or use an HTTP proxy",
        )
    return proxy if not proxy or "://" in proxy else f"http://{proxy}"


def _of_scheme(scheme: str, environ: Mapping[str, str]) -> str:
    return _variable(environ, f"{scheme.upper()}_PROXY")


def _variable(environ: Mapping[str, str], name: str) -> str:
    return environ.get(name) or environ.get(name.lower()) or ""


def _excluded(host: str, no_proxy: str) -> bool:
    if host == "localhost" or host.endswith(".localhost") or _is_loopback(host):
        return True
    return any(_matches(host, entry.strip()) for entry in no_proxy.split(",") if entry.strip())


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _matches(host: str, entry: str) -> bool:
    """One NO_PROXY entry, as Go reads it: `*`, a domain (and below), an address or a CIDR range; a port is ignored."""
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        domain = entry.rpartition(":")[0] or entry
        domain = domain.removeprefix("*").lstrip(".").lower()
        return host.lower() == domain or host.lower().endswith(f".{domain}")
