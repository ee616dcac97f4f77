"""What stands between clients and servers says when nobody answers: gateways, ingress controllers, routers, curl.

Their words, in a log or in a post, become an event about the route. Where a request got through after the last
complaint, nothing is said; neither is of a text that a server itself wrote, which may quote any of this.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from vops.diagnosis.logs.components import Component, component_of
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told

_UNREACHED = lazy_pattern(
    r"connect\(\) (?:to \S{1,200} )?failed \((?:111|113): [\w ]{1,40}\) while connecting to upstream, client: "
    r"|no live upstreams while connecting to upstream"
    r"|upstream timed out \(110: [\w ]{1,40}\) while connecting to upstream"
    r"|[Ss]ervice \"?[\w./-]{1,253}\"? does not have any active [Ee]ndpoint"
    r"|Error (?:obtaining Endpoints for|getting|searching) [Ss]ervice \"?[\w./-]{1,253}"
    r"|no healthy upstream|\bno_healthy_upstream\b|\bcluster_not_found\b|\broute_not_found\b"
    r"|upstream connect error or disconnect/reset before headers|upstream_reset_before_response_started\{remote_conn"
    r"|upstream_reset_before_response_started\{connection_(?:failure|timeout)"
    r"|no (?:ready )?endpoints (?:available|found|resolved) for |failed_to_pick_backend|failed_to_connect_to_backend"
    r"|Failed to scrape metrics from https?://\S{1,200}: HTTPConnectionPool.{0,300}(?:refused|timed out)"
    r"|error forwarding port \d{1,5} to pod .{0,400}?[Cc]onnection refused|subset not found for |no available server\b"
    r"|Skipping service: no endpoints found|kubernetes service not found|has no server available"
    r"|No server is available to handle this request|failure to get a peer from the ring-balancer"
    r"|failed to find candidate (?:pods|endpoints)|not found or vLLM engine is sleeping"
    r"|\" \d{3} (?:UH|UF|NR|NC|UF,URX)\b|\"response_flags\": ?\"(?:UH|UF|NR|NC)\b|error on getting pods for model"
    r"|Probing of https?://\S{1,300} failed, IP: \S{1,60}, ready: false|\bbackends? does not exist\b"
    r"|no ready pods? (?:available|to forward)|no pods? to forward request"
    r"|curl: \(7\) Failed to connect to (?:[\w.-]{1,200}\.svc\b|10\.|172\.(?:1[6-9]|2\d|3[01])\.)"
    r"|wget: can't connect to remote host \((?:10|172)\.|Service has no(?:t ready)? endpoints, "
    r"|(?:Post|Get) \"https?://[^\s\"]{1,300}/v1/[\w/]{1,60}\": dial tcp [\w.:\[\]]{1,80}: connect: connection refused"
)
_UNNAMED = lazy_pattern(
    r"host not found in upstream \"?(?P<upstream>[\w.-]{1,253})"
    r"|(?:[Cc]ould not resolve host: |bad address '|can't resolve '|server can't find |ENOTFOUND |lookup |"
    r"(?:address for|resolve) ')(?P<name>(?:[\w-]{1,63}(?![\w.-])|[\w.-]{1,240}\.svc\b[\w.]{0,60}"
    r"|[\w.-]{1,240}\.local\b))(?=['\":\s,]|$)"
    r"|server can't find \S{1,253}: SERVFAIL|plugin/loop: (?:Seen |Loop |no next plugin)"
    r"|;; connection timed out; no servers could be reached|lookup [\w.-]{1,253} ?: i/o timeout"
)
_NAME_UNKNOWN = lazy_pattern(r"\.svc\b[\w.:]{0,60}: (?:Name or service not known|Temporary failure in name resolution)")
_NO_ROUTE = lazy_pattern(
    r"default backend - 404|no Route matched with those values|Backend service does not exist"
    r"|response 404 \(backend NotFound\), service rules for"
)
"""What NGINX's ingress, Kong, and the controllers of AWS and GKE answer where no rule of an Ingress fits."""

_NOBODY = lazy_pattern(
    r"encountered a temporary error and could not complete your request|not serving requests at this endpoint"
)
"""The pages of Google's load balancer and of OpenShift's router."""

