"""Why a container waits, in the words of clients and of the kubelet's retries, where no event was copied.

`kubectl logs` says of a container that has not started what keeps it; the kubelet says in FailedSync and in its log
what the container failed with; and people quote the message alone. Each becomes the kubelet's `Failed` event.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told, of_some_pod, unescaped

_SYNC = lazy_pattern(
    r"\"StartContainer\" for \"[^\"]{1,63}\" with (?P<reason>[A-Z]\w{3,40}): \"(?P<message>.{1,4000})\""
)
_CRI = lazy_pattern(
    r"(?:CreateContainer within sandbox|StartContainer for) .{1,600}?failed(?:, err(?:or)?=|\" error=\")"
    r"(?P<message>.{1,2000})"
)
"""How containerd logs what it answers the kubelet of a container."""

_CRI_PULL = lazy_pattern(
    r"\bPullImage \"?(?P<image>[^\s\"]{1,400})\"? failed\"?,? err(?:or)?=\"?(?P<message>[^\"].{1,2000})"
)
"""And of an image."""

_PULLED = lazy_pattern(r"\bPullImage \"(?P<image>[^\s\"]{1,400})\" returns image reference")
_UNSTARTED = lazy_pattern(r"container start failed: (?P<reason>[A-Z]\w{3,40}): (?P<message>.{1,2000})")
_FULL = lazy_pattern(r"Error syncing pod, skipping: (?P<message>[^\"]{1,400}no space left on device)")
_STATE = lazy_pattern(
    r"\"waiting\": ?\{\s{0,40}(?:\"message\": \"(?P<before>(?:[^\"\\]|\\.){1,4000})\",\s{0,40})?"
    r"\"reason\": \"(?P<reason>[A-Z]\w{3,40})\"(?:,\s{0,40}\"message\": \"(?P<after>(?:[^\"\\]|\\.){1,4000})\")?"
)
_WAITS = lazy_pattern(r"is waiting to start: (?P<why>[\w' -]{4,60})")
_BARE = lazy_pattern(
    r"(?:secrets?|configmaps?) \"[\w.-]{1,253}\" not found|couldn't find key \S{1,253} in (?:Secret|ConfigMap) \S+"
    r"|references non-existent (?:secret|config) key: \S+|[Cc]ontainer has runAsNonRoot and .{1,400}"
    r"|(?<!exec: )\"[\w./-]{1,200}\": executable file not found in \$PATH"
    r"|unresolvable CDI devices .{1,400}|unable to start container process: .{1,1000}"
    r"|error during container init: .{1,1000}"
    r"|container's runAsUser breaks non-root policy.{0,400}|failed to reserve container name .{1,400}"
)
_PULL = lazy_pattern(
    r"Error response from daemon: (?:pull access|manifest |(?:Get|Head) \"?https?:|toomany|unauthorized|denied|no match"
    r"|repository |missing signature|failed to resolve|received unexpected HTTP|error parsing HTTP|unknown: ).{0,2000}"
    r"|(?:ErrImagePull|ImagePullBackOff|ImagePull): (?:rpc error|failed|unauthorized|denied|Back-off|40[134] ).{1,2000}"
    r"|(?<=[`\"'])manifest unknown(?=[`\"'].{0,400}\b(?:ErrImagePull|ImagePullBackOff)\b)"
    r"|denied: (?:Permission \"artifactregistry|requested access|User: arn:).{1,1000}"
    r"|(?:runtime PullImage|agent pull image) err\. .{1,400}"
    r"|no matching manifest for \w{1,20}/.{1,200}|no image found in (?:image index|manifest list) for arch.{1,200}"
    r"|failed to (?:authorize|fetch (?:anonymous|oauth) token): .{1,1000}"
    r"|failed to extract layer \S{1,200}: .{1,1000}"
    r"|failed to register layer: .{1,1000}|Error: Status 40\d trying to pull repository .{1,1000}"
    r"|ctr: (?:failed to (?:resolve|copy|do request|fetch)"
    r"|rpc error).{1,1000}"
    r"|(?:Error: |level=fatal msg=\")?(?:initializing source|[Uu]nable to pull|pulling image:) .{0,20}docker.{1,1000}"
    r"|toomanyrequests: You have reached your .{1,400}|no match for platform in manifest.{0,200}"
    r"|lookup (?:registry-1\.docker\.io|auth\.docker\.io"
    r"|production\.cloudflare\.docker\.com|(?:pkg-containers\.)?ghcr\.io"
    r"|quay\.io|nvcr\.io|registry\.k8s\.io|[\w.-]{0,80}\.?gcr\.io|[\w.-]{1,80}\.(?:azurecr\.io|pkg\.dev)"
    r"|[\w.-]{1,80}\.dkr\.ecr\.[\w.-]{1,60}).{0,80}: no such host.{0,200}"
    r"|reading manifest \S{1,200} in \S{1,400}: .{1,400}|unable to retrieve some image layers.{0,400}"
)
_TAIL = lazy_pattern(
    r"\W{0,8}(?:rpc error: |dial tcp|unexpected status|denied: |unauthorized: |x509: |tls: |(?:Get|Head) \"?https?:"
    r"|manifest |toomanyrequests: |net/http: |no matching manifest"
    r"|failed to (?:do request|copy|authorize|resolve|fetch))"
)
_FAILING = {
    "trying and failing to pull image": "ImagePullBackOff",
    "image can't be pulled": "ErrImagePull",
    "CreateContainerConfigError": "CreateContainerConfigError",
    "CreateContainerError": "CreateContainerError",
    "RunContainerError": "RunContainerError",
    "InvalidImageName": "InvalidImageName",
    "ErrImageNeverPull": "ErrImageNeverPull",
    "ImagePullBackOff": "ImagePullBackOff",
    "ErrImagePull": "ErrImagePull",
}
_SAY_WHY = ("Failed", "BackOff", "FailedMount", "FailedCreatePodSandBox", "FailedScheduling")
_OF_A_PULL = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName", "ImageInspectError")


def waiting_sentences(lines: Iterable[str]) -> Iterator[Told]:
    """An event for each line that says so; what says why comes last, so that it is what counts."""
    lines = list(lines)
    found = [told for line in lines if (told := waiting_sentence(line)) is not None]
    found = found or list(_states("\n".join(lines)))
    yield from sorted(found, key=lambda told: not _is_bare(told))


def without_pulled(lines: Sequence[str]) -> list[str]:
    """Lines of containerd without those about an image that it has after all."""
    found = ((index, _PULLED.search(unescaped(line))) for index, line in enumerate(lines))
    pulled = {match["image"]: index for index, match in found if match is not None}
    last = [max((at for image, at in pulled.items() if image in line), default=-1) for line in lines]
    return [line for index, line in enumerate(lines) if index > last[index]]


def _states(text: str) -> Iterator[Told]:
    """What the states of containers say that were copied out of a pod's JSON."""
    for state in _STATE.finditer(text):
        message = unescaped(state["before"] or state["after"] or "")
        if message and state["reason"] in _FAILING.values():
            yield _failed(message if state["reason"] in _OF_A_PULL else f"Error: {message}")


