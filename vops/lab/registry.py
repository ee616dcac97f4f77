"""The image registries: which images exist, how large they are, who may have them, and what a pull is refused with.

Texts: containerd's (core/remotes/docker), as kubelet 1.36 passes them on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from urllib.parse import quote

_GB = 1_000_000_000
_BYTES_PER_S = 0.5 * _GB
_DEFAULT_HOST = "docker.io"
_RESOLVER = "10.96.0.10:53"


class Trouble(Enum):
    """What is wrong with a whole registry; the value is what comes of asking it for a manifest."""

    NO_SUCH_HOST = 'failed to do request: Head "{url}": dial tcp: lookup {host} on {resolver}: no such host'
    TIMEOUT = 'failed to do request: Head "{url}": dial tcp 192.0.2.17:443: i/o timeout'
    RATE_LIMIT = (
        "unexpected status from HEAD request to {url}: 429 Too Many Requests\ntoomanyrequests: You have reached your "
        "unauthenticated pull rate limit. https://www.docker.com/increase-rate-limit"
    )


@dataclass(frozen=True)
class Image:
    """One tag of one repository; `credential` is the base64 `user:password` that opens a private one."""

    name: str
    size_bytes: int
    credential: str = ""

    @property
    def pull_s(self) -> float:
        """Seconds to pull it onto a machine that has none of its layers."""
        return round(2.0 + self.size_bytes / _BYTES_PER_S, 3)


class Registry:
    """Every tag of vLLM that the lab can imitate, and whatever else a scenario puts here."""

    def __init__(self) -> None:
        self._images: dict[str, Image] = {}
        self._troubles: dict[str, Trouble] = {}
        for tag in ("v0.8.5", "v0.12.0", "v0.25.0", "v0.25.1", "v0.32.0", "v0.33.0", "latest"):
            self.add(f"vllm/vllm-openai:{tag}", 10 * _GB)
        self.add("nvidia/dcgm-exporter:4.5.3", _GB)
        self.add("nvidia/k8s-device-plugin:v0.20.0", _GB // 5)

    def add(self, name: str, size_bytes: int = _GB // 10, *, credential: str = "") -> None:
        full = self.full_name(name)
        self._images[full] = Image(full, size_bytes, credential)

    def afflict(self, host: str, trouble: Trouble) -> None:
        """From now on every pull from that registry fails so."""
        self._troubles[host] = trouble

    def relieve(self, host: str) -> None:
        """That registry is well again."""
        self._troubles.pop(host, None)

    def find(self, reference: str, credentials: Mapping[str, str] | None = None) -> Image | None:
        """The image that a reference names, if whoever has these credentials (by registry) may pull it."""
        full = self.full_name(reference)
        image, host = self._images.get(full), _host(full)
        if image is None or host in self._troubles:
            return None
        return image if not image.credential or (credentials or {}).get(host) == image.credential else None

    @staticmethod
    def full_name(reference: str) -> str:
        """A reference with its registry spelled out, as the runtime reports it."""
        first, slash, _ = reference.partition("/")
        if slash and ("." in first or ":" in first):
            return reference
        return f"docker.io/{reference}" if slash else f"docker.io/library/{reference}"

    def image_id(self, reference: str) -> str:
        """The digest that the runtime reports for an image."""
        return f"sha256:{hashlib.sha256(self.full_name(reference).encode()).hexdigest()}"

    def refusal(self, reference: str, credentials: Mapping[str, str] | None = None) -> str:
        """Why an image that was not found cannot be pulled."""
        full = self.full_name(reference)
        why = self._why(full, credentials or {})
        return f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": {why}'

    def _why(self, full: str, credentials: Mapping[str, str]) -> str:
        host, repository = _host(full), _repository(full)
        image = self._images.get(full)
        if trouble := self._troubles.get(host):
            url = f"https://{_api_host(host)}/v2/{repository}/manifests/{full.rpartition(':')[2]}"
            return trouble.value.format(url=url, host=host, resolver=_RESOLVER)
        if image is not None and image.credential:
            return _unauthorized(host, repository, given=host in credentials)
        known = any(name.rpartition(":")[0] == full.rpartition(":")[0] for name in self._images)
        if known or host != _DEFAULT_HOST:
            return f"{full}: not found"
        return (
            "pull access denied, repository does not exist or may require authorization: server message: "
            "insufficient_scope: authorization failed"
        )


def _unauthorized(host: str, repository: str, *, given: bool) -> str:
    """What the registry's token service answers to nobody, or to somebody that it does not know."""
    scope = quote(f"repository:{repository}:pull", safe="")
    if given:
        what, method, query = "oauth", "POST", ""
    else:
        what, method, query = "anonymous", "GET", f"?scope={scope}&service={host}"
    url = f"https://{host}/token{query}"
    return f"failed to authorize: failed to fetch {what} token: unexpected status from {method} request to {url}: " + (
        "401 Unauthorized"
    )


def _host(full: str) -> str:
    return full.partition("/")[0]


def _api_host(host: str) -> str:
    return "registry-1.docker.io" if host == _DEFAULT_HOST else host


def _repository(full: str) -> str:
    return full.partition("/")[2].rpartition(":")[0]
