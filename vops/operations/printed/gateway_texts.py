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
from vops.operations.printed.gateway_words import DROPPED, WORDS

_UNNAMED = lazy_pattern(
    r"host not found in upstream \"?(?P<upstream>[\w.-]{1,253})"
    r"|(?:[Cc]ould not resolve host: |bad address '|can't resolve '|server can't find |ENOTFOUND "
    r"|lookup (?=[\w.-]{1,253}(?: on \S{1,60}:\d|: ?(?:no such host|i/o timeout|server misb|[Tt]emporary|[Tt]ry ag)))"
    r"|(?:address for|resolve) ')(?P<name>(?:[\w-]{1,63}(?![\w.-])|[\w.-]{1,240}\.svc\b[\w.]{0,60}"
    r"|[\w.-]{1,240}\.local\b))(?=['\":\s,]|$)"
    r"|server can't find \S{1,253}: SERVFAIL|plugin/loop: (?:Seen |Loop |no next plugin)"
    r"|server can't find [\w-]{1,63}\.(?!(?:com?|io|org|net|ai|dev|cn)\b)[\w-]{2,63}: NXDOMAIN"
    r"|Cannot connect to host [\w.-]{1,240}\.(?:svc|local)\S{0,80} ssl:.{0,40}\[(?:Name or service|Temporary failure)"
    r"|plugin/kubernetes: (?:Failed to watch|starting server with unsynced)"
    r"|;; connection timed out; no servers could be reached|lookup [\w.-]{1,253} ?: i/o timeout"
    r"|\"message\": ?\"name resolution failed\"|^httpx\.ConnectError: \[Errno -\d\] "
)
_NAME_UNKNOWN = lazy_pattern(r"\.svc\b[\w.:]{0,60}: (?:Name or service not known|Temporary failure in name resolution)")
_PAGE = lazy_pattern(r"<title>(?P<status>404 Not Found|502 Bad Gateway|503 Service [\w ]{0,12}Unavailable)</title>")
_PROXY = lazy_pattern(r"<center>(?:nginx|openresty|awselb|Microsoft-Azure-Application-Gateway)\b")
_BUSY = lazy_pattern(r"503 Service Temporarily Unavailable(?!</)")
_INGRESS = lazy_pattern(r"(?i:\bingress\b|\bnginx\b|\bALB\b|\bgateway\b|load ?balancer)")
_STATUS = lazy_pattern(r"HTTP/[\d.]{1,3} 404\b")
_OF_ENVOY = lazy_pattern(r"^[<\s]{0,4}server: (?:istio-)?envoy\b", re.MULTILINE | re.IGNORECASE)
_EMPTY = lazy_pattern(r"^[<\s]{0,4}content-length: 0\b", re.MULTILINE | re.IGNORECASE)
_FORWARDING = lazy_pattern(r"plugin/errors: 2 \S{1,253} [A-Z]{1,5}: read udp \S+: (?:i/o timeout|connection refused)")
"""CoreDNS gets no answer from the servers that it asks; once is nothing."""
_OWN_LOG = lazy_pattern(r"(?:INFO|WARNING|ERROR) \d\d-\d\d \d\d:|Traceback \(most recent|\bEngineCore|\(APIServer")
"""A server's own lines."""

_THROUGH = lazy_pattern(
    r"\" NOERROR qr|\"? (?:HTTP/[\d.]{1,3}\" )?200 (?:OK|\d|-)|< HTTP/[\d.]{1,3} 200"
    r"|Routing request \S{1,80} .{0,120}to https?://|Processing probe for .{1,400}\bready: true"
    r"|^Address:\s{1,8}\d{1,3}(?:\.\d{1,3}){3}\s*$"
    r"|INFO\b.{0,120}\b(?:Warming up model|Waiting for shard to be ready)|Loading \w{0,20} ?checkpoint shards:"
)
"""A request that got through, or a server that is not up yet, and is asked too early."""

_NO_SERVERS = lazy_pattern(r"\bopenai\.API\w{1,30}Error|\blitellm\.|\bvllm_router\b|production-stack")
"""A client's or a router's own lines, which may look like a server's."""

_WITHIN = lazy_pattern(r"kubectl .{0,200}\b(?:exec|run)\b|https?://[\w.-]{1,200}\.svc\b|https?://(?:10|172)\.")
"""A request from within the cluster."""

_MAY_BE_CLIENTS = (Component.VLLM, Component.DOWNLOAD, Component.CONTROLLER, Component.ROUTER)
"""What a text counts as that is of no component, and one in which curl or wget complains."""

_NO_ANSWER = lazy_pattern(r"Can't find [\w.-]{1,240}\.svc\b[\w.]{0,60}: No answer")
_ANSWERED = lazy_pattern(r"^Name:\s", re.MULTILINE)
"""What nslookup prints where a name has an address; of one without an IPv6 address, BusyBox's then has no answer."""

_OF_A_GUIDE = lazy_pattern(
    r"^#{1,6} .*\n\s*(?=(?:This|The) (?:error|message|response|status) (?:usually |typically )?"
    r"(?:indicates|means|occurs|happens))"
    r"|^.*\u2192 ?(?:HTTP )?[45]\d\d\b.*$",
    re.MULTILINE,
)
"""What a guide or a design tells of: a heading that quotes an error and is explained, what leads to which status."""

_OVER = lazy_pattern(r"(?:^|[^\w:/-])(?:fixe[sd]|solved|resolved|no longer|went away)\b(?! by)", re.IGNORECASE)
"""Of what is told as over."""

_BARE = "APIConnectionError: Connection error"
_LONGEST = 600
_LAST = 3


def gateway_events(text: str) -> Iterator[Told]:
    """The last complaints of a text, where nothing got through after them."""
    component = component_of(text)
    text = _OF_A_GUIDE.sub("", text)
    if component not in _MAY_BE_CLIENTS or (_OWN_LOG.search(text) and not _NO_SERVERS.search(text)):
        return
    found: list[Told] = []
    unanswered: list[Told] = []
    for line in text.splitlines():
        if _OVER.search(line):
            continue
        if component is not Component.CONTROLLER and _UNNAMED.search(line):
            found.append(_told("NameNotResolved", line))
        elif (reason := _refused(line, text)) is not None:
            found.append(_told(reason, line))
        elif _FORWARDING.search(line):
            unanswered.append(_told("NameNotResolved", line))
        elif _THROUGH.search(line):
            found.clear()
            unanswered.clear()
    if any(told.reason == "NameNotResolved" for told in found):
        found = [told for told in found if _BARE not in told.message]  # the client's sum of it
    yield from (found + (unanswered if len(unanswered) > 1 else []))[-_LAST:]


def _refused(line: str, text: str) -> str | None:
    """What a line says of a request that was turned away, as the reason of an event."""
    words = line.replace('\\"', '"')
    if (reason := next((reason for reason, words_of in WORDS if words_of.search(words)), None)) is not None:
        return reason
    if _NO_ANSWER.search(line) and not _ANSWERED.search(text):
        return "NameNotResolved"
    if DROPPED.search(line) and _WITHIN.search(text):
        return "PacketsDropped"
    if _STATUS.search(line) and _OF_ENVOY.search(text) and _EMPTY.search(text):
        return "NoRoute"
    if _BUSY.search(line) and _INGRESS.search(text):
        return "UpstreamUnavailable"
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
