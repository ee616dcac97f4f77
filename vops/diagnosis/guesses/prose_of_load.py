"""What people tell of servers that are there and of how many there are: load, scaling, rollouts, who is beside them.

A part of the table of sayings.
"""

from __future__ import annotations

from vops.diagnosis.guesses.saying import Saying, saying

_FAILS = (
    r"\bfail|\berror|\bcannot|\bcan't|\bunable|\bstuck|\bnever\b|crash|\brestart|not (?:become )?ready"
    r"|n't (?:start|become)"
)
_SCALERS = r"\b(?:HPA|KEDA|Scaled ?Object|autoscal\w+|horizontal pod)\b"
_REPLICAS = r"\b(?:replicas?|pods?|instances?|workers?|backends?|ranks?|engines?|servers?)\b"
_FOR_THE_FUTURE = r"\b(?:add|introduce|replace)s? (?:an?|the)\b.{0,40}\b(?:endpoint|probe|check)"
_GPUS = r"nvidia\.com/gpu|\bGPUs?\b"

FIRST_SAYINGS: tuple[Saying, ...] = (
    saying(
        "rollout-deadlock",
        r"\bold (?:pods?|replicas?|one)\b|available old",
        r"\bnew (?:pods?|replicas?|one)\b|surge pod|rolling ?update|rollout|maxUnavailable ?[:=] ?0",
        r"\bGPUs?\b|maxUnavailable|maxSurge|anti-?affinity|host ?port",
        r"deadlock\w*|pending|(?:cannot|can't|won't|not|never) (?:be |gets? )?(?:schedul\w*|terminat\w*|removed"
        r"|stop\w*)|until",
        never=r"ReadWriteOnce|\bRWO\b|Multi-Attach|\bvolumes?\b",
    ),
)
"""What speaks of more than one cause, of which this is the root."""

