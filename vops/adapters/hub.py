"""The Hugging Face Hub: listings, configurations and safetensors headers, by the official client. Never reads weights.

The only importer of huggingface_hub, which brings the user's token, mirror (`HF_ENDPOINT`), offline mode
(`HF_HUB_OFFLINE`) and cache. It blocks, so each request runs in a thread; its downloader is left out, since it asks
twice for every file and retries for half a minute.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import quote

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils._auth import get_token
from huggingface_hub.utils._http import get_session, hf_raise_for_status
from huggingface_hub.utils._validators import validate_repo_id

from vops import __version__
from vops.errors import Forbidden, NotFound, Unauthorized, Unavailable, Unreachable, UsageError, VopsError
from vops.model.hub import Access, HubFile, HubListing
from vops.model.text import scrub
from vops.ports import HubModel

T = TypeVar("T")
CONFIG = "config.json"
INDEX = "model.safetensors.index.json"
WEIGHTS = "model.safetensors"
MAIN = "main"
FIRST_BYTES = 100_000
LENGTH_BYTES = 8
LARGEST_HEADER = 25_000_000
_USE_FILE = "give its config.json with --config FILE"


class HuggingFaceHub:
    """Reads models' metadata; `timeout_s` bounds each request. Files of the user's cache serve while offline.

    `endpoint` takes the place of the user's own (`HF_ENDPOINT`), and is sent no token.
    """

    def __init__(self, timeout_s: float, endpoint: str = "") -> None:
        self._timeout_s = timeout_s
        self._endpoint = endpoint

    async def model(self, model_id: str, revision: str = "") -> HubModel:
        """The configuration, and the bytes of the safetensors weights where the repository tells them.

        Raises NotFound, Unauthorized, Forbidden (gated), Unavailable (429, 5xx) or Unreachable (offline).
        """
        revision = revision or MAIN
        config, size = await asyncio.gather(
            asyncio.to_thread(_asked, model_id, lambda: self._config(model_id, revision)),
            asyncio.to_thread(self._weights_bytes, model_id, revision),
        )
        return HubModel(id=model_id, config=config, weights_bytes=size)

    async def listing(self, model_id: str, revision: str = "") -> HubListing:
        """Every file of one commit with its size and hashes, and whether the user's own token may read them.

        Raises what `model` raises; a gated model that the token may not read is listed, with `access` saying so.
        """
        return await asyncio.to_thread(_asked, model_id, lambda: self._listing(model_id, revision or MAIN))

    def _listing(self, model_id: str, revision: str) -> HubListing:
        path = f"api/models/{model_id}/revision/{quote(revision, safe='')}?blobs=true"
        with self._request("GET", model_id, path) as response:
            found: dict[str, Any] = json.loads(_limited(response, LARGEST_HEADER))
        files = tuple(_file(item) for item in found["siblings"])
        gated = bool(found.get("gated"))
        return HubListing(
            model=model_id,
            revision=revision,
            commit=str(found["sha"]),
            files=files,
            gated=gated,
            private=bool(found.get("private")),
            access=self._access(model_id, str(found["sha"]), files) if gated and files else "ok",
        )

    def _access(self, model_id: str, commit: str, files: tuple[HubFile, ...]) -> Access:
        """What the Hub answers to a request for a file."""
        try:
            with self._request("HEAD", model_id, f"{model_id}/resolve/{commit}/{quote(files[0].name)}"):
                return "ok"
        except HfHubHTTPError as error:
            if error.response.status_code not in (401, 403):
                raise
            return "gated" if error.response.status_code == 401 else "denied"

    def _config(self, model_id: str, revision: str) -> str:
        try:
            return self._get(model_id, revision, CONFIG).decode("utf-8", "replace")
        except (OfflineModeIsEnabled, httpx2.TransportError):
            if (kept := _cached(model_id, revision, CONFIG)) is not None:
                return kept
            raise

    def _weights_bytes(self, model_id: str, revision: str) -> int | None:
        """The index's `total_size`, else the end of the last tensor in the header of a single file.

        None where neither is told, for whatever reason: reading the configuration tells why.
        """
        for read in (self._index_bytes, self._header_bytes):
            try:
                return read(model_id, revision)
            except (httpx2.HTTPError, OfflineModeIsEnabled, ValueError, KeyError, TypeError, IndexError):
                continue
        return None

    def _index_bytes(self, model_id: str, revision: str) -> int:
        return int(json.loads(self._get(model_id, revision, INDEX))["metadata"]["total_size"])

    def _header_bytes(self, model_id: str, revision: str) -> int:
        """Two range requests at most: a safetensors file begins with its header's length and the header."""
        start = self._get(model_id, revision, WEIGHTS, first=0, last=FIRST_BYTES - 1)
        length = int.from_bytes(start[:LENGTH_BYTES], "little")
        if length > LARGEST_HEADER:
            raise ValueError("not a safetensors header")
        if len(start) < LENGTH_BYTES + length:
            start = self._get(model_id, revision, WEIGHTS, first=0, last=LENGTH_BYTES + length - 1)
        header: dict[str, Any] = json.loads(start[LENGTH_BYTES : LENGTH_BYTES + length])
        return max(int(tensor["data_offsets"][1]) for name, tensor in header.items() if name != "__metadata__")

    def _get(self, model_id: str, revision: str, name: str, *, first: int = 0, last: int | None = None) -> bytes:
        """A file, or its bytes `first` to `last`."""
        headers = {} if last is None else {"range": f"bytes={first}-{last}"}
        path = f"{model_id}/resolve/{quote(revision, safe='')}/{name}"
        with self._request("GET", model_id, path, headers) as response:
            return _limited(response, LARGEST_HEADER + LENGTH_BYTES if last is None else last - first + 1)

    @contextmanager
    def _request(
        self, method: str, model_id: str, path: str, more: Mapping[str, str] = MappingProxyType({})
    ) -> Iterator[httpx2.Response]:
        """The answer to a request, its body unread. Raises the Hub's own kinds of errors."""
        validate_repo_id(model_id)
        headers = {"user-agent": f"vops/{__version__}", **more}
        token = None if self._endpoint else get_token()
        if token:
            headers["authorization"] = f"Bearer {token}"
        url = f"{self._endpoint or constants.ENDPOINT}/{path}"
        with _session().stream(method, url, headers=headers, timeout=self._timeout_s) as response:
            if response.status_code >= 400:
                response.read()
            hf_raise_for_status(response)
            yield response


