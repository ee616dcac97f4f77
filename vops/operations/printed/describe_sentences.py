"""What Kubernetes says in events and statuses, where somebody copied the sentence alone.

The sentence tells which component says it, and so what the reason of its event is. It may begin a line, stand within
prose or quotation marks, be what a client prints, or be a part of another message; a log's own lines are not looked at
here, since they quote what was said long ago.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from vops.diagnosis.placement.scheduler_text import AGAINST_OLD, SCHEDULERS, SHORT, SPOKEN
from vops.model.patterns import lazy_pattern
from vops.operations.printed.describe_events import Told, of_some_pod, unescaped
from vops.operations.printed.event_kinds import OF_SOURCE
from vops.operations.printed.sentences import SENTENCES
from vops.operations.printed.waiting_texts import waiting_sentences, without_pulled

_PREFIX = lazy_pattern(
    r"(?:[>|*\s-]{0,8})(?:\d{4}-\d\d-\d\d[T ][\d:.]{5,16}(?:Z|[+-]\d\d:?\d\d)? )?"
    r"(?:\[?(?:Warning|Normal|Message|message|status|reason)\b\]?[: ]{1,3}){0,2}"
    r"(?:(?P<reason>[A-Z][A-Za-z]{4,40})(?::| -|,)? +)?[\"'`]?"
)
_OF_A_LOG = lazy_pattern(
    r"^(?:\([A-Za-z][\w ]{0,40}(?:pid|ip|rank)=|\[?\d{4}-\d\d-\d\d[T "
    r"][^\[\n]{0,40}(?:INFO|WARN|ERROR|DEBUG|\]|\t)|(?:INFO|WARNING|ERROR|DEBUG)\b(?!: (?:\(gcloud\.|Job failed \())"
    r"|[IWEF]\d{4} (?!\S{1,20} +\d{1,7} warnings\.go:))|Traceback \(most recent",
    re.MULTILINE,
)
_CLOUD = lazy_pattern(
    r"[Cc]ould not launch (?:On-Demand|Spot) Instances|InsufficientInstanceCapacity|VcpuLimitExceeded"
    r"|MaxSpotInstanceCountExceeded|(?:do|does|did) not have (?:sufficient|enough) (?:\S{1,60} ){0,4}capacity"
    r"|requested more vCPU capacity"
    r"|(?<!message=\")(?<!MODULE:PT_DEVMEM )Allocation ?[Ff]ail(?:ed|ure)"
    r"|Overconstrained(?:Zonal)?AllocationRequest|SkuNotAvailable"
    r"|exceeding (?:approved|quota limit)|ZONE_RESOURCE_POOL_EXHAUSTED|GCE_STOCKOUT|Quota '[A-Z_0-9]{3,80}' exceeded"
    r"|does not have enough resources available to fulfill|is currently not available in location"
    r"|resource is not available in the location"
    r"|QuotaExceeded|reached your quota for|[Qq]uota metrics? exceed|Quota exceeded for"
    r"|out\.of\.resources|scale\.up\.error|not enough free addresses|InsufficientFreeAddressesInSubnet"
    r"|[Ii]nsufficient reserved capacity|Failed to acquire resources in "
    r"|[Oo]ut of (?:host )?capacity|[Oo]ut of stock|NoStock\b|ResourceInsufficient|ResourcesSoldOut"
    r"|NodeCreationFailure|[Ff]ailed to join the (?:\w{1,20} )?cluster|vmssCSE|VMExtensionProvisioning"
    r"|UnregisteredTaintNotFound|unregistered taint must be present|ServiceLinkedRoleCreationNotPermitted"
    r"|Ec2(?:LaunchTemplate|Subnet|SecurityGroup)\w{4,40}|Iam(?:InstanceProfile|NodeRole)NotFound"
    r"|Unable to register node with API server|to join the cluster and become ready in"
    r"|AsgInstanceLaunchFailures|nodes? out of \d{1,4} have registered"
    r"|(?:Accelerator type|Machine type with name) \S{1,80} (?:is not supported|does not exist) in zone"
    r"|VM size of \S{1,60} is not allowed in your subscription|AvailabilityZoneNotSupported"
    r"|Unsupported - The requested configuration|InstanceLimitExceeded|service limits were exceeded"
    r"|SubnetIsFull|InsufficientSubnetSize|InsufficientFreeAddresses|available IP addresses to run"
    r"|cluster's IAM role or node role|[Ii]nsufficient capacity for the requested instance"
    r"|[Ii]nsufficient \w{2,20} quota|Insufficient\w{2,20}Quota|quota of \d{1,9} and cannot|GCE (?:out of|quota)"
)
_OVER = lazy_pattern(r"\b(?:fixed|solved|resolved|no longer|went away|works? now|avoids?|prevents?)\b", re.IGNORECASE)
_REFUSED = lazy_pattern(r"\b(?:UnexpectedAdmissionError|TopologyAffinityError|OutOf[a-z]{3,12}\.com/gpu)\b")
_REFUSED_ROW = lazy_pattern(r"^.{1,320} \d{1,3}/\d{1,3} +\S{1,90} +\d.*$")
"""A pod's row in a table, which has its name as well."""

