"""What stands between clients and servers says of a request that it turns away, by what it means.

Sources: NGINX and its ingress controller, Envoy (response flags and details), Traefik's Kubernetes providers, HAProxy,
Kong, the load balancers of AWS and Google, the API server's proxy, kubectl, vLLM's routers (production-stack, AIBrix,
the Rust router), the Gateway API inference extension, LiteLLM and OpenAI's client.
"""

from __future__ import annotations

import re

from vops.model.patterns import lazy_pattern

_ROUTER = (
    r"No backend available for model|\"error\": ?\"No backend for model"
    r"|'[\w./-]{1,200}' is temporarily unavailable\. "
    r"Please try|not found\. Available models can be listed at /v1/models"
    r"|Failed to (?:scrape metrics|get model (?:names|info)) from https?://"
    r"|WARNING: \S{1,200} at https?://\S{1,200} not healthy!|No (?:prefill|decode) endpoints available"
    r"|not found or vLLM engine is sleeping"
    r"|Failed to connect to backend: |RoundRobinRouter requires at least one endpoint"
    r"|No available workers|Timeout \d{1,6}s waiting for workers|Cannot connect to host "
    r"(?:10\.|172\.(?:1[6-9]|2\d|3[01])\.|192\.168\.|[\w.-]{1,200}\.svc\b|[a-z][a-z0-9-]{1,62}:)\S{0,253} ssl:"
)
_AIBRIX = (
    r"error on (?:getting pods|selecting target pod)|x-error-no-model-backends: |no target pod found\b"
    r"|no valid target pod found|no ready pods? (?:available|to forward)|no pods? to forward request"
)
_PICKER = (
    r"failed to find candidate (?:pods|endpoints)|failed to call metrics endpoint: |failed_to_pick_backend"
    r"|InferencePool\.inference\S{1,80} \"?[\w.-]{1,253}\"? not found|ext_proc_error_gRPC_error_14"
)
_NGINX = (
    r"connect\(\) (?:to \S{1,200} )?failed \((?:111|113): [\w ]{1,40}\) while connecting to upstream, client: "
    r"|no live upstreams while connecting to upstream"
    r"|upstream timed out \(110: [\w ]{1,40}\) while connecting to upstream"
    r"|[Ss]ervice \"?[\w./-]{1,253}\"? does not have any active [Ee]ndpoint"
    r"|Error (?:obtaining Endpoints for|getting|searching) [Ss]ervice \"?[\w./-]{1,253}"
    r"|Probing of https?://\S{1,300} failed, IP: \S{1,60}, ready: false"
)
_ENVOY = (
    r"no healthy upstream|\bno_healthy_upstream\b|\bcluster_not_found\b|\broute_not_found\b"
    r"|upstream connect error or disconnect/reset before headers|upstream_reset_before_response_started\{remote_conn"
    r"|upstream_reset_before_response_started\{connection_(?:failure|timeout)|failed_to_connect_to_backend"
    r"|\" \d{3} (?:UH|UF|NR|NC|UF,URX)\b|\"response_flags\": ?\"(?:UH|UF|NR|NC)\b"
)
_TRAEFIK = (
    r"subset not found for |no available server\b|Skipping service: no endpoints found|kubernetes service not found"
    r"|Cannot create service\b.{0,40}service (?:port )?not found"
    r"|502 Bad Gateway' caused by: dial tcp \S{1,80}: connect"
)
_HAPROXY = (
    r"has no server available|No server is available to handle this request|/<NOSRV> .{0,60} 503 "
    r"|^\W{0,4}\[?WARNING\]?.{0,40}Server \S{1,200} is DOWN, reason: Layer[4-7]"
)
_CLIENTS = (
    r"curl: \(7\) Failed to connect to (?:[\w.-]{1,200}\.svc\b|10\.|172\.(?:1[6-9]|2\d|3[01])\.|192\.168\."
    r"|(?!localhost )[a-z][a-z0-9-]{1,62} port )"
    r"|wget: can't connect to remote host \((?:10|172)\.|openai\.APIConnectionError: Connection error"
    r"|failed to fetch service\b.{0,60}not found|litellm\.\w{1,40}Error: .{0,80}Connection error|No deployments "
    r"available for selected model"
    r"|(?:Post|Get) \"https?://[^\s\"]{1,300}/v1/[\w/]{1,60}\": dial tcp [\w.:\[\]]{1,80}: connect: connection refused"
)
_CLUSTER = (
    r"no (?:ready )?endpoints (?:available|found|resolved) for |Service has no(?:t ready)? endpoints, |\bbackends? "
    r"does not exist\b|cannot attach to \*v1\.Service: invalid service"
    r"|error forwarding port \d{1,5} to pod .{0,400}?[Cc]onnection refused"
    r"|failure to get a peer from the ring-balancer"
    r"|encountered a temporary error and could not complete your request|not serving requests at this endpoint"
)
_CHECKS = (
    r"[Hh]ealth checks failed with these codes: \[|\bTarget\.(?:Timeout|ResponseCodeMismatch|FailedHealthChecks)\b"
    r"|ingress\.kubernetes\.io/backends: ?'?\{[^}]{0,2000}\"UNHEALTHY\""
)
"""The load balancers of AWS and Google ask the servers themselves, at a path and port of their own."""