def _session() -> httpx2.Client:
    """The Hub's own client. Raises Unreachable where the certificates that it is told to trust cannot be read."""
    try:
        return get_session()
    except OSError as error:
        raise Unreachable(
            f"the certificates to trust cannot be read ({error}), so the Hub cannot be asked",
            hint=f"correct or unset SSL_CERT_FILE and SSL_CERT_DIR, or {_USE_FILE}",
        ) from error


def _file(item: Mapping[str, Any]) -> HubFile:
    large = item.get("lfs") or {}
    size = large.get("size") or item.get("size") or 0
    return HubFile(scrub(str(item["rfilename"])), int(size), str(item.get("blobId", "")), str(large.get("sha256", "")))


def _limited(response: httpx2.Response, limit: int) -> bytes:
    """At most `limit` bytes, whatever the server sends: one that ignores ranges would send the weights."""
    found = bytearray()
    for part in response.iter_bytes():
        found += part
        if len(found) >= limit:
            break
    return bytes(found[:limit])


def _cached(model_id: str, revision: str, name: str) -> str | None:
    """A file that another tool downloaded before."""
    from huggingface_hub.file_download import try_to_load_from_cache

    path = try_to_load_from_cache(model_id, name, revision=revision)
    return Path(path).read_text("utf-8", errors="replace") if isinstance(path, str) else None


def _asked(model_id: str, call: Callable[[], T]) -> T:
    """`call`, with the Hub's errors told as ours."""
    try:
        return call()
    except HFValidationError as error:
        raise UsageError(
            f"{scrub(model_id)!r} is neither a folder nor a Hub id", hint="use OWNER/NAME or --config FILE"
        ) from error
    except OfflineModeIsEnabled as error:
        raise Unreachable(
            f"HF_HUB_OFFLINE is set, and {model_id} is not in the local cache", hint=f"unset it, or {_USE_FILE}"
        ) from error
    except (HfHubHTTPError, httpx2.HTTPError) as error:
        raise _told(model_id, error) from error
    except (KeyError, TypeError, ValueError) as error:
        raise Unavailable(
            f"what {constants.ENDPOINT} says of {model_id} is not what a Hub says", hint="check HF_ENDPOINT"
        ) from error


def _told(model_id: str, error: Exception) -> VopsError:
    """The Hub's own kinds of errors first, then by status."""
    if isinstance(error, GatedRepoError):
        return Forbidden(
            f"{model_id} is gated, and this token may not read it",
            status=403,
            hint=f"accept its licence at https://huggingface.co/{model_id} and set HF_TOKEN, or use --config FILE",
        )
    if isinstance(error, RevisionNotFoundError):
        return NotFound(f"{model_id} has no such revision", status=404, hint="leave --revision out for main")
    if isinstance(error, RepositoryNotFoundError):
        return NotFound(
            f"the Hub has no model {model_id}, or it is private and this token may not see it",
            status=404,
            hint="check the spelling, or set HF_TOKEN",
        )
    if isinstance(error, EntryNotFoundError):
        return NotFound(f"{model_id} has no {CONFIG}", status=404, hint=_USE_FILE)
    return _by_status(model_id, error)


def _by_status(model_id: str, error: Exception) -> VopsError:
    response = error.response if isinstance(error, HfHubHTTPError) else None
    status = response.status_code if response is not None else 0
    if status == 401:
        return Unauthorized(f"the Hub refuses this token for {model_id}", status=401, hint="set HF_TOKEN")
    if status == 403:
        return Forbidden(f"the Hub forbids reading {model_id}", status=403, hint="check the token's permissions")
    if status == 429:
        return Unavailable(
            f"the Hub limits the rate of requests; {model_id} was not read",
            status=429,
            retry_after_s=_seconds(response.headers.get("retry-after", "") if response is not None else ""),
            hint="wait, set HF_TOKEN for a higher limit, or use --config FILE",
        )
    if status:
        return Unavailable(f"the Hub answers {status} for {model_id}", status=status, hint=_USE_FILE)
    return Unreachable(
        f"the Hub at {constants.ENDPOINT} does not answer, and {model_id} is not in the local cache", hint=_USE_FILE
    )


def _seconds(text: str) -> float | None:
    return float(text) if text.isdigit() else None