_BACK = lazy_pattern(r"just became ready|\b(?:came|comes|is|was) back\b|\b[Rr]eady again\b|\brecovered\b")
_PLACED = lazy_pattern(r"\bSuccessfully assigned \S{1,320} to \S")
_CAME = lazy_pattern(
    r"\bSuccessfully (?:provisioned|launched) (?:cluster|instance|node)|^STATUS: deployed|Happy Helming!"
)
"""What a tool that tries one zone after another says once it was given a machine, and Helm once all is there."""

_RESOLVED = lazy_pattern(r"\W{0,6}RESOLVED\b")
"""How the note about an alert begins that is over."""

_ROW = lazy_pattern(
    r"(?:Normal|Warning)\s+[A-Z]|[A-Z][A-Za-z]{2,30}(?: [A-Za-z-]{2,30})?:(?:\s|$)|(?:\$|NAME|apiVersion:)\s?"
)
_IN_YAML = lazy_pattern(r"\s*(?:- )?message: '")
_MOST_LINES = 60
_LONGEST = 8_192
_CLOSING = {"`": "`", '"': '"', "'": "'", "\u201c": "\u201d", "\u300c": "\u300d", "(": ")", "[": "]"}
_SCHEDULED = lazy_pattern(r"schedul|\b[Pp]ending\b")
_WORD = lazy_pattern(r"[\w/-]", re.ASCII)
_TAIL = lazy_pattern(r"\\?\"{1,3} (?:pod|podUID|containerName)=\"?\S.*", re.DOTALL)
"""What klog writes behind a message: whom it is about."""

_BY_KUBELET = lazy_pattern(r'\bpod="(?P<namespace>[a-z0-9-]{1,63})/(?P<name>[a-z0-9][a-z0-9.-]{0,252})"')

_SPAN = lazy_pattern(r"[>\s]{0,8}`(?!``)[^`]{8,}`[.\s]*")
_MARK = lazy_pattern(r"\s*`{1,3}\s*")
"""A line that is quoted as a whole, and the mark that closes a quotation on a line of its own."""

_ENDS = lazy_pattern(r"[\u3002\uff0c\uff1b]")
"""Full stop, comma and semicolon of Chinese prose, which none of the sentences have."""


def told_sentences(text: str) -> Iterator[Told]:
    """An event for each sentence of a text that is known as one; a line that goes on is added to it."""
    if _RESOLVED.match(text) is not None:
        return
    if (log := _OF_A_LOG.search(text)) is not None:
        text = text[: log.start()]
    lines = list(map(_unquoted, text.splitlines()[:_MOST_LINES]))
    back = _BACK.search(text) is not None
    came = max((index for index, line in enumerate(lines) if _CAME.search(line)), default=-1)
    lines = without_pulled(_since_placed(lines[came + 1 :]))
    found = list(_begun(lines)) or list(_within(lines)) or list(waiting_sentences(lines))
    found = found or list(_quoted(lines))
    yield from (told for told in found if not (back and told.reason == "NodeNotReady"))


def _since_placed(lines: list[str]) -> list[str]:
    """The lines without what a scheduler said of a pod that it placed in the end."""
    placed = max((index for index, line in enumerate(lines) if _PLACED.search(line)), default=-1)
    return [line for index, line in enumerate(lines) if index > placed or not SCHEDULERS.search(line)]


def _unquoted(line: str) -> str:
    """A line with the apostrophes that YAML writes twice within its own."""
    return line.replace("''", "'") if _IN_YAML.match(line) else line


def _quoted(lines: list[str]) -> Iterator[Told]:
    """What somebody quotes of the scheduler's reasons alone; nothing where they tell that it is over."""
    told = [_unheaded(line) for line in lines if SPOKEN.search(line) or _is_short(line)]
    told += [_unheaded(line) for line in lines if told and _unheaded(line) not in told and AGAINST_OLD.search(line)]
    if told and not any(_OVER.search(line) for line in lines):
        about = {"kind": "Pod", "name": ""}
        yield Told("Warning", "FailedScheduling", " ".join(told), "default-scheduler", about=about)
    elif not told and not any(_OVER.search(line) for line in lines):
        yield from _refusals(lines)


def _unheaded(line: str) -> str:
    """A line without the mark that makes it a heading."""
    return line.strip().lstrip("#").lstrip()[:_LONGEST]


def _refusals(lines: list[str]) -> Iterator[Told]:
    """A pod that a kubelet refused, where somebody tells no more of it than the reason that kubectl shows."""
    named = next((match for line in lines if (match := _REFUSED.search(_REFUSED_ROW.sub("", line))) is not None), None)
    if named is not None:
        yield Told("Warning", named[0], _unheaded(named.string), "kubelet", about={"kind": "Pod", "name": ""})