_SLOW = (
    r"upstream timed out \(110: [\w ]{1,40}\) while reading (?:response header from )?upstream"
    r"|^\W{0,4}(?:upstream request timeout|stream timeout|The upstream server is timing out)\W{0,4}$"
    r"|\" 504 (?:UT|SI|DC,UT)\b|\"response_flags\": ?\"UT\b|\bupstream_response_timeout\b|\bresponse_timeout\b"
    r"|<title>504 Gateway Time-?out</title>|(?:openai\.APITimeoutError|litellm\.Timeout): |Endpoint request timed out"
)
"""What NGINX, Envoy, Kong, cloud load balancers and clients say of a request that was not answered in time."""

_REFUSES_KEY = (
    r"Failed to (?:scrape metrics|get model (?:names|info)) from https?://\S{1,300}: .{0,80}\b401\b"
    r"|Failed to (?:scrape metrics|get model (?:names|info)) from https?://.{1,300}Unauthorized"
)
_NO_ROUTE = (
    r"default backend - 404|no Route matched with those values|Backend service does not exist"
    r"|response 404 \(backend NotFound\), service rules for"
)
"""What NGINX's ingress, Kong, and the controllers of AWS and GKE answer where no rule of an Ingress fits."""

_SHED = r"system saturated, (?:sheddable|non-critical) request|inference gateway: (?:InferencePool)?ResourceExhausted"
"""What an endpoint picker answers with 429 when every server of its pool is full."""

_DROPPED = r"curl: \(28\) Connection timed? ?out after|wget: download timed out"
_DROPPED_WITHIN = (
    r"curl: \(28\) Failed to connect to (?:[\w.-]{1,200}\.svc\b|10\.|172\.(?:1[6-9]|2\d|3[01])\.)"
    r"|(?:Get|Head|Post|Put) \"https?://[\w.-]{1,200}\.svc\b[^\s\"]{0,300}\": dial tcp [\w.:\[\]]{1,80}: i/o timeout"
)
"""A client within the cluster that is not refused and not answered: nobody told it so, its packets are dropped."""
_BY_POLICY = (
    r"Policy denied(?: by denylist)? DROPPED|policy-verdict:\S{1,40} (?:INGRESS|EGRESS) DENIED|xx drop \(Policy denied"
)
"""What Cilium's hubble and monitor print of a packet that a policy forbids."""

WORDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("RequestsShed", lazy_pattern(_SHED)),
    ("AccessDenied", lazy_pattern(r"RBAC: access denied|rbac_access_denied_matched_policy")),
    ("PacketsDropped", lazy_pattern(rf"{_DROPPED_WITHIN}|{_BY_POLICY}")),
    ("KeyRefused", lazy_pattern(_REFUSES_KEY)),
    ("HealthCheckFails", lazy_pattern(_CHECKS)),
    (
        "UpstreamUnavailable",
        lazy_pattern(
            "|".join(
                (_ROUTER, _AIBRIX, _PICKER, _NGINX, _ENVOY, _TRAEFIK, _HAPROXY, _CLIENTS, _CLUSTER),
            )
        ),
    ),
    ("UpstreamSlow", lazy_pattern(_SLOW)),
    ("NoRoute", lazy_pattern(_NO_ROUTE)),
    (
        "NotAllowedByListeners",
        lazy_pattern(r"Ignoring ingress because of error while validating ingress class"),
    ),
    ("InvalidCertificateRef", lazy_pattern(r"Error getting SSL certificate \"[\w./-]{1,253}\": local SSL certificate")),
)
"""The reason of the event that a line amounts to, and its words; the first that fits counts."""

DROPPED = lazy_pattern(_DROPPED)
"""The same where only the rest of the text tells whom the client asked."""
