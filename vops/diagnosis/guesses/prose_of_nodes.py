"""What people tell of pods that get no node or no GPU: quotas, stock, taints, zones, devices and what hands them out.

A part of the table of sayings.
"""

from __future__ import annotations

from vops.diagnosis.guesses.saying import Saying, saying

_PENDING = (
    r"\bpending\b|\bun(?:able to (?:be )?schedul|schedul)\w*|(?:\bnot|n't|never|cannot|can not|fails? to|without being)"
    r" (?:be |get |gets |being )?(?:schedul|plac)\w*|FailedScheduling|\bstuck\b|never (?:starts?|runs?|gets?|comes?)\b"
)
_WAITS = rf"{_PENDING}|\bwait(?:s|ed|ing)?\b|\bfail(?:s|ed|ing)?\b|\berrors?\b|no (?:new )?nodes?\b|\b0 nodes\b"
_FAILS = (
    r"\bfail(?:s|ed|ing|ures?)?\b|\berrors?\b|\bcrash\w*|\bcannot\b|\bcan't\b|\bunable\b|\brefus\w*|\bdie[sd]\b"
    r"|n[o']t (?:start|run|work|load)|\breject\w*|\bstuck\b|\bhangs?\b"
)
_CLOUDS = (
    r"\b(?:GCP|GCE|GKE|Google|AWS|EC2|EKS|Azure|AKS|OKE|OCI|Alibaba|cloud|provider|zones?|regions?|karpenter"
    r"|autoscal\w+|node ?pools?|node ?groups?|ASG|spot|on-demand|subscription|project|account)\b"
)
_MACHINES = (
    r"\b(?:GPUs?|[AHBV][12]00\w*|L4|L40S?|T4|GH200|vCPUs?|cores|VMs?|instances?|machines?|[gp][3-6][a-z]*\.\w+"
    r"|a[23]-\w+-\w+|Standard_N\w+)\b"
)
_BUT = (
    r"\b(?:but|while|whereas|only|although|instead|different|other|another|and (?:the|our|my|all)|since|because|as)\b"
)

