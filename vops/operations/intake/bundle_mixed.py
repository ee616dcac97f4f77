"""Posts in which manifests stand between prose, descriptions and logs: what is YAML or JSON, and what else there is.

A manifest begins with a line that only manifests have, and goes on as long as its lines are indented below it, belong
to a list or are fields in the way that the API writes them; an object in JSON goes on to the brace that closes it. A
text that is a manifest as a whole is not taken apart.
"""

from __future__ import annotations

from vops.model.patterns import lazy_pattern

_BEGINS = lazy_pattern(
    r"(?P<indent> *)(?:- )?(?:apiVersion: *[\"']?[a-z][\w.-]*(?:/v\d\w*|\b)[\"']?|kind: *[A-Z][A-Za-z]{2,60}"
    r"|(?:spec|status|metadata|state|containerStatuses|initContainerStatuses|conditions|allocatable|triggers):"
    r"|containerID: *[\"']?[a-z-]+://[0-9a-f]{12,64}[\"']?|exitCode: *\d{1,3}"
    r"|(?<=- )(?:lastTransitionTime|lastHeartbeatTime|lastProbeTime|lastUpdateTime): \S.*"
    r"|(?P<json>\{ *(?:\"(?:apiVersion|kind)\":.*)?))\s*(?:#.*)?$"
)
_FIELD = lazy_pattern(r"(?:- )?[\"']?[a-z][A-Za-z0-9]{0,60}[\"']?:(?:\s|$)")
_ITEM = lazy_pattern(r"- \S")
_NOT_FIELDS = ("error:", "warning:", "note:", "usage:", "docker:", "vllm:", "oc:", "helm:", "kubectl:", "fatal:")
_EVENTS = "events.k8s.io"
"""Where a note is a field, and no remark of somebody's."""

_ROW = lazy_pattern(r"(?:Normal|Warning)\s+[A-Z]|Type\s+Reason\s|-{4}\s|[A-Z][a-z]+(?: [A-Z][a-z]+){0,3}:\s")
"""What a description has in its lines, and a manifest has not."""

_NAMED = lazy_pattern(r"[A-Z][\w.-]{0,60}: {0,2}\S")
"""A field with a name that somebody has chosen, as labels and annotations have."""

_COMMENT = ("#", "---")


class _Open:
    """The manifest that a line may go on: how far from the left it stands, and whether it is JSON (and closed)."""

    def __init__(self, indent: int, line: str, json: bool) -> None:
        self.indent = indent
        self._json = json
        self._closed = json and line.rstrip().endswith("}")
        self._of_events = _EVENTS in line
        self._first = line.strip().partition(":")[0] + ":"
        self._opens = indent
        self._within = 0

    def takes(self, line: str) -> bool:
        own = line.lstrip()
        self._of_events = self._of_events or _EVENTS in line
        far = len(line) - len(own)
        self._within = far if own and -1 < self._opens < far else self._within
        taken = self._goes_on(line, own, far)
        if own:
            self._opens = far if own.rstrip().endswith(":") else -1
        return taken

    def _goes_on(self, line: str, own: str, far: int) -> bool:
        if self._json:
            goes_on, self._closed = not self._closed, self._closed or (far == self.indent and own.startswith("}"))
            return goes_on
        if not own or own.startswith(_COMMENT):
            return True
        if far != self.indent:
            return far > self.indent and (not _ROW.match(own) or self._is_chosen(own, far))
        return bool(_ITEM.match(own) or (_FIELD.match(own) and not own.startswith(self._prose)))

    def _is_chosen(self, own: str, far: int) -> bool:
        """Whether a line that looks like a description's is a field in what a line before it has opened."""
        return far == self._within and _NAMED.match(own) is not None

    @property
    def _prose(self) -> tuple[str, ...]:
        return tuple(word for word in _NOT_FIELDS if word != "note:") if self._of_events else _NOT_FIELDS

    def ends_before(self, line: str) -> bool:
        """Whether a manifest begins here although this one was not ended."""
        return not self._json and line.startswith(("apiVersion:", self._first), self.indent)


def taken_apart(text: str) -> tuple[str, str] | None:
    """The manifests of a text, and the rest of it; None where it has only one of the two."""
    manifests: list[str] = []
    rest: list[str] = []
    current: _Open | None = None
    for line in text.expandtabs().splitlines():
        if current is not None and not current.takes(line):
            current = None
        if (begins := _BEGINS.match(line)) is not None and (current is None or current.ends_before(line)):
            current = _Open(len(begins["indent"]), line, begins["json"] is not None)
            manifests.append("---")
        if current is None:
            rest.append(line)
        else:
            manifests.append(line[current.indent :].rstrip("`") if line.strip() else "")
    if not manifests or not any(line.strip(" -`~.") for line in rest):
        return None
    return "\n".join(manifests), "\n".join(rest)
