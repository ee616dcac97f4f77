"""The image registry: which images exist, how large they are, and what it answers for those that do not.

Texts: containerd's, as kubelet 1.36 passes them on.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_GB = 1_000_000_000
_BYTES_PER_S = 0.5 * _GB


@dataclass(frozen=True)
class Image:
    name: str
    size_bytes: int

    @property
    def pull_s(self) -> float:
        """Seconds to pull it onto a machine that has none of its layers."""
        return round(2.0 + self.size_bytes / _BYTES_PER_S, 3)


class Registry:
    """Every tag of vLLM that the lab can imitate, and whatever else a scenario puts here."""

    def __init__(self) -> None:
        self._images: dict[str, Image] = {}
        for tag in ("v0.8.5", "v0.12.0", "v0.25.0", "v0.25.1", "v0.32.0", "v0.33.0", "latest"):
            self.add(f"vllm/vllm-openai:{tag}", 10 * _GB)
        self.add("nvidia/dcgm-exporter:4.5.3", _GB)

    def add(self, name: str, size_bytes: int = _GB // 10) -> None:
        self._images[name] = Image(name, size_bytes)

    def find(self, reference: str) -> Image | None:
        """The image that a reference names, with or without the default registry in front."""
        return self._images.get(reference.removeprefix("docker.io/").removeprefix("library/"))

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

    def refusal(self, reference: str) -> str:
        """Why an image that does not exist cannot be pulled."""
        full = self.full_name(reference)
        return f'failed to pull and unpack image "{full}": failed to resolve reference "{full}": {full}: not found'
