"""What people tell in sentences of their own of a failure between node and request, where they quote no program.

A cause is named where one paragraph has all of its signs: what failed, and how that shows. A paragraph that tells of
what may be, should be or is over names nothing, and neither does a text that asks for a feature.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from vops.diagnosis.guesses.explained import explains, happened, is_wish_or_thanks
from vops.diagnosis.guesses.prose_of_load import FIRST_SAYINGS, SAYINGS_OF_LOAD
from vops.diagnosis.guesses.prose_of_nodes import SAYINGS_OF_NODES
from vops.diagnosis.guesses.prose_of_starts import SAYINGS_OF_STARTS
from vops.diagnosis.guesses.saying import Saying, saying
from vops.model.patterns import lazy_pattern

TOLD = "ToldInProse"
"""The reason of the event that such a paragraph becomes."""

LONGEST_TEXT, _LONGEST, _SHORT = 6_000, 900, 400


_PULLS = (
    r"ImagePullBack|ErrImage|(?:pull(?:ing|s|ed)?|fetch\w*|download\w*)\b.{0,40}\bimages?\b|\bimages?\b.{0,40}\bpull"
)
_FAILS = (
    r"fail|error|cannot|can't|can not|unable|could not|couldn't|refus|stuck|never (?:start|be|get|came|go|ready)"
    r"|back-?off|crash|not work"
)
_STUCK = (
    rf"{_FAILS}|ErrImage|ImagePullBack|pending|hang|not start|doesn't start|won't start|ContainerCreating"
    r"|waiting|blocked|not (?:become )?ready"
)
_CONFIG = r"secrets?|config ?-?maps?"
_ABSENT = (
    rf"\b(?:missing|non-?existent|absent|wrong) (?:\w+ )?(?:{_CONFIG})\b"
    rf"|\b(?:{_CONFIG})\b[^.]{{0,80}}\b(?:is|are|was|were) (?:\w+ )?(?:missing|absent|deleted)\b"
    rf"|\b(?:{_CONFIG})\b[^.]{{0,80}}\b(?:is|are|was|were|does|did|do|has|have)(?:n't| not) (?:\w+ )?"
    r"(?:exist|there|found|created|present)\b"
    rf"|\b(?:without (?:the|a|its)|no such) (?:\w+ )?(?:{_CONFIG})\b|\b(?:{_CONFIG}) not (?:created|found)"
)
_PROBE = r"(?:startup|liveness|liveliness|readiness|health)[ /-]?(?:and|or|/|check)?[ /-]?\w{0,12} ?prob\w+|\bprobes?\b"
_KILLS = (
    r"\bkill\w*|\bshuts? ?down"
    r"|\btore down|restart(?!Policy)\w*|(?:is|are|gets?|was|were) terminated|SIGTERM|crash-?loop\w*"
)
_EARLY = (
    r"(?:before|until|while|whilst|during|long(?:er)? than)\b.{0,100}"
    r"\b(?:(?<!high )(?<!heavy )(?<!peak )load|download|fetch|start|ready|restor|warm|compil|initiali[sz]|pull)"
)
_SEVERAL = (
    r"(?:take|need|exceed)s? (?:about |around |over |up to )?\d{1,3} ?(?:m|min|minutes|s|sec|seconds)\b"
    r"|\btak(?:es|ing|e|ook) (?:too|so|very) long\b"
    r"|\b(?:was|is|were|has|had)(?:n't| not) (?:yet )?(?:been )?(?:ready|loaded|up|done|finished)\b"
)

SAYINGS: tuple[Saying, ...] = (
    *FIRST_SAYINGS,
    saying("missing-config", r"CreateContainerConfigError", rf"\b(?:{_CONFIG})\b"),
    saying("missing-config", _ABSENT, _STUCK, never=r"imagePull|pull secret|registry|log in|\btoken\b"),
    saying(
        "token-missing",
        r"\b(?:missing|no|without|lacks?) (?:an? |the |its |any )?(?:valid )?"
        r"(?:HF|hugging ?face|hub)[ _-]?(?:access )?token",
        rf"{_FAILS}|401|unhealthy|not (?:being |become )?(?:able|healthy)",
    ),
    saying(
        "model-not-found",
        r"\b(?:model|weights?)\b",
        r"\b(?:path|folder|directory|files?|repository)\b.{0,60}\b(?:does ?n[o']t exist|not exist"
        r"|is (?:missing|empty|not there)|was not found|(?:could not|cannot|can't) be found)",
        r"crash|crush|fail|error|not start|restart",
        never=r"\bimages?\b|secret|config ?map|\btag\b",
    ),
    saying(
        "startup-probe-kill",
        rf"{_PROBE}|failureThreshold|periodSeconds|initial ?delay",
        _KILLS,
        rf"{_EARLY}|{_SEVERAL}",
    ),
    saying(
        "startup-probe-kill",
        r"\bwithout (?:the |any )?(?:(?:startup|liveness|readiness|health)(?: and |, |/| or )?){1,3}[ -]?prob\w+",
        r"\b(?:starts?|works?|runs?|comes up)\b",
        r"\bwith (?:the )?(?:(?:startup|liveness|readiness|health)(?: and |, |/| or )?){1,3}[ -]?prob\w+.{0,100}"
        r"(?:restart|kill|terminat|crash)",
    ),
    saying(
        "liveness-kill-under-load",
        rf"{_PROBE}|\bhealth\b",
        r"\b(?:tim(?:es|ed|ing) ?out|timeouts?|timeoutSeconds)\b|(?:under|during) (?:heavy |high )?load|load ?test",
        rf"{_KILLS}|\bflap\w*|Not ?Ready|unhealthy|not healthy|\bunavailable\b",
        never=_EARLY,
    ),
    saying(
        "host-oom",
        rf"(?:{_KILLS}|evict\w*).{{0,60}}\bmemory\b.{{0,40}}\b(?:cross|exceed|over|above|hit|reach|beyond)\w*"
        r"|\bmemory\b.{0,40}\b(?:cross|exceed|goes over|hits?|reach)\w*.{0,40}\blimit",
        rf"{_KILLS}|OOM",
        never=r"\b(?:GPU|CUDA|VRAM|KV)\b",
    ),
    saying(
        "host-oom",
        r"\bOOM[- ]?(?:loop|kill)\w*|\bexit(?:ed)?(?: with)?(?: code)? 137\b",
        r"\d ?[KMG]i?B? (?:\w+ ){0,2}(?:cap|limit)\b|\b(?:cap|limit) (?:of|was|is) \W?\d|\bmemory limits? below\b",
        r"too (?:tight|small|low)|\bpast (?:its|the)\b|\bexceed\w*|\bover\b|\bhit\w*|\bagainst\b|\bcross\w*"
        r"|crash-?loop\w*",
        never=r"\b(?:GPU|CUDA|VRAM|KV)\b|\bnode\b.{0,30}\bran out|tmpfs|/dev/shm",
    ),
    saying(
        "host-oom",
        r"\bOOM[- ]?kill\w*",
        r"\b(?:pods?|containers?|servers?)\b.{0,30}\b(?:have|has|had|with|of|get|got)\b.{0,12}\b\d{1,4} ?G",
        r"\bus(?:e|es|ed|ing) (?:up|all)\b|\bused\b.{0,20}\bup\b|\bentire\b|\bfull memory\b|\bleak\w*|\bgrow\w*"
        r"|\bmore than\b",
        never=r"\b(?:GPU|CUDA|VRAM|KV)\b|\bnode\b.{0,30}\bran out|tmpfs|/dev/shm",
    ),
    saying(
        "host-oom",
        r"(?<!显)内存(?:不够|不足|溢出|已?满)|内存被(?:占|耗)",
        r"\bkill(?:ed)?\b|OOM|被杀|崩溃|退出",
        never=r"显存|CUDA",
    ),
    saying(
        "permission-denied",
        r"non-?root|\b(?:random|arbitrary|generated) (?:\w+ )?(?:UIDs?|users?)\b|runAsUser|restricted.{0,10}SCC",
        r"\bcaches?\b|\bhome\b|HF_HOME|\bvolume\b|hostPath|\bPVC\b",
        r"fail|error|not writ|forbidden|denied|permission|cannot|can't|unable",
    ),
    saying(
        "permission-denied",
        r"\bas (?:\w+ )?UID\b|\b(?:no|without an?|lacks?) fsGroup\b|root:root|owned by root\b",
        r"\b(?:writ\w*|creat\w*|mkdir|download\w*)\b",
        r"fail|error|not writ|forbidden|denied|refused|cannot|can't|unable|CrashLoop",
    ),
    saying(
        "image-rate-limit", rf"{_PULLS}|docker ?hub", r"rate.?limit|\b429\b|too many requests|toomanyrequests", _STUCK
    ),
    saying(
        "image-rate-limit",
        r"image ?pull ?secret|pull secret|\b(?:nvcr|ghcr|quay|gcr|docker)\.io\b|\bregistry\b",
        r"\b(?:gets?|got|getting|being|am|are|is|was|were)\b.{0,20}\brate[- ]?limited\b",
        r"\bpods?\b|pull\w*|\bimages?\b",
        never=r"hugging ?face|\bhub\b|\bAPI\b",
    ),
    saying(
        "image-wrong-arch", _PULLS, r"\b(?:arm64|aarch64|amd64|x86_64|ppc64le)\b.{0,80}\b(?:only|not|no|but)\b", _STUCK
    ),
    saying("registry-unreachable", _PULLS, r"x509|certificate (?:is |was )?signed by an? unknown|self-signed", _STUCK),
    saying(
        "image-auth",
        _PULLS,
        r"\b40[13]\b|unauthori[sz]ed|forbidden|permission|imagePullSecret|pull secret|credential|private registry"
        r"|access denied|\blog ?in\b",
        _STUCK,
    ),
    saying(
        "image-not-found",
        _PULLS,
        r"not found|n[o']t exist|no longer exist|no such (?:tag|image)|\b404\b|wrong tag|manifest unknown",
        _STUCK,
    ),
    saying(
        "registry-unreachable",
        _PULLS,
        r"time(?:d|s)? ?out|\bDNS\b|proxy|x509|certificate|air-?gap|no internet|firewall|unreachable",
        _STUCK,
    ),
    saying(
        "hub-unreachable",
        r"\b(?:pull|download|fetch|load)\w*\b.{0,40}\b(?:models?|weights?)\b|\bmodels?\b.{0,40}\b(?:pull|download"
        r"|fetch)",
        r"not able|unable|cannot|can't|could not|fails?\b|failing|hangs?|stuck",
        r"\bistio\b|\bproxy\b|egress|firewall|\bmtls\b|air-?gap|no internet|\bDNS\b|tim(?:es|ed) out|blocked",
        never=r"\bimages?\b",
    ),
    saying(
        "dns-failure",
        r"\bDNS\b|coredns|nslookup|name resolution",
        r"\bonly\b.{0,60}\bcan resolve|(?:can't|cannot|could not|couldn't|unable to|not able to|fails? to) resolve"
        r"|resolv\w* (?:only works|fails?|failed|tim(?:es|ed) out|does ?n[o']t work)",
        r"\b(?:pods?|nodes?|cluster|service)\b",
        never=r"hugging ?face|\bhub\b|\bimages?\b|external-?dns|\bcert",
    ),
    saying(
        "pvc-unbound",
        r"\bPVCs?\b|persistent ?volume ?claims?|volume claims?",
        r"\b(?:stuck|stays?|remains?|still|always|forever|keeps?|never|hangs?)\b.{0,60}\b(?:pending|bound|unbound)"
        r"|\bunbound\b"
        r"|pending\b.{0,80}\b(?:storage|provisioner)|一直.{0,20}pending",
        never=r"\b(?:zones?|AZs?|[a-z]{2,4}-[a-z]+-?\d-?[a-f])\b.{0,80}\b(?:but|while|whereas|only|different|another)\b"
        r"|\b(?:but|while|whereas|only|different|another)\b.{0,80}\b(?:zones?|AZs?)\b",
    ),
    saying(
        "rollout-volume-conflict",
        r"\bRWO\b|ReadWriteOnce|\bPVCs?\b|\bvolumes?\b|\bdisk\b",
        r"\b(?:attached|mounted|used|held|bound)\b.{0,40}\b(?:old|previous|running|terminating|existing)"
        r" (?:pod|one|replica)"
        r"|\b(?:old|previous|existing|outgoing) (?:pod|one|replica)\b.{0,30}\b(?:h[eo]lds?|keeps?|kept|releases?)\b",
        rf"{_STUCK}|ever gets out",
    ),
    saying(
        "multi-attach",
        r"\bRWO\b|ReadWriteOnce|\bPVCs?\b|\bvolumes?\b|\bdisk\b",
        r"\b(?:attached|mounted|used|held)\b.{0,40}\b(?:other|another|different) (?:pod|node)",
        _STUCK,
    ),
    saying(
        "mount-failed",
        r"\b(?:mount|volume|NFS|CSI|hostPath|EFS|PVC)\w*",
        r"(?:fail\w*|unable|cannot|can't|could not|time[sd]? ?out|refus\w*)\b.{0,60}\bmount"
        r"|\bmount\w*\b.{0,80}\b(?:fail\w*|time[sd]? ?out|hang|stuck|refus\w*)",
        r"ContainerCreating|\bpods?\b|stuck",
        never=r"\b[a-z]{2,4}-[a-z]+-?\d-?[a-f]\b.{0,200}\b[a-z]{2,4}-[a-z]+-?\d-?[a-f]\b|\b(?:another|different) zone",
    ),
    saying(
        "disk-full",
        r"\bno space left|\bout of (?:disk )?space|\b(?:disk|partition|root|containerd`?)\b.{0,40}"
        r"\b(?:full|fills? up|filled up)",
        r"\b(?:nodes?|disk|containerd|docker|emptyDir|images?|cache|volume)\b",
        r"ImagePullBack|ErrImage|\bpods?\b|download\w*|pull\w*|crash\w*|fail\w*",
        never=r"\bKV\b|/dev/shm|shared memory|\bevict",
    ),
    saying(
        "evicted",
        r"\bevict(?:ed|s|ing|ion)\b",
        r"ephemeral|disk ?pressure|\bdisk\b|local storage|memory ?pressure|emptyDir",
        never=r"\b(?:KV|cache (?:hit|tier)|offload\w*|preemptions?)\b|prefix.cache",
    ),
    saying(
        "admission-denied",
        r"PodSecurity|Pod Security|\bPS[AP]\b|\bSCCs?\b|security context constraint|Gatekeeper|Kyverno|admission"
        r"|validating webhook|policy",
        r"\b(?:blocked|rejected|denied|refused|forbidden|not allowed|disallow\w*)\b",
        r"\b(?:pods?|deployment|replica ?set|statefulset|daemonset|container)s?\b",
        never=r"network ?polic|\bIAM\b|\b40[134]\b|registry",
    ),
    saying(
        "resource-quota",
        r"resource ?quota|namespace quota|quota of the namespace",
        r"exceed\w*|block\w*|reached|used up|exhaust\w*|full|no room",
    ),
    saying(
        "probe-misconfigured",
        _PROBE,
        r"\b40[1345]\b|wrong (?:port|path)|hard-?coded|\bport \d{2,5}\b.{0,80}\b(?:listens?|runs|serves)\b.{0,40}"
        r"\bport \d{2,5}|(?:different|another|other) (?:port|path)"
        r"|not installed|not found in (?:the )?image"
        r"|\b(?:jq|curl|wget|grpc_health_probe)\b.{0,40}\b(?:missing|not found|not installed)|does not (?:exist"
        r"|serve)",
        rf"{_STUCK}|0/1|restart|not ready",
    ),
    saying(
        "probe-misconfigured",
        r"\b(?:incorrect|wrong|mistaken) (?:liveness|readiness|startup|health)[ -]?(?:check|prob)\w*",
        r"\b(?:containers?|pods?|servers?|deployments?)\b",
        rf"{_STUCK}|0/1|1/2|restart|not ready",
    ),
    saying(
        "service-mismatch",
        r"\b(?:service|svc|ingress|gateway)\b",
        r"\b(?:bind|binds|bound|binding|listen|listens|listening)\b",
        r"\b127\.0\.0\.1\b|\blocalhost\b|\bloopback\b",
        r"refused|unreachable|reject\w*|not reachable|(?:cannot|can't|could not) (?:be reached|reach|connect)"
        r"|\b50[23]\b",
        never=r"\bNCCL|\bgloo\b|\bGCS\b|\betcd\b|kubelet|metrics|port-forward|\bcompose\b",
    ),
    saying(
        "service-mismatch",
        r"\b(?:service|svc|endpoints?|inferencepool)\b",
        r"\bno (?:ready )?endpoints?\b|\bendpoints?\b.{0,40}(?:<none>|\bempty\b|\bnone\b)"
        r"|\bselectors?\b.{0,80}\b(?:not|n't|mis)\w* ?match|target ?port\b.{0,80}\b(?:wrong|not match|mismatch"
        r"|differ)",
        never=r"\bHPA\b|metrics? (?:server|adapter)",
    ),
    saying(
        "network-policy",
        r"network ?polic(?:y|ies)|AuthorizationPolicy",
        r"\b(?:block|drop|den(?:y|ies|ied)|prevent|reject|forbid)\w*"
        r"|(?:cannot|can't|could not|unable to|not able to) (?:access|reach|connect|scrape|talk)|\btim(?:es"
        r"|ed) out\b",
    ),
    saying(
        "shm-too-small",
        r"/dev/shm|shared memory|共享内存",  # noqa: S108 a path in words, which nothing opens
        r"too small|64 ?Mi?B?\b|not enough|insufficient|ran out|runs? out|\bfull\b|exhaust\w*|no space|不足",
        rf"{_STUCK}|bus error|NCCL|SIGBUS|\bdies?\b|\bkill\w*",
    ),
    saying(
        "shm-too-small",
        r"\bshm[-_ ]?size\b.{0,20}\b(?:limit|error|issue|problem)",
        r"\b64 ?Mi?B?\b|too small|not enough|insufficient",
        _STUCK,
    ),
    saying(
        "node-selector-mismatch",
        r"\bnode ?(?:affinity|selectors?)\b",
        r"\bpending\b|\bun(?:able to (?:be )?schedul|schedulable)|(?:not|n't|never|cannot|fails? to) (?:be )?schedul",
        never=r"volume|\bPVC?s?\b|anti-?affinity|\btaint|\binsufficient\b|\bquota\b|prefer(?:s|red)?\b",
    ),
    saying(
        "progress-deadline",
        r"progress ?deadline",
        rf"exceed\w*|too short|{_EARLY}|{_SEVERAL}|default (?:of )?(?:600|10 min)",
    ),
    saying(
        "autoscaler-no-metric",
        r"\b(?:HPA|KEDA|Scaled ?Object|autoscal\w+|horizontal pod)\b",
        r"<?\bunknown\b>?|no metrics? (?:(?:is|are|was|were) )?(?:found|returned|available)"
        r"|(?:cannot|can't|unable to|could not|fails? to|not able to) (?:get|fetch|find|read|scrape|query)"
        r".{0,40}\bmetrics?|metrics?\b.{0,60}\bnot (?:found|available|exist)",
    ),
    *SAYINGS_OF_LOAD,
    *SAYINGS_OF_NODES,
    *SAYINGS_OF_STARTS,
)

_WELL = lazy_pattern(
    r"\bnothing (?:is|was) (?:pending|lost|wrong)\b|\bwithin (?:the|our|its) SLOs?\b"
    r"|\bnot a bug\b|\bno incidents\b|\bof no importance\b|\bcosmetic\b"
    r"|\b(?:latency|TTFT|TPOT)\b.{0,20}\b(?:stays?|is|remains?) (?:stable|fine|good|low)\b"
    r"|\b(?:serv|r[au]n|work|start)\w* (?:\w+ )?without (?:any )?(?:errors?|problems?|issues?|trouble)\b"
    r"|\bsince (?:the|then|that|we)\b(?:[^.]|\.\d){0,60}\b(?:has|have|it) (?:been )?(?:served?|r[ua]n|worked|stable"
    r"|fine)\b"
    r"|\ball (?:\w+ ){0,3}(?:is|are) (?:well|fine|healthy|running)\b(?!,? but)",
    re.IGNORECASE,
)
"""Of what goes on as it should, whatever it may have been before."""

_COMMON = lazy_pattern(
    r"\b(?:the|an?|is|are|was|were|to|of|in|on|at|and|it|its|my|I|we|our|this|that|with|when|but|because|by|for|as"
    r"|due|since"
    r"|from|after|before|get|gets|does|do)\b"
)
_OF_A_TABLE = 4
"""Bars of a table, whose rows are about many things."""

_FEWEST_COMMON = 3
"""Words that sentences have, and lines of logs and tables have few of."""

_CHINESE = lazy_pattern(r"[\u4e00-\u9fff]{2}")
_OF_A_PROGRAM = lazy_pattern(
    r"\s*(?:\$ |[^\n]{0,200}\S {3,}\S[^\n]{0,200} {3,}\S|[{<\[]|\d{4}[-/]\d\d|(?:Warning|Error|INFO|WARN|ERROR)\b)"
)
_TAG = lazy_pattern(r"</?(?:details|summary|br|p|b|i|em|strong)\b[^>\n]{0,40}>")
_TITLE = lazy_pattern(r"^[#\s]{0,6}(?:\[[A-Z][A-Za-z/ ]{2,24}\]:?\s*){1,3}")
"""What titles on GitHub begin with: `[Bug]: `."""

_ADDRESS = lazy_pattern(r"(?<![`\w])\(?https?://[^\s)`]{1,400}\)?")
"""A link, whose words are those of a page and not of who gives it."""

_MARKUP = lazy_pattern(r"^[\s>#*|-]{1,12}|\*\*|`")


@lru_cache(maxsize=32)
def cause_of(text: str) -> str:
    """The cause that a paragraph tells of; empty where it tells of none.

    Each rule about what is told asks of the same few paragraphs.
    """
    told = happened(text)
    if not _is_prose(told) or _WELL.search(told):
        return ""
    cause = next((item.cause for item in SAYINGS if item.is_in(told)), "")
    return "" if cause and explains(text) else cause


def _is_prose(text: str) -> bool:
    if text.count(" | ") >= _OF_A_TABLE:
        return False
    return len(_COMMON.findall(text)) >= _FEWEST_COMMON or _CHINESE.search(text) is not None


def told_paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a text that tell of a cause."""
    if len(text) > LONGEST_TEXT or is_wish_or_thanks(text):
        return
    text = _TAG.sub("", text)
    paragraphs = list(filter(None, map(_joined, re.split(r"\n\s*\n", text))))
    alone = [item for item in paragraphs if cause_of(item)]
    yield from alone or (item for item in _neighbours(paragraphs) if cause_of(item))


def _joined(paragraph: str) -> str:
    untitled = (_TITLE.sub("", line) for line in paragraph.splitlines())
    own = (line for line in untitled if not _OF_A_PROGRAM.match(line))
    lines = (_MARKUP.sub("", _ADDRESS.sub("", line)).strip() for line in own)
    return " ".join(filter(None, lines))[:_LONGEST]


def _neighbours(paragraphs: list[str]) -> Iterator[str]:
    """Short paragraphs that follow each other, as one: what failed is often told in one and how in the next."""
    for count in (2, 3):
        for start in range(len(paragraphs) - count + 1):
            together = " ".join(paragraphs[start : start + count])
            if len(together) <= _SHORT:
                yield together