SAYINGS_OF_NODES: tuple[Saying, ...] = (
    saying(
        "cloud-quota",
        r"\bquotas?\b",
        _CLOUDS,
        _MACHINES,
        r"\bquota\b.{0,40}\b(?:0|zero|1|one|two|too (?:low|small)|exceed\w*|reached|used up|exhaust\w*|insufficient)\b"
        r"|\b(?:exceed\w*|hit\w*|reach\w*|over|no|not enough|insufficient|out of|without|lack\w*)\b.{0,40}\bquota\b",
        _WAITS,
        never=r"resource ?quota|\bnamespaces?\b|\bkueue\b|cluster ?queue|\bdisk\b|requests per|docker|\bhub\b"
        r"|over ?quota|pre-?emptible",
    ),
    saying(
        "gpu-stockout",
        r"\b(?:no|not enough|lacks?|out of|without|insufficient|had no|has no|r[ua]ns? out of) (?:\w+ ){0,2}"
        r"(?:capacity|stock|availability)\b|\bstock-?outs?\b|\bsold out\b|\bcapacity (?:errors?|shortage|problems?)\b"
        r"|\bunavailable in (?:any|all|this|that|the|our|every) (?:\w+ )?(?:zones?|regions?)",
        _CLOUDS,
        _MACHINES,
        rf"{_WAITS}|\bfor (?:hours|days|weeks)\b|(?:can't|cannot|couldn't|n't|not) (?:\w+ )?(?:get|scale|launch"
        rf"|create)",
        never=r"\bKV\b|\bdisk\b|\bvolumes?\b|\bquotas?\b|\breserv\w+|\bcluster ?queue\b|capacity of the (?:PVC|disk)",
    ),
    saying(
        "autoscaler-limit",
        r"\b(?:node ?groups?|node ?pools?|ASGs?|agent ?pools?|scale sets?|karpenter|cluster.autoscaler)\b",
        r"\b(?:reach\w*|hits?|hit|at|exceed\w*|over)\b.{0,30}\b(?:max(?:imum)?\b|its limits?|(?:cpu|gpu"
        r"|node)? ?limits?)"
        r"|\b(?:has|have|with|its|the) (?:an? )?limits?\b|\bmax(?:imum)? (?:size|nodes?|count|number)\b"
        r"|\blimits?\b.{0,30}\b(?:reach\w*|exceed\w*|used up)",
        rf"{_PENDING}|(?:n't|not|never|no longer|refuses? to) (?:\w+ )?(?:adds?|scales?|creates?|launch\w*|grow\w*)"
        r"|no (?:new |more )?nodes?\b",
        never=r"\bHPA\b|\bKEDA\b|max_?replica\w*|scaled ?object|\bquota",
    ),
    saying(
        "autoscaler-absent",
        r"\bautoscal\w+\b|\bkarpenter\b",
        r"\b(?:disabled|switched off|turned off|not (?:\w+ )?(?:enabled|installed|configured|running|on)"
        r"|n't (?:enabled|installed|configured|running|on)|no (?:cluster )?autoscal\w+|without (?:an? )?autoscal\w+)\b",
        r"\b(?:node ?pools?|node ?groups?|nodes?)\b",
        rf"{_PENDING}|never gets?\b|no (?:new )?nodes?\b",
        never=r"\bHPA\b|\bKEDA\b|\breplicas?\b",
    ),
    saying(
        "volume-zone-conflict",
        r"\b(?:PVCs?|PVs?|volumes?|disks?|EBS|claims?|storage)\b",
        r"\b(?:zones?|AZs?|availability zones?|[a-z]{2,4}-[a-z]+-?\d-?[a-f])\b",
        _BUT,
        _PENDING,
        never=r"\bmount(?:s|ed|ing)? (?:fail|tim)\w*|WaitForFirstConsumer (?:is|was) set|\bunbound\b|no provisioner",
    ),
    saying(
        "untolerated-taint",
        r"\btaint(?:s|ed)?\b",
        r"\b(?:no|without|lacks?|missing|lacking|forg[eo]t\w*|have not|has not|not have|n't have|n't (?:set|add)\w*)\b"
        r".{0,40}\btolerat\w*|\b(?:not|n't) tolerat\w*|\btolerations?\b.{0,30}\b(?:missing|absent|not set|wrong)",
        r"\bpods?\b|\bdeployment\b|\bjob\b|vLLM|server",
        _PENDING,
        never=r"device.?plugin|\bdcgm\b|exporter|daemon ?set|disk-?pressure|not-?ready|unreachable",
    ),
    saying(
        "wrong-gpu-resource",
        r"nvidia\.com/mig-[\w.]+|\bMIG\b|gpu\.shared|amd\.com/gpu|gpu\.intel\.com|\btime-?slic\w*|\bvgpus?\b",
        r"nvidia\.com/gpu\b(?!\.)|\bwhole GPUs?\b|\bfull GPUs?\b|\bresource names?\b",
        r"\b(?:asks?|request\w*|wants?|under|advertis\w*|offers?|expos\w*|expects?|renam\w*)\b",
        _PENDING,
        never=r"\breconfigur\w*|mig-?manager|\bquota",
    ),
    saying(
        "gpu-request-too-large",
        r"\bGPUs?\b",
        r"\b(?:asks? for|requests?|needs?|wants?)\b.{0,30}\b(?:[2-9]|1[0-9]|two|four|eight|sixteen)\b.{0,20}\bGPUs?\b",
        r"\b(?:no|largest|biggest|each|every|single) (?:\w+ ){0,2}(?:node|machine|instance)s?\b.{0,40}\b(?:has|have"
        r"|with|"
        r"only|of)\b.{0,20}\b(?:1|2|4|8|one|two|four|eight|so many|that many|more than)\b",
        _PENDING,
    ),
    saying(
        "xid-gpu-lost",
        r"\b(?:dead|lost|broken|faulty|bad|failed|defective|single lost) GPUs?\b|\bXID\b ?(?:error )?\d{2,3}\b"
        r"|\bGPUs?\b.{0,30}\b(?:is|was|got|has|have|had|are|were) (?:\w+ )?(?:lost|dead|fallen off|broken|faulty"
        r"|defective)"
        r"|\bf[ae]ll(?:en|s)? off the (?:\w+ )?bus|\buncorrectable (?:\w+ )?(?:ECC|memory)|\brow.?remap\w*",
        r"\bpods?\b|\bvLLM\b|\bserver\b|\bworkloads?\b|\bnode\b",
        r"\b(?:pods?|workloads?|work|vLLM|server|GPU)\b.{0,80}\b(?:fail(?:s|ed|ing)?|reject\w*|crash\w*|abort\w*"
        r"|die[sd]|lost"
        r"|destroy\w*|error\w*|restart\w*)|\b(?:fail(?:s|ed)?|reject\w*|crash\w*)\b.{0,60}\bpods?\b",
        never=r"UnexpectedAdmissionError|OutOf\w+|\breplaced\b|no longer",
    ),
    saying(
        "gpu-not-advertised",
        r"nvidia\.com/gpu|amd\.com/gpu|\bGPUs?\b",
        r"\b(?:allocatable|capacity|describe node\w*|advertis\w*|device.?plugin|GPU.?operator|node feature)\b",
        r"(?:\bnot|n't|never|no longer) (?:\w+ ){0,3}(?:show\w*|appear\w*|list\w*|advertis\w*|register\w*|present"
        r"|offer\w*"
        r"|detect\w*|recogni[sz]\w*)|(?:nvidia|amd)\.com/gpu\b.{0,30}(?:\bmissing|\bgone|\b0\b|\bzero|disappear\w*"
        r"|vanish\w*"
        r"|absent)|\b(?:missing|no|zero|0|lost) (?:\w+ ){0,2}(?:nvidia\.com/gpu|GPUs?)\b",
        rf"{_PENDING}|Insufficient",
        never=r"nodes are available|\| ?grep\b|/gpu\W{1,8}[1-9]|\bXID\b|\bECC\b|off the bus|\bDRA\b|ResourceSlice"
        r"|\bdcgm\b|\bMIG\b|time-?slic"
        r"|capacity block|taken by|in use"
        r"|allocated to|out of capacity|no capacity|\bstock",
    ),
    saying(
        "gpu-exhausted",
        r"\bGPUs?\b.{0,60}\b(?:allocated|taken|in use|occupied|held|busy|claimed|used (?:up )?by)\b"
        r"|\b(?:no|none of the) (?:\w+ )?(?:free|idle|spare) GPUs?\b|\bno GPUs? (?:is |are )?(?:left|free|available)\b",
        r"\b(?:pods?|jobs?|replicas?|deployments?|notebooks?|users?|teams?|workloads?)\b",
        r"\bpending\b|\bunschedul\w*|(?:not|n't|never|cannot) (?:be )?schedul\w*|FailedScheduling",
        never=r"utili[sz]ation|\bmemory\b|VRAM|roll(?:out|ing)|\bold (?:pod|replica|one)|\bquota|\bterminat\w+"
        r"|zombie|\bMIG\b"
        r"|time-?slic|\bnone (?:\w+ ){0,2}(?:is|are) (?:in use|taken|used)|nodes are available",
    ),
    saying(
        "spread-or-affinity",
        r"anti-?affinity|topology ?spread\w*|\bhost ?ports?\b(?!:)|\bhostNetwork\b",
        r"\b(?:replicas?|pods?|nodes?)\b",
        r"\bpending\b|\bunschedul\w*|(?:not|n't|never|cannot) (?:be )?schedul\w*|FailedScheduling",
        never=r"roll(?:out|ing)|\bsurge\b|\bold (?:pod|replica|one)\b|\bpreferred\w*|address already",
    ),
    saying(
        "node-unavailable",
        r"\b(?:cordon(?:ed|s)?|SchedulingDisabled|drained|NotReady|not ready)\b",
        r"\b(?:all|every|only|both|each|our|the) (?:\w+ ){0,2}nodes?\b",
        r"\bpending\b|\bunschedul\w*|(?:not|n't|never|cannot) (?:be )?schedul\w*|nowhere",
        never=r"\bspot\b|reclaim\w*|interrupt\w*|Terminating|\bCNI\b|\bold pod",
    ),
    saying(
        "cpu-memory-short",
        r"\b(?:requests?|asks? for|needs?|wants?|reserves?)\b.{0,60}(?:\b\d+ ?(?:Gi|GiB|GB|cores?|v?CPUs?)\b"
        r"|\bmemory\b|\bCPUs?\b)",
        r"\b(?:only|just|less|fewer|smaller|not enough|insufficient|no node has)\b.{0,60}"
        r"\b(?:Gi|GiB|GB|cores?|v?CPUs?|allocatable|memory)\b|\d ?(?:Gi|GiB|GB)\b.{0,20}\ballocatable\b",
        r"\bnodes?\b",
        r"\bpending\b|\bunschedul\w*|(?:not|n't|never|cannot) (?:be )?schedul\w*|FailedScheduling",
        never=r"GPU memory|\bVRAM\b|\bKV\b|\bquota|\bOOM\w*|ephemeral|limit ?range|\brollout\b|\bold pod",
    ),
    saying(
        "sandbox-failed",
        r"\bCNI\b|\bcalico\b|\bcilium\b|\bflannel\b|aws-node|vpc-cni|\bsandbox\b|\bpause image\b|\bmultus\b",
        r"ContainerCreating|\bsandbox\b",
        r"\bno (?:more |free |available )?(?:IPs?|addresses|IP addresses)\b|\b(?:IPs?"
        r"|addresses)\b.{0,30}\b(?:exhaust\w*|used up)"
        rf"|{_FAILS}|not (?:installed|running|initiali[sz]ed|ready)|\bmissing\b",
        never=r"\bvolumes?\b|\bmount\w*|\bsecrets?\b|sandbox changed",
    ),
    saying(
        "scheduling-gated",
        r"\bkueue\b|cluster ?queue|local ?queue|scheduling ?gates?\b|\bpod ?groups?\b|\bgang\b|\bvolcano\b|yunikorn",
        r"\b(?:suspended|gated|SchedulingGated|inadmissible|n't admitted|(?:not|never) admitted|not admit)\b"
        r"|\bstays? (?:\w+ )?pending|\bpending (?:forever|for)",
        r"\bquota\b|\b(?:not|n't|no|wrong|missing|stopped|never|insufficient|because|since|enough|remains?|stays?"
        r"|still)\b",
        never=r"\bpreempt\w*",
    ),
    saying(
        "dra-claim-pending",
        r"\bDRA\b|resource ?claims?\b|resource ?slices?\b|device ?class\w*",
        rf"{_PENDING}|(?:not|n't|never|cannot) (?:be )?allocat\w*",
        r"\b(?:driver|claims?|slices?|device|class)\b.{0,80}\b(?:no|not|n't|never|missing|pending|wrong|fail\w*)\b"
        r"|\b(?:no|missing) (?:\w+ ){0,2}(?:driver|slices?|resource ?slices?|device ?class\w*)",
        never=r"persistent|\bPVCs?\b|\bvolume claims?\b",
    ),
    saying(
        "dcgm-exporter-failure",
        r"\bdcgm.?exporters?\b",
        r"\b(?:pods?|daemon ?set|container|exporter)\b",
        r"(?:not|n't|never|cannot) (?:be |get )?(?:schedul|creat|start)\w*|\bcrash\w*|\bOOM\w*|fails? to start"
        r"|\bforbidden\b|\bis killed\b|restarts? (?:all|over|every)|CreateContainer\w+",
        never=r"renam\w*|relabel|honor_?labels|exported_pod|pod labels?",
    ),
)
