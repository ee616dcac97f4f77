"""LIST: a collection as it is, or page by page as it was when the first page was read."""

from __future__ import annotations

import base64
import binascii
from bisect import bisect_right

import msgspec

from vops.lab import selectors, statuses
from vops.lab.calls import Call
from vops.lab.documents import Key, Record
from vops.lab.selectors import Selector
from vops.lab.statuses import ApiError, Cause
from vops.lab.store import Store

_LATEST = -1
"""The revision of a continue token that goes on with whatever is there now."""
_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


class Token(msgspec.Struct):
    """Where the next page begins, in the API server's own form."""

    v: str
    rv: int
    start: str

    def encode(self) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(self)).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> Token:
        try:
            return msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)), type=cls)
        except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise statuses.bad_request(f"invalid continue token: continue key is not valid: {error}") from None

    @property
    def after(self) -> Key:
        namespace, _, name = self.start.removesuffix("\0").partition("/")
        return namespace, name


def page(store: Store, call: Call) -> bytes:
    """The body of a LIST. Raises ApiError 400, 410 or 504."""
    kind = call.served
    selector = selectors.parse(kind, call.query.get("labelSelector", ""), call.query.get("fieldSelector", ""))
    token = Token.decode(call.query["continue"]) if call.query.get("continue") else None
    limit = call.number("limit") or 0
    if token is None:
        _check_version(store, call)
        revision, records = store.revision, store.records(kind, call.namespace)
    else:
        revision, records = _snapshot(store, call, token)
    chosen = _after(records, token.after if token else None)
    shown, following, remaining = _cut(chosen, selector, limit)
    metadata: dict[str, object] = {"resourceVersion": str(revision)}
    if not kind.builtin:
        metadata["continue"] = ""
    if following is not None:
        start = "/".join(_key(following))
        metadata["continue"] = Token("meta.k8s.io/v1", revision, f"{start}\0").encode()
        if not selector:
            metadata["remainingItemCount"] = remaining
    head = {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": metadata}
    items = (record.item() if kind.builtin else record.body() for record in shown)
    return msgspec.json.encode(head)[:-1] + b',"items":[' + b",".join(items) + b"]}"


def _check_version(store: Store, call: Call) -> None:
    """Refuses what no list can answer; any version up to the newest is answered with the newest."""
    asked = call.query.get("resourceVersion", "")
    if call.query.get("resourceVersionMatch") and not asked:
        why = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
        raise statuses.invalid_option("ListOptions", Cause("FieldValueForbidden", why, "resourceVersionMatch"))
    if asked and not asked.isdigit():
        parsing = f'strconv.ParseUint: parsing "{asked}": invalid syntax'
        raise statuses.bad_request(f'invalid resource version: resourceVersion: Invalid value: "{asked}": {parsing}')
    if int(asked or 0) > store.revision:
        raise statuses.version_too_large(int(asked), store.revision)


def _snapshot(store: Store, call: Call, token: Token) -> tuple[int, list[Record]]:
    if token.rv == _LATEST:
        return store.revision, store.records(call.served, call.namespace)
    try:
        return token.rv, store.records(call.served, call.namespace, revision=token.rv)
    except ApiError as error:
        resumed = Token(token.v, _LATEST, token.start).encode()
        raise statuses.expired(_TOO_OLD, continue_=resumed) from error


def _key(record: Record) -> Key:
    metadata = record.document["metadata"]
    return metadata.get("namespace", ""), metadata["name"]


def _after(records: list[Record], key: Key | None) -> list[Record]:
    return records if key is None else records[bisect_right(records, key, key=_key) :]


def _cut(records: list[Record], selector: Selector, limit: int) -> tuple[list[Record], Record | None, int]:
    """One page, the record it ends with when more may follow, and how many are left."""
    if not limit:
        return [record for record in records if selector.matches(record.document)], None, 0
    shown: list[Record] = []
    for index, record in enumerate(records):
        if selector.matches(record.document):
            shown.append(record)
        if len(shown) == limit and index + 1 < len(records):
            return shown, record, len(records) - index - 1
    return shown, None, 0