def _is_short(line: str) -> bool:
    return SHORT.search(line) is not None and _SCHEDULED.search(line) is not None


def _within(lines: list[str]) -> Iterator[Told]:
    """Sentences within lines; one that is not closed goes on in the lines after it, where it was wrapped."""
    current: Told | None = None
    for line in lines:
        told = sentence_within(line) or cloud_sentence(line)
        if current is not None and _goes_on(current, line, told):
            current = _longer(current, line.strip())
            continue
        if current is not None:
            yield current
        current = told
    if current is not None:
        yield current


def _goes_on(told: Told, line: str, begins: Told | None) -> bool:
    """Whether a line continues a sentence: it is open, and the line is a rest of one and not the next one."""
    text = line.strip()
    if not text or _MARK.fullmatch(text) or told.message.endswith((".", "!", "\u3002")) or _ROW.match(text):
        return False
    return begins is None or (begins.reason == told.reason and not text.startswith(begins.message))


def cloud_sentence(line: str) -> Told | None:
    """What a cloud answers when it is asked for a machine: the whole of the line, since its code may stand anywhere."""
    text = unescaped(line).strip(" \t\r\"'`,>*-")
    if not _CLOUD.search(text):
        return None
    return of_some_pod("Warning", "FailedScaleUp", text[:_LONGEST], "cluster-autoscaler")


def sentence_within(text: str) -> Told | None:
    """The first known sentence that a text contains, up to the quotation mark that closes it, as an event."""
    best: tuple[int, tuple[str, str, str]] | None = None
    text = unescaped(text).replace("n''t ", "n't ")
    for reason, kind, source, pattern in SENTENCES:
        match = pattern.search(text)
        if match is None or (match.start() and _WORD.match(text[match.start() - 1])):
            continue
        if best is None or match.start() < best[0]:
            best = (match.start(), (reason, kind, source))
    if best is None:
        return None
    start, (reason, kind, source) = best
    kind = _told_by(text[:start].rpartition("\n")[2], reason) or kind
    whom = _BY_KUBELET.search(text[start : start + _LONGEST]) if kind == "Pod" else None
    about = {"kind": kind, "name": "", **(whom.groupdict() if whom is not None else {})}
    return Told("Warning", reason, _closed(text, start), source, about=about)


def _closed(text: str, start: int) -> str:
    """A sentence from where it begins to where what it is quoted in closes."""
    rest = text[start : start + _LONGEST].strip()
    ends = _CLOSING.get(text[start - 1]) if start else None
    if ends is None and text[:start].count("`") % 2:
        ends = "`"
    if ends in ('"', "'"):
        rest = rest.rpartition(ends)[0] or rest
    elif ends is not None:
        rest = rest.partition(ends)[0]
    return _TAIL.sub("", _ENDS.split(rest, maxsplit=1)[0]).strip().rstrip("`")


def _begun(lines: list[str]) -> Iterator[Told]:
    """Sentences that begin a line, with the lines after them that go on."""
    current: Told | None = None
    before = ""
    for line in lines:
        told = _told(line)
        if told is not None and not (current is not None and current.message.endswith(":")):
            if current is not None:
                yield current
            current = told
        elif current is not None and _is_over(current, before, line):
            yield current
            current = None
        elif current is not None and line.strip():
            current = _longer(current, line.strip())
        before = line
    if current is not None:
        yield current


def _is_over(told: Told, before: str, line: str) -> bool:
    """Whether a sentence has ended before a line: at what closes it, or at an empty line unless more is announced."""
    if line.strip():
        return _MARK.fullmatch(line) is not None or _SPAN.fullmatch(before) is not None
    return not told.message.endswith((":", ","))


def _told(line: str) -> Told | None:
    prefix = _PREFIX.match(line)
    starts = {prefix.end(), prefix.end("reason") if prefix["reason"] else prefix.end(), 0} if prefix else {0}
    for start in sorted(starts, reverse=True):
        rest = _bare(line[start:].strip())
        for reason, kind, source, pattern in SENTENCES:
            if pattern.match(rest):
                about = {"kind": _told_by(line[:start], reason) or kind, "name": ""}
                return Told("Warning", reason, rest, source, about=about)
    return None


def _bare(text: str) -> str:
    """A text without the mark that closes a quotation which it stands in, and with one of its own."""
    own = text[-1:] == '"' and text.count('"') % 2 == 0
    return text if own else text.rstrip("\"'`")


def _told_by(before: str, reason: str) -> str:
    """The kind of what makes no pods, where the line names the controller that says so; empty otherwise."""
    if reason != "FailedCreate":
        return ""
    return next((OF_SOURCE[word] for word in before.split() if word in OF_SOURCE), "")


def _longer(told: Told, line: str) -> Told:
    return Told(told.type, told.reason, f"{told.message} {line}"[:_LONGEST], told.source, about=told.about)
