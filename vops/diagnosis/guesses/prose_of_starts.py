"""What people tell of a server that does not start or dies: models, downloads, devices, peers and command lines.

A part of the table of sayings.
"""

from __future__ import annotations

from vops.diagnosis.guesses.saying import Saying, saying

_FAILS = (
    r"\bfail(?:s|ed|ing|ures?)?\b|\berrors?\b|\bcrash\w*|\bcannot\b|\bcan't\b|\bunable\b|\brefus\w*|\bdie[sd]\b"
    r"|n[o']t (?:start|run|work|load|serve)|\bexits?\b|\baborts?\b|\b(?:40[0-9]|50[0-9])\b|\bhangs?\b"
)
_STOPS = (
    r"\bfail(?:s|ed|ing)?\b|\bcrash\w*|\brefus\w*|n[o']t (?:start|load|run)|\bexits?\b|\berrors?\b|(?:can't"
    r"|cannot) load"
)
_ENGINES = r"\b(?:vLLM|SGLang|TGI|transformers|llama\.cpp|ollama|NIM|engine|server|image|version)\b"

SAYINGS_OF_STARTS: tuple[Saying, ...] = (
    saying(
        "vllm-port-collision",
        r"\bVLLM_PORT\b",
        r"tcp://|\bservice\b.{0,40}\bvllm\b|\bvllm\b.{0,40}\bservice\b",
        _FAILS,
    ),
    saying(
        "port-in-use",
        r"\b(?:port|address)\b.{0,40}\b(?:already|in use|taken|occupied)\b|EADDRINUSE",
        r"\bhostNetwork\b|\bhost network\b|\bsecond\b|\banother\b|\bother\b|\bsame (?:node|host|pod|port)\b|\bold\b"
        r"|\btwo\b",
        _STOPS,
    ),
    saying(
        "tp-mismatch",
        r"\btensor.?parallel\w*|--?tp\b|\bTP ?(?:=|of|size)? ?\d\b|\bworld.?size\b",
        r"\b(?:one|1|single|two|2|3|4|four|6|8|eight)\b.{0,20}\bGPUs?\b|nvidia\.com/gpu\W{0,3}\d|\bheads\b",
        r"\b(?:only|but|just|fewer|less than|more than|divisible|not match|n't match|mismatch|while|whereas|than)\b",
        rf"{_STOPS}|\bhangs?\b|waits? (?:forever|for)",
        never=r"\butili[sz]ation\b|\bslow\w*|throughput|latenc|\bNCCL\b|\bnetwork\b|out of memory|\bOOM\b|\bpending\b",
    ),
    saying(
        "cuda-oom-weights",
        r"(?:does|do|did|will|would)(?:n[o']t| not) fit\b.{0,60}(?:\bGPUs?\b|\bcard\b|\bVRAM\b|\b[AHB][12]00\b"
        r"|\bL4\b|\bT4\b|\d ?G)"
        r"|(?:\bcannot|\bcan't|\bnever|won't) fit\b.{0,60}(?:\bGPUs?\b|\bcard\b|\bVRAM\b|\b[AHB][12]00\b|\bL4\b"
        r"|\bT4\b|\d ?G)"
        r"|\b(?:weights|model)\b.{0,40}\b(?:larger|bigger|more) than\b.{0,40}\b(?:VRAM|GPU)",
        r"\bout of memory\b|\bOOM\b",
        r"\bload\w*|\bweights\b|\bstart\w*",
        never=r"\bKV\b|\bcontext\b|max.?model.?len|\bhost memory\b|OOMKilled|\bshm\b|\bRAM\b(?<!VRAM)",
    ),
    saying(
        "no-cuda-visible",
        r"cuda\.is_available|\bno CUDA\b|\bCUDA is not available|\bnvidia-smi\b|\bGPUs?\b.{0,20}\bnot (?:visible"
        r"|seen|detected"
        r"|found)\b|(?:not|n't) (?:see|find|detect) (?:the |any |its |a )?GPUs?\b|\bno GPUs? (?:is |are )?(?:visible"
        r"|seen"
        r"|detected|found)\b|\b(?:runs?|falls? back) (?:on|to) (?:the )?CPU\b",
        r"\b(?:container|pod|inside|within)\b",
        r"runtime ?class\w*|nvidia\.com/gpu|container.?toolkit|(?:CUDA|NVIDIA)_VISIBLE_DEVICES|default runtime|--gpus\b"
        r"|\bresources?\b.{0,20}\blimits?\b|\blimits?\b",
        r"\b(?:no|not|n't|forg[eo]t\w*|missing|without|empty|False|lacks?)\b",
        never=r"\ballocatable\b|\bpending\b|\bdriver version\b|\bdcgm\b",
    ),
    saying(
        "cuda-driver-mismatch",
        r"\bdrivers?\b",
        r"\bCUDA\b",
        r"\btoo old\b|\bolder than\b|(?:not|n't) support\w*|\bnot new enough\b|\bmismatch\w*|\bonly supports?\b"
        r"|\b(?:requires?|needs?) (?:\w+ )?(?:drivers?|at least|newer|\d{3})\b|\bincompatib\w*",
        _STOPS,
        never=r"\bCSI\b|\bstorage\b|out of memory|\bbug\b.{0,20}\bdriver",
    ),
    saying(
        "gated-model",
        r"\blicen[sc]e\b|\bgated\b|\bterms\b|\baccess (?:request|to the (?:model|repo\w*))\b",
        r"\b(?:not|n't|never|without|forg[eo]t\w*|yet to)\b.{0,40}\b(?:accept\w*|agree\w*|grant\w*|request\w*"
        r"|approv\w*|have)"
        r"|\b(?:pending|missing)\b.{0,20}\b(?:approval|access)",
        r"\b40[13]\b|\bdenied\b|\bforbidden\b|\bunauthori[sz]ed\b",
        r"hugging ?face|\bHF\b|\bhub\b|meta-llama|\bgemma\b|\bdownload\w*|\bmodel\b",
        never=r"\bimages?\b|\bregistry\b|\bNGC\b",
    ),
    saying(
        "hub-rate-limit",
        r"hugging ?face|\bHF\b|\bmodel hub\b|modelscope",
        r"\b429\b|\brate.?limit\w*|\btoo many requests\b",
        _FAILS,
        never=r"docker|\bregistry\b|\bimages?\b|inference (?:API|endpoint)|\bcompletions?\b",
    ),
    saying(
        "corrupted-download",
        r"\b(?:truncated|corrupt(?:ed)?|incomplete|partial(?:ly)?|half.?(?:downloaded|written))\b",
        r"\b(?:safetensors|weights|model files?|checkpoints?|shards?|downloads?|snapshots?|GGUF)\b",
        _STOPS,
        never=r"\bKV\b|\bimages?\b|\boutputs?\b|\bresponses?\b|\btokens\b|\btool calls?\b|\bJSON\b",
    ),
    saying(
        "quantization-mismatch",
        r"--quantization\b|\bquanti[sz]ation (?:method|config\w*|argument|flag|type)\b|\bquant_method\b",
        r"\bmismatch\w*|(?:\bnot|n't) match|\bconflict\w*|\b(?:was|is) quanti[sz]ed (?:with|by)|GPTQ.{0,120}\b(?:AWQ"
        r"|FP8)"
        r"|AWQ.{0,120}\b(?:GPTQ|FP8|bitsandbytes)|FP8.{0,120}\b(?:AWQ|GPTQ|bitsandbytes)"
        r"|bitsandbytes.{0,120}\b(?:AWQ|GPTQ)",
        r"\b(?:GPTQ|AWQ|FP8|bitsandbytes|INT4|INT8|NVFP4|MXFP4|compressed-tensors|marlin|GGUF)\b",
        _STOPS,
        never=r"\bslow\w*|accuracy|quality|garbage|out of memory",
    ),
    saying(
        "unsupported-architecture",
        r"\barchitectures?\b|\bmodel.?types?\b|\b\w+For(?:CausalLM|ConditionalGeneration)\b",
        r"(?:\bnot|n't|\bun) ?(?:yet )?(?:be )?(?:support\w*|recogni[sz]\w*|known|implement\w*)",
        _ENGINES,
        _STOPS,
        never=r"\bsm_\d|compute capability|GPU architecture|\barm64\b|\bamd64\b|\baarch64\b|\bLoRA\b|quanti[sz]ation",
    ),
    saying(
        "ray-unreachable",
        r"\bray\b",
        r"\b(?:head|GCS|6379|workers?)\b",
        r"(?:cannot|can't|could not|couldn't|unable to|not able to|never|fails? to|failed to|n't|not) (?:reach"
        r"|connect|join"
        r"|register|resolve|find)\w*|\btim(?:es|ed) out\b|\bunreachable\b|\bconnection refused\b"
        r"|\bnodes alive\b.{0,30}\bnot ready\b",
        never=r"\bray serve\b.{0,40}\broute|\bdashboard\b|\bautoscal\w+",
    ),
    saying(
        "permission-denied",
        r"read[- ]?only (?:root )?file ?system|readOnlyRootFilesystem",
        r"\bmkdir\b|\b(?:cannot|can't|could not|unable to) (?:be )?(?:creat|writ|sav)\w*|\bnot writ(?:e|able)\b",
        r"\b(?:cannot|can't|fails?|failed|errors?|crash\w*|exit\w*)\b",
    ),
    saying(
        "hub-unreachable",
        r"\bistio\b|\bsidecars?\b|\bmesh\b",
        r"\bdisabl\w+|inject\W{1,4}false|\bwithout (?:the |an? )?(?:sidecar|istio|mesh|proxy)",
        r"storage-initializer|model-initializer|\binit ?containers?\b|\bmodels?\b",
        r"\b(?:is|was|are|were) able to\b.{0,40}\b(?:connect|download|pull|fetch|reach)"
        r"|\b(?:connects|downloads|pulls|reaches)\b",
        r"\bproblems?\b|\bissues?\b|fail|refus|error|cannot|can't|blocked|\bhangs?\b|stuck",
    ),
    saying(
        "nccl-failure",
        r"\bNCCL\b",
        r"\b(?:hangs?|hung|stuck|fail(?:s|ed)?|tim(?:es|ed) out|errors?|ETIMEDOUT|ECONNRESET"
        r"|los(?:es?|t|ing) (?:the )?connections?)\b",
        r"\b(?:interfaces?|NCCL_\w+|InfiniBand|RDMA|EFA|RoCE|NVLink|P2P|multi-?node|nodes|sockets?|network|init\w*)\b",
        never=r"NCCL (?:INFO|WARN)|\bslow\w*|throughput|/dev/shm|shared memory|out of memory|no errors?",
    ),
    saying(
        "engine-dead",
        r"\bEngine ?Core\b|\bengine process\b|\bEngineDeadError\b",
        r"\b(?:dies|died|dead|crash(?:es|ed)?|EngineDeadError|ends? unexpectedly|exits? unexpectedly)\b",
        r"\b50[03]\b|\brequests?\b|\bhours?\b|\btraffic\b|\bserving\b|\bunder load\b",
        never=r"\bstart-?up\b|\bat (?:the )?start\b|while loading|\bliveness\b|\bOOM\w*|out of memory|time[sd]? ?out",
    ),
    saying(
        "bad-argument",
        r"(?<![\w-])--[a-z][\w-]{4,40}",
        r"\b(?:unrecogni[sz]ed|invalid|unknown|(?:larger|greater|higher|longer) than|not (?:a )?valid|was removed"
        r"|no longer"
        r" (?:exists?|accepted|known)|n't (?:accept|know|exist)|not (?:accept|know|exist)\w*|misspel\w*|typo)\b",
        r"\bexits?\b|\brefus\w*|n[o']t start|\bcrash\w*|\bat (?:the )?start\b",
        never=r"--tensor-parallel|--quantization|\bOOM\b|out of memory|\bKV\b|\bLoRA\b|--port\b|\bchat.?template\b",
    ),
)