def waiting_sentence(line: str) -> Told | None:
    """What a line says of a container that does not start."""
    text = unescaped(line)
    if (sync := _SYNC.search(text)) is not None:
        if sync["reason"] == "CrashLoopBackOff":
            return None
        return _failed(sync["message"] if sync["reason"] in _OF_A_PULL else f"Error: {sync['message']}")
    if (start := _UNSTARTED.search(text)) is not None and start["reason"] in _FAILING.values():
        return _failed(f"Error: {start['message']}")
    if (cri := _CRI.search(text)) is not None:
        return _failed(f"Error: {cri['message'].rstrip(chr(34))}")
    if (cri := _CRI_PULL.search(text)) is not None:
        return _failed(f'Failed to pull image "{cri["image"]}": {cri["message"].rstrip(chr(34))}')
    if (full := _FULL.search(text)) is not None:
        return of_some_pod("Warning", "FailedMount", full["message"], "kubelet")
    if (pull := _PULL.search(text)) is not None:
        return _failed(f"Failed to pull image: {pull[0].rstrip(' `')}")
    if (bare := _BARE.search(text)) is not None:
        return _failed(f"Error: {bare[0].rstrip(' `')}")
    waits = _WAITS.search(text)
    reason = _FAILING.get(waits["why"].strip()) if waits is not None else None
    return _failed(f"Error: {reason}") if reason is not None else None


def pull_reasons(told: Sequence[Told], text: str) -> Iterator[Told]:
    """Why a pull failed, from lines of their own, where the events that were copied say only that it did."""
    if not any(map(_is_bare, told)) or not all(_is_bare(item) or item.reason not in _SAY_WHY for item in told):
        return
    for line in text.splitlines():
        if _TAIL.match(line):
            yield _failed(f"Failed to pull image: {line.strip()}")


def _is_bare(told: Told) -> bool:
    return told.message.removeprefix("Error: ") in _FAILING.values() or told.message.startswith("Back-off pulling")


def _failed(message: str) -> Told:
    return of_some_pod("Warning", "Failed", message, "kubelet")
