"""Refusals as the Kubernetes API words them: an exception that carries a `Status` body.

Texts, reasons and details follow k8s.io/apimachinery's `errors` package; nothing here decides whether to refuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vops.lab.kinds import ResourceType


@dataclass(frozen=True, slots=True)
class Cause:
    """One entry of `details.causes`: what is wrong (`reason`, `message`) with which `field`."""

    reason: str
    message: str
    field: str = ""

    def document(self) -> dict[str, str]:
        named = {"field": self.field} if self.field else {}
        return {"reason": self.reason, "message": self.message, **named}


class ApiError(Exception):
    """A request that the API refuses; `status()` is the body that it answers with."""

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        details: dict[str, Any] | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.metadata = metadata or {}

    def status(self) -> dict[str, Any]:
        body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata}
        body["status"] = "Failure"
        if self.message:
            body["message"] = self.message
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return body | {"code": self.code}


def _details(kind: ResourceType, name: str = "", **more: Any) -> dict[str, Any]:
    named = {"name": name} if name else {}
    grouped = {"group": kind.group} if kind.group else {}
    return {**named, **grouped, "kind": kind.plural, **more}


def not_found(kind: ResourceType, name: str) -> ApiError:
    return ApiError(404, "NotFound", f'{kind.qualified} "{name}" not found', _details(kind, name))


def no_such_path() -> ApiError:
    """What the server says of a path or resource type that it does not serve."""
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def already_exists(kind: ResourceType, name: str) -> ApiError:
    return ApiError(409, "AlreadyExists", f'{kind.qualified} "{name}" already exists', _details(kind, name))


def conflict(kind: ResourceType, name: str, why: str) -> ApiError:
    message = f'Operation cannot be fulfilled on {kind.qualified} "{name}": {why}'
    return ApiError(409, "Conflict", message, _details(kind, name))


def modified_meanwhile(kind: ResourceType, name: str) -> ApiError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(kind, name, why)


def other_incarnation(kind: ResourceType, key: tuple[str, str], asked: str, stored: str) -> ApiError:
    """409 for a PUT that names a uid which is not the stored one's."""
    stored_at = "/".join(part for part in ("/registry", kind.plural, *key) if part)
    precondition = f"Precondition failed: UID in precondition: {asked}, UID in object meta: {stored}"
    why = f"StorageError: invalid object, Code: 4, Key: {stored_at}, ResourceVersion: 0, AdditionalErrorMsg: "
    return conflict(kind, key[1], why + precondition)


def precondition_failed(kind: ResourceType, name: str, why: str) -> ApiError:
    """409 for a DELETE whose preconditions do not hold; it names the kind, not the resource."""
    message = f'Operation cannot be fulfilled on {kind.singular_qualified} "{name}": {why}'
    grouped = {"group": kind.group} if kind.group else {}
    return ApiError(409, "Conflict", message, {"name": name, **grouped, "kind": kind.kind})


def apply_conflict(message: str, causes: Sequence[Cause]) -> ApiError:
    return ApiError(409, "Conflict", message, {"causes": [cause.document() for cause in causes]})


def invalid(kind: ResourceType, name: str, causes: Sequence[Cause]) -> ApiError:
    """422 with a cause per wrong field."""
    texts = [f"{cause.field}: {cause.message}" for cause in causes]
    listed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    grouped = {"group": kind.group} if kind.group else {}
    named = {"name": name} if name else {}
    details = {**named, **grouped, "kind": kind.kind, "causes": [cause.document() for cause in causes]}
    return ApiError(422, "Invalid", f'{kind.singular_qualified} "{name}" is invalid: {listed}', details)


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unprocessable() -> ApiError:
    """422 without particulars, as for a JSON Patch that does not fit."""
    return ApiError(422, "Invalid", "the server rejected our request due to an error in our request", {})


def method_not_allowed() -> ApiError:
    return ApiError(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {})


def unsupported_media_type(accepted: Sequence[str]) -> ApiError:
    message = "the body of the request was in an unknown format - accepted media types include: " + ", ".join(accepted)
    return ApiError(415, "UnsupportedMediaType", message)


def invalid_option(options: str, cause: Cause) -> ApiError:
    """422 for a query parameter; `options` is the type that it belongs to, such as `PatchOptions`."""
    details = {"group": "meta.k8s.io", "kind": options, "causes": [cause.document()]}
    return ApiError(422, "Invalid", f'{options}.meta.k8s.io "" is invalid: {cause.field}: {cause.message}', details)


def forbidden(*, group: str, resource: str, name: str, why: str) -> ApiError:
    plural = resource.partition("/")[0]
    subject = f"{plural}.{group}" if group else plural
    named = {"name": name} if name else {}
    grouped = {"group": group} if group else {}
    text = f'{subject} "{name}" is forbidden: {why}' if name else f"{subject} is forbidden: {why}"
    return ApiError(403, "Forbidden", text, {**named, **grouped, "kind": plural})


def unavailable(message: str) -> ApiError:
    return ApiError(503, "ServiceUnavailable", message)


def undecodable(kind: ResourceType, why: str) -> ApiError:
    """400 for a body that does not decode as its type."""
    return bad_request(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}')


def unpatchable(why: str) -> ApiError:
    """422 for a patch whose outcome does not decode as its type."""
    cause = Cause("FieldValueInvalid", f"Invalid value: {why}", "patch")
    details = {"causes": [cause.document()]}
    return ApiError(422, "Invalid", f' "" is invalid: patch: {cause.message}', details)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def expired(message: str, *, continue_: str = "") -> ApiError:
    """410; `continue_` is the token with which an inconsistent list can go on."""
    return ApiError(410, "Expired", message, metadata={"continue": continue_} if continue_ else {})


def version_too_large(asked: int, current: int) -> ApiError:
    cause = Cause("ResourceVersionTooLarge", "Too large resource version")
    details = {"causes": [cause.document()], "retryAfterSeconds": 1}
    return ApiError(504, "Timeout", f"Timeout: Too large resource version: {asked}, current: {current}", details)