SAYINGS_OF_LOAD: tuple[Saying, ...] = (
    saying(
        "autoscaler-query-capped",
        rf"{_SCALERS}|max_?replica",
        r"\bavg\b|\baverage\w*|\bmean\b",
        r"(?:never|not|n't|no)\b.{0,40}\b(?:above|beyond|more than|over|past|exceed|reach the (?:target"
        r"|threshold))|stops? at (?:\d|one|two"
        r"|three)\b|(?:only"
        r"|just) (?:\w+ ){0,3}(?:two|2)\b"
        r"|maxReplica\w* (?:is |can )?never",
        r"AverageValue|threshold|metricType|\bquery\b|divid",
    ),
    saying(
        "autoscaler-query-capped",
        rf"{_SCALERS}|max_?replica",
        r"\bdivid\w*\b.{0,60}\b(?:replicas?|pods?|by [2-9])\b",
        r"\bnever\b.{0,30}\bscal|n[o']t scal",
        r"threshold|trigger value|\btarget\b",
        never=r"\bscaled (?:from|to|up|out)\b",
    ),
    saying(
        "autoscaler-paused",
        r"\bpaused\b|paused-replicas|ScaledObjectPaused|selectPolicy:? Disabled",
        rf"{_SCALERS}",
        r"n[o']t (?:scal|react|work|chang)|\bstuck\b|\bnever\b|still (?:carr|has|have|there|paused)|forg[oe]t"
        r"|stays? at",
        never=r"remov\w+ the (?:pause|annotation)|\bships paused|un-pause (?:only|it)|paused by default",
    ),
    saying(
        "autoscaler-at-max",
        _SCALERS,
        r"\b(?:at|hits?|hit|reach\w*|sits? at|capped (?:at|by)|limited by|stuck at)\b.{0,30}\b(?:max(?:imum)?\b"
        r"|max_?replica\w*|its limit"
        r"|upper limit)|maxReplica\w*.{0,30}\b(?:too low|reached|not enough)",
        r"latenc|queue|slow|timeout|time out|overload|load\b|429|503|wait|not enough|more (?:replicas|pods)|higher",
        never=r"\bunknown\b|never reach|n't reach|not reach|\bnode ?(?:groups?|pools?)\b|\bASG\b",
    ),
    saying(
        "replicas-zero",
        r"scaled? (?:down )?to (?:0|zero)|\b(?:0|zero) replicas?\b|replicas? (?:\w+ )?(?:at|to) (?:0|zero)\b"
        r"|\b0 ?-> ?1\b|replicas?: 0\b|\b0/0\b",
        r"\bnever (?:scal|wak|start|com)|n[o']t (?:scal|wak|start|com|work)|stays? (?:at|down)|stuck|\b50[23]\b"
        r"|no endpoints|unavailable",
        never=r"old replica ?set",
    ),
    saying(
        "metric-labels-lost",
        r"DCGM|dcgm|\bGPU metrics?\b",
        r"\bpod`?(?: label)?\b.{0,80}\b(?:exporter|dcgm)|exported_pod|honor_?labels",
        r"no (?:results?|data|series)|\bempty\b|n[o']t\b|instead of|wrong|returns? nothing"
        r"|\bonly\b.{0,60}\b(?:exporter|dcgm)|\bother pods\b",
    ),
    saying(
        "prefix-cache-cold",
        r"prefix.?cach\w*|cache hit|hit rate|\bprefix\b.{0,80}KV.?cache|KV.?cache (?:re-?use|hit)",
        r"round.?robin|random(?:ly)?|\brout(?:ing|ers?|ed)\b|another (?:pod|replica)|different (?:pod"
        r"|replica)s?|load.?balanc|scal(?:ed"
        r"|ing) (?:out|up|from)"
        r"|after (?:a |the )?(?:\w+ )?restart|sibling|rotat\w*|(?:that|another|other|previous) (?:rank|replica"
        r"|pod|engine)"
        r"|plain (?:ClusterIP )?service|session.?affinity|sticky",
        r"\b(?:fell|drop\w*|poor|miss\w*|defeat\w*|collapse\w*|degrad\w*|bad|destroy\w*|lost|loses?|cold|recomput\w*)\b"
        r"|\b0(?:\.0)? ?% hit|\blow(?:er)? (?:\w+[ -]){0,2}(?:hits?|re-?use)\b"
        r"|\b(?:hit|cache|re-?use)\b.{0,40}\b(?:low\b(?!-| or no)|lower than|too low|decreas\w*)",
    ),
    saying(
        "replica-imbalance",
        rf"{_REPLICAS}|\bcards?\b|\bGPUs?\b|data.?parallel",
        r"\b(?:one|single(?: or several)?) (?:\w+ ){0,3}(?:pod|replica|instance|worker|rank|engine|server|card"
        r"|GPU)s?\b"
        r"|\bsame (?:pod|replica|instance|backend)|\bfirst (?:pod|replica)\b|uneven\w*|imbalanc\w*|skew\w*"
        r"|unbalanc\w*"
        r"|load.?balanc\w* (?:\w+ )?(?:fail\w*|doesn't|does not|isn't|is not)",
        r"\bidle\b|without utili[sz]ation|gets? no (?:requests|traffic)|overload\w*|hot ?spot"
        r"|fail\w* to (?:distribut|balanc)"
        r"|\b(?:other|rest|second|third)\w*\b.{0,60}\b(?:nothing|empty|none|free|0 ?%|unused|few)"
        r"|all (?:of )?(?:the )?(?:requests?|traffic|load) (?:goes?|are|is|lands?|ends?|gets?|hits?|stays?)"
        r"|n[o']t (?:be )?(?:evenly |distribut|balanc)",
        r"request|traffic|queue|waiting|load\b|samples",
    ),
    saying(
        "queue-saturated",
        r"num_requests_waiting|waiting (?:queue|requests)|queue (?:keeps |is )?(?:grow|long|length|depth)"
        r"|\bqueued requests\b",
        r"grow\w*|never (?:empt|drain)|keeps? (?:ris|increas)|pile\w* up|too many|spik\w*"
        r"|(?:above|over|more than|reach\w*|at) \d{2,5}\b",
        r"latenc|TTFT|time to first token|slow|timeout|time out|overload|throughput|minutes?\b|seconds?\b",
    ),
    saying(
        "kv-thrash",
        r"preempt\w*",
        r"KV ?cache|KV[ -]?thrash\w*|recomput\w*|gpu_memory_utilization|cache (?:is )?full",
        r"slow|throughput|latenc\w* (?:is|was|are|goes|went|ris|rose|grow|spik|increas|jump|degrad|up)"
        r"|high\w* latenc|many|frequent|constantly|hundreds|thousands|drop",
        never=r"spot|priority ?class|PriorityClass|\bnode\b|\b[Nn]o (?:request|sequence|preemption|KV[ -]?thrash)\w*",
    ),
    saying(
        "kv-thrash",
        r"KV ?cache|\bKVC|KV缓存",
        r"(?:near(?:ly)?|close to|almost|at|reach\w*|hits?|above|接近) ?(?:about )?(?:9[5-9](?:\.\d)?|100) ?%"
        r"|打满|占满|耗尽",
        r"(?:TPOT|ITL|inter-token|latency)\b.{0,60}\b(?:jump\w*|spik\w*|surg\w*|doubl\w*|[2-9]x|collaps\w*|explod\w*)"
        r"|激增|飙升|翻倍|劣化|骤降",
    ),
    saying(
        "sidecar-failed",
        r"\bsidecar\w*|istio-proxy|queue-proxy|linkerd-proxy|cloud-?sql-proxy|vault-agent|fluent-?bit"
        r"|log (?:shipper|agent)",
        _FAILS,
        r"\b[12]/[23]\b|not ready|whole pod|the pod\b|crash",
        never=r"\b40[134]\b|RBAC|webhook|regular (?:init )?containers",
    ),
    saying(
        "init-container-failed",
        r"\binit.?containers?\b|Init:(?:Error|CrashLoop\w*)|storage-initializer",
        r"\b(?:fails?|failed|failing|crash\w*|exit(?:s|ed)? (?:with )?(?:code )?[1-9]\d*|non-?zero|error)\b",
        never=r"image ?pull|ErrImage|OOM|gpu-operator|validator|device.?plugin|toolkit|driver",
    ),
    saying(
        "node-oom",
        r"\bnode\b|\bhost\b|\bkernel\b",
        r"\bOOM.?kill\w*|out of (?:host |system )?memory|ran out of (?:memory|RAM)|SystemOOM|oom-killer",
        r"no (?:memory )?limits?\b|without (?:a |any |memory )?(?:\w+ )?limits?|BestEffort|other pods?"
        r"|whole node|global_oom|system oom"
        r"|node\b.{0,30}\bran out",
        never=r"\b(?:CUDA|VRAM|GPU) (?:out of )?memory|torch",
    ),
    saying(
        "tmpfs-charged",
        r"tmpfs|medium:? ?Memory|memory-backed|/dev/shm|in-memory (?:volume|emptyDir)",
        r"\bOOM\b|OOM.?kill\w*|exit (?:code )?137|(?:against|hit\w*|exceed\w*|over) (?:\w+ ){0,3}memory limit",
        r"count\w*|charg\w*|writ\w*|fill\w*|sizeLimit|larger than|grow\w*|stored?|\bcach(?:e[sd]?|ing)\b",
    ),
    saying(
        "gpu-memory-not-free",
        r"\bfree memory on\b|\bfree\b.{0,20}\b[\d.]+/[\d.]+ ?GiB",
        r"(?:<|\bless than|\bbelow)\W{0,3}(?:the )?desired",
    ),
    saying(
        "gpu-memory-not-free",
        r"\b(?:retain|h[eo]ld|leak|keep|kept|occup)\w*\b.{0,60}\b(?:GPU memory|V?RAM of the GPU|VRAM)\b"
        r"|\b(?:GPU memory|VRAM)\b.{0,60}\b(?:held|retained|occupied|taken|not (?:been )?(?:released|freed))\b",
        r"OutOfMemory\w*|out of memory|\bOOM\b|fail\w*|crash\w*",
        r"\bnew (?:vLLM )?(?:pod|server|instance|replica)|no longer exists|\bold (?:pod|server|process)"
        r"|\b(?:another|other) process|co-?tenants?",
        never=r"\bKV\b|sleep mode|wake.?up",
    ),
    saying(
        "gpu-memory-not-free",
        r"\bout of (?:GPU |CUDA |the GPU's )?memory\b|\bCUDA OOM\b",
        r"\b(?:alone|by itself|on its own)\b|\bonly\b.{0,20}\b(?:works?|runs?|starts?)\b",
        r"\b(?:also|both|together|second|at the same time)\b.{0,40}"
        r"\b(?:pods?|deployments?|containers?|models?|servers?)\b",
        r"crash|fail|error|\bdies?\b",
        never=r"\bKV\b|\bhost memory\b|OOMKill|\bnodes?\b",
    ),
    saying(
        "kv-cache-too-small",
        r"\bKV ?cache\b",
        r"\b(?:needs?|requires?|needed)\b\W{0,6}[\d.]+ ?G|\blarger than\b|\bn[o']t (?:hold|fit)\b|too small",
        r"max.?model.?len|max.?seq.?len|context (?:length|window)",
        r"(?<!nothing )(?<!never )\bfail\w*|crash\w*|refus\w*|ValueError|n[o']t start",
        never=r"preempt|hit rate|offload|evict|\bno (?:error|failure)s?\b",
    ),
    saying(
        "engine-wedged",
        r"/health\b|health ?checks?|/version\b|\bliveness\b",
        r"\b200\b|respond\w*|answer\w*|\bpass(?:es|ing)?\b|healthy",
        r"\b(?:inference|generation|requests?|tokens?|throughput|engine)\b.{0,60}"
        r"\b(?:stops? (?:working|entirely)|hangs?|hung|stall\w*|freez\w*|frozen|drops? to (?:0|zero)|never complet\w*)"
        r"|\b(?:hangs?|stall\w*|deadlock\w*)\b.{0,20}\bsilent\w*|\bsilent\w* (?:hang\w*|stall\w*|deadlock\w*)",
        never=_FOR_THE_FUTURE,
    ),
    saying(
        "node-lost",
        r"\b(?:spot|preemptible|pre-emptible)\b.{0,60}\b(?:interrupt|reclaim|preempt|terminat|shut)\w*"
        r"|\b(?:VM|node|instance)s?\b.{0,20}\b(?:was|were|is|are|gets?|got)\W{1,3}"
        r"(?:stopped|reclaimed|preempted|shut down|terminated)",
        r"\bpods?\b.{0,60}\b(?:stuck|lost|killed|NodeLost|gone)\b|stuck \W?(?:in )?\W?Terminating",
        never=r"\bpending\b|\bpreempted by\b|PriorityClass",
    ),
    saying(
        "node-lost",
        r"\bnodes?\b.{0,60}\b(?:went|goes|gets?|got|is|are|was|were|became|becomes|turned|turns)\b"
        r" (?:\w+ ){0,2}\W?(?:Not ?Ready|not ready|unreachable|Unknown)\b"
        r"|\bnodes?\b.{0,60}\b(?:lose|loses|lost) (?:\w+ )?connect\w*|\bnodes?\b.{0,60}\breach\b.{0,60}\bAPI server\b",
        r"\bpods?\b.{0,60}\b(?:stuck|lost|gone)\b|(?:in|into|to|as|at|is|are|stays?|remains?) \W?Terminating",
        never=r"\bpending\b|CNI|network ?plugin|just joined|new nodes?\b|ContainerCreating|\bInit\b|\bRay ?cluster\b",
    ),
    saying(
        "autoscaler-no-match",
        r"karpenter|autoscal\w+",
        r"\bno instance types?\b.{0,60}\b(?:match|satisf|me[et]t|fit)\w*|(?:not|n't|cannot) be provisioned",
        r"requirements?\b|allow-?list|instance.?(?:type|cpu|famil\w+|size)s?\b|\blabels?\b|\bselectors?\b",
        r"\bpending\b|unschedul\w*",
        never=r"\bquota\b|stock|insufficient capacity|\blimits?\b",
    ),
    saying(
        "gpu-request-too-large",
        _GPUS,
        r"\b(?:asks?|request\w*|needs?|want\w*|limits?)\b.{0,40}\b(?:[2-9]|1[0-9]|two|four|eight|sixteen)\b",
        r"\b(?:nodes?|machines?|instances?)\b.{0,40}\b(?:only|just|single|at most|max\w*|each)\b.{0,20}\b(?:1|2"
        r"|4|8|one|two|four|eight)\b"
        r"|no (?:single )?node (?:has|with) (?:that many|enough|so many|[2-9]|1\d)",
        r"pending|unschedul\w*|Insufficient|schedul",
    ),
    saying(
        "no-scheduler",
        r"schedulerName|kube-scheduler|\bscheduler\b",
        r"no events|Events:? <none>|not running|crash|does not exist|n[o']t (?:exist|installed|running"
        r"|deployed)|wrong (?:scheduler|name)",
        r"\bpending\b",
    ),
    saying(
        "engine-start-timeout",
        r"VLLM_ENGINE_READY_TIMEOUT_S|engine(?: core)?\b.{0,60}\b(?:start|ready|load)\w*",
        r"tim(?:es|ed|e)? ?out|gives? up|gave up",
        r"slow|large|load\w*|minutes|NFS|compil|warm",
        never=r"prob(?:e|ing)|request",
    ),
    saying(
        "node-launch-failed",
        r"\bnodes?\b|\binstances?\b|\bVMs?\b|node ?(?:pool|group|claim)s?",
        r"(?:never|n[o']t(?: able to)?|fails? to|failed to|unable to|can't|cannot) (?:\w+ )?(?:join|register"
        r"|become ready"
        r"|bootstrap)|\bno (?:nodes?|instances?|machines?) (?:ever )?(?:joins?|registers?|joined|registered)\b",
        r"cluster|karpenter|autoscal\w+|node ?group|kubelet|EKS|AKS|GKE",
    ),
    saying(
        "preempted",
        r"\b(?:was|were|gets?|got|are|is|been|being|keeps? getting) (?:\w+ )?preempted\b|preempted by"
        r"|evict\w* by (?:a )?higher.priority",
        r"priorit\w+|PriorityClass",
        r"\bpods?\b|\bvLLM\b|server",
        never=r"KV|recompute|spot|preemptible",
    ),
    saying(
        "engine-wedged",
        r"/health\b|health (?:check|endpoint|probe)|\bhealthy\b|Running: [1-9]|API server (?:is|stays)"
        r"|no (?:errors?|crash)\b",
        r"throughput\b.{0,40}(?:\b(?:to|at|is|of) (?:0|zero)\b|\b0(?:\.0)? tok)|\bno (?:more |new )?tokens\b"
        r"|\brequests?\b.{0,30}\bnever (?:complet|return|finish|end|get an)\w*",
        r"\b(?:hangs?|hung|wedge[ds]?|livelock\w*|dead ?lock\w*|stuck|fr[eo]ez\w*|frozen|stalls?|stalled)\b",
        never=r"\b(?:start-?up|while loading|KEDA|HPA|readiness)\b",
    ),
    saying(
        "metric-renamed",
        r"\b(?:vllm|sglang|dcgm)[:_]\w+|\bmetrics?\b",
        r"\brenam\w*|\bold (?:metric )?names?\b|\bno longer (?:export|expos)\w*",
        r"\bgrafana\b|\bdashboards?\b|\bpanels?\b|\balerts?\b|\bKEDA\b|\bHPA\b|\bquer(?:y|ies)\b",
        r"\bno data\b|\bempty\b|\bblank\b|\bnothing\b|\bto (?:display|show)\b|n[o']t (?:show|work|fire|display|exist)"
        r"|\bnever fires?\b|\bbroken?\b|\bunknown\b",
        never=r"relabel|exported_pod|honor_?labels",
    ),
    saying(
        "post-start-hook-failed",
        r"post.?start",
        r"\bfail|\berror|exit(?:s|ed)? with|not found|\bkill",
    ),
)
