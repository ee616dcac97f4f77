"""vLLM may not write where it must: a cache or home directory is read-only or belongs to somebody else.

What it finds
    `Permission denied` or `Read-only file system` at the root of the failure; or the storage that the model is loaded
    from refuses this identity.

Why it matters
    Containers without root, or with a read-only root, need HF_HOME, HOME and the compile cache on a volume.

Evidence
    The error with its path, and the variables that say where caches go.

Fix
    `fix-readonly-cache`, else by hand: a writable volume, and HF_HOME and HOME on it.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Applicability, Confidence, Evidence, Fix, Severity
from vops.diagnosis.logs.tracebacks import CUT
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.caches import mount_of
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_DENIED = lazy_pattern(
    r"PermissionError|\[Errno (?:13|30)\](?! error while attempting to bind)|[Pp]ermission denied|Read-only file system"
    r"|(?<!pidfd_getfd: )Operation not permitted|os error (?:1|13|30)\b|AccessDenied|\(403\) when calling"
    r"|requested URL returned error: 403|server returned error: HTTP/[\d.]{1,3} 403|no locator available for file"
    r"|403 Forbidden.{0,200}storage"
    r"|does not have storage\.objects|No usable temporary directory|cannot create directory"
    r"|AuthorizationPermissionMismatch|ErrorCode:AuthorizationFailure|403: Insufficient Permission"
    r"|Access denied(?: to \S{1,40} resource '[^']{0,300}')?\. Verify|HTTP access denied for '"
    r"|[Uu]nable to write to \w{1,60} \(/"
    r"|getpwuid\(\): uid not found|Could not determine home directory"
)
_REMOTE = lazy_pattern(
    r"AccessDenied|\(403\)|error: (?:HTTP/[\d.]{1,3} )?403|403 Forbidden|storage\.objects"
    r"|AuthorizationPermission|AuthorizationFailure|Insufficient Permission"
)
_CACHE = lazy_pattern(r"problem when trying to write in your cache folder")
_NO_USER = lazy_pattern("getpwuid|home directory")
_TO_BIND = "attempting to bind"
_ANYWHERE = "Mount a volume that the container's user may write to, and set HF_HOME and HOME to it."
_OFFLINE = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
_SCRATCH = "/scratch"
_PATH = lazy_pattern(r"(?<=')/[^']{1,300}(?=')|(?<= \()/[^)\n]{1,300}(?=\))")


@rule(cause="permission-denied", branch=Branch.DIED, needs={Source.LOGS}, order=25, signature=_DENIED)
def permission_denied(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _DENIED)
    if hit is None:
        return None
    if _REMOTE.search(hit[0].text):
        return deaths.verdict(
            replica,
            hit,
            f"The storage that {replica.name} loads its model from denies access",
            deaths.steps(
                replica,
                "Let it read the bucket",
                "Give the pod's identity (ServiceAccount, or the keys of its Secret) permission to read and list it.",
            ),
        )
    if _TO_BIND in hit[0].text:
        return deaths.verdict(
            replica,
            hit,
            f"{replica.name} may not listen on its port: those below 1024 are root's",
            deaths.steps(
                replica,
                "Listen on a port that any user may open",
                "Set --port 8000 (and the containerPort, the probes and the Service's targetPort to the same), or add "
                "the capability NET_BIND_SERVICE.",
            ),
        )
    if _NO_USER.search(hit[0].text):
        return deaths.verdict(
            replica,
            hit,
            f"{replica.name} runs as a user that the image does not know",
            deaths.steps(
                replica, "Give the user a name and a home", "Set env USER, LOGNAME and HOME (a writable directory)."
            ),
        )
    path = _PATH.search(hit[0].message)
    where = path[0] if path is not None else "a directory it needs"
    found, step = _why(replica, path[0]) if path is not None else ((), _ANYWHERE)
    homes = [
        item for item in replica.container.env if item.name in ("HF_HOME", "HOME", "VLLM_CACHE_ROOT") and item.value
    ]
    return Verdict(
        summary=f"{replica.name} may not write to {where}",
        evidence=(
            *deaths.shown(replica, hit),
            *found,
            *(evidence.container_field(replica, f"env[{item.name}]", item.value) for item in homes),
        ),
        confidence=deaths.confidence(replica),
        fixes=(_fix(replica, path[0] if path is not None else "", step),),
    )


@rule(cause="permission-denied", branch=Branch.DIED, needs={Source.LOGS}, order=94, last_resort=True)
def cache_not_writable(replica: Replica) -> Verdict | None:
    """What transformers says before it fails, where the end of its traceback is not there."""
    log, hit = replica.death_log, deaths.notice(replica, _CACHE)
    if hit is None or log is None or (log.root is not None and log.root.type != CUT):
        return None
    return Verdict(
        summary=f"{replica.name} may not write to its cache: {deaths.quoted(hit, 120)}",
        evidence=deaths.shown(replica, hit),
        confidence=Confidence.POSSIBLE,
        fixes=(deaths.steps(replica, "Give it a directory to write to", _ANYWHERE),),
    )


@rule(cause="permission-denied", branch=Branch.TRAFFIC, needs={Source.LOGS}, order=35)
def permission_denied_to_requests(replica: Replica) -> Verdict | None:
    """A server that is up, and whose requests end where it may not write."""
    error = replica.log.of_requests if replica.log is not None and replica.log.ready else None
    if error is None or not _DENIED.search(error.text):
        return None
    path = _PATH.search(error.message)
    where = path[0] if path is not None else "a directory that they need"
    return Verdict(
        summary=f"Requests to {replica.name} fail (500): it may not write to {where}",
        evidence=(evidence.log_line(error.line, str(error)),),
        confidence=Confidence.PROBABLE,
        severity=Severity.WARNING,
        fixes=(deaths.steps(replica, "Give it a directory to write to", _ANYWHERE),),
    )


def _fix(replica: Replica, path: str, step: str) -> Fix:
    """A directory of its own for what is written there; not for a cache that holds the model it may not download."""
    title, variable = "Give it a directory to write to", _variable(replica, path)
    offline = any(item.name in _OFFLINE for item in replica.container.env)
    if not _is_read_only(replica, path) or (offline and variable == "HF_HOME"):
        return remedies.by_steps(replica, title, (step,))
    params = {"container": replica.container.name, "path": _SCRATCH, "variables": [variable]}
    return remedies.runbook(
        replica, "fix-readonly-cache", title, Applicability.ASK, params, by_hand=(step,), notes=(step,)
    )


def _is_read_only(replica: Replica, path: str) -> bool:
    mount = mount_of(replica, path) if path else None
    context = {**replica.pod.spec.security_context, **replica.container.security_context}
    return bool(path) and (mount.read_only if mount is not None else bool(context.get("readOnlyRootFilesystem")))


def _variable(replica: Replica, path: str) -> str:
    """The variable that moves what is kept at a path."""
    environment = {item.name: item.value for item in replica.container.env if item.value}
    for name in ("VLLM_CACHE_ROOT", "HF_HOME"):
        if name in environment and path.startswith(environment[name]):
            return name
    if "/.cache/vllm" in path:
        return "VLLM_CACHE_ROOT"
    return "HF_HOME" if "huggingface" in path else "HOME"


def _why(replica: Replica, path: str) -> tuple[tuple[Evidence, ...], str]:
    """What keeps the container from writing to a path, as far as the pod's spec tells, and what lets it."""
    mount = mount_of(replica, path)
    context = {**replica.pod.spec.security_context, **replica.container.security_context}
    if mount is not None and mount.read_only:
        field = evidence.container_field(replica, f"volumeMounts[{mount.name}].readOnly", "true", expected="false")
        return (
            field,
        ), f"Set readOnly: false on the mount at {mount.mount_path}, or set HF_HOME to a volume to write to."
    if mount is None and context.get("readOnlyRootFilesystem"):
        field = evidence.container_field(replica, "securityContext.readOnlyRootFilesystem", "true")
        return (field,), f"Mount an emptyDir (or a claim for the cache) at {path}: the root file system is read-only."
    user = context.get("runAsUser")
    if user is None:
        return (), _ANYWHERE
    field = evidence.container_field(replica, "securityContext.runAsUser", user)
    if mount is not None:
        return (
            field,
        ), f"Set the pod's securityContext.fsGroup (such as {user}), so that volume {mount.name} is writable."
    return (field,), f"User {user} has no home to write to: set HOME and HF_HOME to a mounted volume, with an fsGroup."
