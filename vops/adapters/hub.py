"""The Hugging Face Hub: configurations and safetensors headers, by the official client. Never downloads weights.

The only importer of huggingface_hub, which brings the user's token, cache, mirror (`HF_ENDPOINT`) and offline mode
(`HF_HUB_OFFLINE`). It blocks, so each call runs in a thread.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from huggingface_hub import HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    NotASafetensorsRepoError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
    SafetensorsParsingError,
)
from huggingface_hub.utils.tqdm import disable_progress_bars

from vops.errors import Forbidden, NotFound, Unauthorized, Unavailable, Unreachable, UsageError, VopsError
from vops.model.text import scrub
from vops.ports import HubModel

CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
T = TypeVar("T")
_OFFLINE_HINT = "give its config.json with --config FILE"


class HuggingFaceHub:
    """Reads models' metadata; `timeout_s` bounds each request."""

    def __init__(self, timeout_s: float) -> None:
        disable_progress_bars()
        self._api = HfApi(library_name="vops")
        self._timeout_s = timeout_s

    async def model(self, model_id: str, revision: str = "") -> HubModel:
        """The configuration, and the bytes of the safetensors weights where the repository has such.

        Raises NotFound, Unauthorized, Forbidden (gated), Unavailable (429, 5xx) or Unreachable (offline).
        """
        config, size = await asyncio.gather(
            asyncio.to_thread(self._config, model_id, revision or None),
            asyncio.to_thread(self._size, model_id, revision or None),
            return_exceptions=True,
        )
        if isinstance(config, BaseException):
            raise config
        return HubModel(id=model_id, config=config, weights_bytes=None if isinstance(size, BaseException) else size)

    def _config(self, model_id: str, revision: str | None) -> str:
        return _asked(model_id, lambda: self._read(model_id, CONFIG, revision))

    def _size(self, model_id: str, revision: str | None) -> int | None:
        return _asked(model_id, lambda: self._weights_bytes(model_id, revision))

    def _read(self, model_id: str, name: str, revision: str | None) -> str:
        path = self._api.hf_hub_download(model_id, name, revision=revision, etag_timeout=self._timeout_s)
        return Path(path).read_text("utf-8", errors="replace")

    def _weights_bytes(self, model_id: str, revision: str | None) -> int | None:
        """The index's `total_size`; for a single file, the end of the last tensor in its header (a range request)."""
        try:
            total = json.loads(self._read(model_id, INDEX, revision))["metadata"]["total_size"]
            return int(total)
        except (EntryNotFoundError, LocalEntryNotFoundError, KeyError, TypeError, ValueError):
            return self._header_bytes(model_id, revision)

    def _header_bytes(self, model_id: str, revision: str | None) -> int | None:
        try:
            header = self._api.parse_safetensors_file_metadata(
                model_id, WEIGHTS, revision=revision, timeout=self._timeout_s
            )
        except (EntryNotFoundError, NotASafetensorsRepoError, SafetensorsParsingError):
            return None
        return max((tensor.data_offsets[1] for tensor in header.tensors.values()), default=None)


def _asked(model_id: str, call: Callable[[], T]) -> T:
    """`call`, with the Hub's errors told as ours."""
    try:
        return call()
    except (HFValidationError, UnicodeError) as error:
        raise UsageError(
            f"{scrub(model_id)!r} is neither a file nor a Hub id", hint="use OWNER/NAME or --config FILE"
        ) from error
    except (OfflineModeIsEnabled, LocalEntryNotFoundError, HfHubHTTPError, EntryNotFoundError) as error:
        raise _told(model_id, error) from error
    except OSError as error:
        raise Unreachable(f"the Hub cannot be read for {model_id}: {error}", hint=_OFFLINE_HINT) from error


def _told(model_id: str, error: Exception) -> VopsError:
    """The error as vops says it; what the client wraps (a cause with an HTTP status) decides."""
    inner = error
    while not isinstance(inner, HfHubHTTPError) and isinstance(inner.__cause__, Exception):
        inner = inner.__cause__
    if isinstance(inner, GatedRepoError):
        return Forbidden(
            f"{model_id} is gated and this token may not read it",
            status=403,
            hint=f"accept its licence at https://huggingface.co/{model_id} and set HF_TOKEN, or use --config FILE",
        )
    if isinstance(inner, RevisionNotFoundError):
        return NotFound(f"{model_id} has no such revision", status=404, hint="leave --revision out for main")
    if isinstance(inner, RepositoryNotFoundError):
        return NotFound(
            f"the Hub has no model {model_id}, or it is private and this token may not see it",
            status=404,
            hint="check the spelling, or set HF_TOKEN",
        )
    if isinstance(inner, EntryNotFoundError) and not isinstance(inner, LocalEntryNotFoundError):
        return NotFound(f"{model_id} has no {CONFIG}", status=404, hint=_OFFLINE_HINT)
    return _by_status(model_id, inner)


def _by_status(model_id: str, error: Exception) -> VopsError:
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", 0)
    if status == 401:
        return Unauthorized(f"the Hub refuses this token for {model_id}", status=401, hint="set HF_TOKEN")
    if status == 403:
        return Forbidden(f"the Hub forbids reading {model_id}", status=403, hint="check the token's permissions")
    if status == 429:
        return Unavailable(
            f"the Hub limits the rate of requests; {model_id} was not read",
            status=429,
            retry_after_s=_retry_after(response),
            hint="wait, set HF_TOKEN for a higher limit, or use --config FILE",
        )
    if status >= 500:
        return Unavailable(f"the Hub answers {status} for {model_id}", status=status, hint=_OFFLINE_HINT)
    return Unreachable(f"the Hub cannot be reached, and {model_id} is not in the local cache", hint=_OFFLINE_HINT)


def _retry_after(response: object) -> float | None:
    headers = getattr(response, "headers", None) or {}
    try:
        return float(headers.get("retry-after", ""))
    except ValueError:
        return None