_PAGE = lazy_pattern(r"<title>(?P<status>404 Not Found|502 Bad Gateway|503 Service [\w ]{0,12}Unavailable)</title>")
_PROXY = lazy_pattern(r"<center>(?:nginx|openresty|awselb|Microsoft-Azure-Application-Gateway)\b")
_STATUS = lazy_pattern(r"HTTP/[\d.]{1,3} 404\b")
_OF_ENVOY = lazy_pattern(r"^[<\s]{0,4}server: (?:istio-)?envoy\b", re.MULTILINE | re.IGNORECASE)
_EMPTY = lazy_pattern(r"^[<\s]{0,4}content-length: 0\b", re.MULTILINE | re.IGNORECASE)
_SLOW = lazy_pattern(
    r"upstream timed out \(110: [\w ]{1,40}\) while reading (?:response header from )?upstream"
    r"|^\W{0,4}(?:upstream request timeout|stream timeout|The upstream server is timing out)\W{0,4}$"
    r"|\" 504 (?:UT|SI|DC,UT)\b|\"response_flags\": ?\"UT\b|\bupstream_response_timeout\b|\bresponse_timeout\b"
    r"|<title>504 Gateway Time-?out</title>"
)
"""What NGINX, Envoy, Kong and cloud load balancers say of a request that was taken and not answered in time."""

_SHED = lazy_pattern(
    r"system saturated, (?:sheddable|non-critical) request|inference gateway: (?:InferencePool)?ResourceExhausted"
)
"""What an endpoint picker answers with 429 when every server of its pool is full."""

_DENIED = lazy_pattern(r"RBAC: access denied|rbac_access_denied_matched_policy")
_FORWARDING = lazy_pattern(r"plugin/errors: 2 \S{1,253} [A-Z]{1,5}: read udp \S+: (?:i/o timeout|connection refused)")
"""CoreDNS gets no answer from the servers that it asks; once is nothing."""
_OWN_LOG = lazy_pattern(r"(?:INFO|WARNING|ERROR) \d\d-\d\d \d\d:|Traceback \(most recent|\bEngineCore|\(APIServer")
"""A server's own lines."""

_THROUGH = lazy_pattern(
    r"\" NOERROR qr|\"? (?:HTTP/[\d.]{1,3}\" )?200 (?:OK|\d|-)|< HTTP/[\d.]{1,3} 200"
    r"|Processing probe for .{1,400}\bready: true|^Address:\s{1,8}\d{1,3}(?:\.\d{1,3}){3}\s*$"
)
_MAY_BE_CLIENTS = (Component.VLLM, Component.DOWNLOAD)
"""What a text counts as that is of no component, and one in which curl or wget complains."""

_LONGEST = 600
_LAST = 3


def gateway_events(text: str) -> Iterator[Told]:
    """The last complaints of a text, where nothing got through after them."""
    if _OWN_LOG.search(text) or component_of(text) not in _MAY_BE_CLIENTS:
        return
    found: list[Told] = []
    unanswered: list[Told] = []
    for line in text.splitlines():
        if (reason := _refused(line, text)) is not None:
            found.append(_told(reason, line))
        elif _UNNAMED.search(line):
            found.append(_told("NameNotResolved", line))
        elif _FORWARDING.search(line):
            unanswered.append(_told("NameNotResolved", line))
        elif _THROUGH.search(line):
            found.clear()
            unanswered.clear()
    yield from (found + (unanswered if len(unanswered) > 1 else []))[-_LAST:]


def _refused(line: str, text: str) -> str | None:
    """What a line says of a request that was turned away, as the reason of an event."""
    if _SHED.search(line):
        return "RequestsShed"
    if _DENIED.search(line):
        return "AccessDenied"
    if _UNREACHED.search(line) or _NOBODY.search(line):
        return "UpstreamUnavailable"
    if _SLOW.search(line):
        return "UpstreamSlow"
    if _NO_ROUTE.search(line) or (_STATUS.search(line) and _OF_ENVOY.search(text) and _EMPTY.search(text)):
        return "NoRoute"
    page = _PAGE.search(line) if _PROXY.search(text) else None
    if page is None:
        return None
    return "NoRoute" if page["status"].startswith("404") else "UpstreamUnavailable"


def unresolved(told: Told) -> Told:
    """An event in which another controller, or what a probe runs, cannot resolve a name of the cluster, as that."""
    by_probe = told.reason == "Unhealthy" and _NAME_UNKNOWN.search(told.message) is not None
    by_controller = told.source.endswith("-controller") and _UNNAMED.search(told.message) is not None
    if not (by_probe or by_controller):
        return told
    return msgspec.structs.replace(
        told, type="Warning", reason="NameNotResolved", about={"kind": "Ingress", "name": ""}
    )


def _told(reason: str, line: str) -> Told:
    return Told("Warning", reason, line.strip(" \t>`*-")[:_LONGEST], "gateway", about={"kind": "Ingress", "name": ""})
