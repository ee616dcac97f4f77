"""What an unrecognised failure may be: the table behind vops.diagnosis.guesses.candidates.

Each Suspect ties a cause to what can be known of a failure that no rule recognises: the words that are left of it, the
last stage, how the process ended, and facts of the pod. The order is the rank: words before facts, facts before ends,
ends before stages. How to tell is in vops.diagnosis.guesses.suspect_tests.

Sources. Exit codes: POSIX shells (126, 127, 128+n), Python's argparse (2), runc and containerd (128, StartError).
Signals: signal(7), and Linux's tmpfs, which answers a page that does not fit with SIGBUS. Stages: the order of calls in
vLLM's vllm/v1/worker/gpu_worker.py (init_device with the process group, load_model, determine_available_memory,
initialize_from_config, capture_model). Classes: huggingface_hub.errors, safetensors, torch.distributed, torch.cuda.
"""

from __future__ import annotations

from vops.diagnosis.guesses import suspect_facts as facts
from vops.diagnosis.guesses.suspect import Suspect, Trouble, stages_between, words_of
from vops.diagnosis.guesses.suspects_unstarted import UNSTARTED
from vops.diagnosis.logs.stages import Stage

_BOOT = stages_between(Stage.BOOT, Stage.CONFIG)
_START = stages_between(Stage.BOOT, Stage.ENGINE)
_LOAD = frozenset({Stage.WEIGHTS})
_DOWNLOAD = frozenset({Stage.DOWNLOAD})
_TRIAL = stages_between(Stage.COMPILE, Stage.PROFILE)
_LATE = stages_between(Stage.COMPILE, Stage.SERVING)
_NOT_SERVING = stages_between(Stage.BOOT, Stage.SERVER)
_SERVES = frozenset({Stage.SERVING})
_CONFIG = frozenset({Stage.CONFIG})
_ENGINE_FAILED = words_of(
    r"engine ?core|engine process|workerproc|engine_core|background process|run_mp_engine|from_engine_args"
)
_SILENT = Trouble.SILENT

SUSPECTS: tuple[Suspect, ...] = (
    # what is left of its words
    Suspect("disk-full", "it could not write", words_of(r"no space left|errno 28|quota exceeded")),
    Suspect(
        "shm-too-small", "shared memory could not be written", words_of(r"\bshm\b|shm_open|shared memory|bus error")
    ),
    Suspect(
        "permission-denied",
        "it was not allowed to use a file",
        words_of(r"permission ?(?:error|denied)|errno (?:13|30)\b|read-only file|operation not permitted"),
    ),
    Suspect(
        "vllm-port-collision", "a Service's address stands where a port is wanted", words_of(r"tcp://\d|\bvllm_port\b")
    ),
    Suspect(
        "port-in-use", "an address was taken", words_of(r"address (?:already )?in use|eaddrinuse|errno 98|\bbind\b")
    ),
    Suspect(
        "dns-failure", "a name was not resolved", words_of(r"gaierror|name resolution|name or service|getaddrinfo")
    ),
    Suspect("hub-rate-limit", "the hub turned it away", words_of(r"\b429\b|too many requests|rate.?limit")),
    Suspect("gated-model", "the hub refused it", words_of(r"gated|\b403\b|forbidden|restricted|access to model")),
    Suspect(
        "token-missing",
        "the hub did not know it",
        words_of(r"\b401\b|unauthori[sz]ed|credential|\btoken is\b|hf_token"),
    ),
    Suspect(
        "model-not-found",
        "something that it wanted to read is not there",
        words_of(
            r"\b404\b|notfound|not found|no such file|no file|does not (?:exist|appear)|can'?t load|filenotfound"
            r"|no model|config\.json|couldn'?t find|hfvalidation|repo id"
        ),
        stages=_NOT_SERVING,
    ),
    Suspect(
        "hub-unreachable",
        "a connection failed while it fetched the model",
        words_of(
            r"huggingface|hf_hub|hf_xet|\bxet\b|hf_transfer|\bhub\b|urllib3|requests\.exc|httpx|httpcore"
            r"|\bssl\b|certificate"
            r"|proxy|localentry|offline|https?://|max retries|modelscope|boto|\bs3\b"
        ),
        stages=_NOT_SERVING,
    ),
    Suspect(
        "corrupted-download",
        "a file of the model could not be read",
        words_of(
            r"safetensor|header|unexpected (?:eof|end)|eoferror|invalid load key|jsondecode|badzip|central directory"
            r"|pytorchstreamreader|checksum|truncated|corrupt|deserializ|unicodedecode"
        ),
        stages=_NOT_SERVING,
    ),
    Suspect(
        "nixl-handshake",
        "it was about the transfer of KV cache",
        words_of(r"nixl|\bucx\b|kv_transfer|kv_?connector|mooncake"),
    ),
    Suspect(
        "shm-too-small",
        "several processes share memory that was not given to them",
        words_of(r"nccl|broadcast|message ?queue|shm"),
        fact=facts.small_shm,
    ),
    Suspect(
        "nccl-failure",
        "its processes did not come together",
        words_of(
            r"nccl|gloo|distbackend|distnetwork|distributed|tcpstore|process ?group|rendezvous"
            r"|all_?reduce|all_?gather|\brank\b|\bpeer\b|collective|\bray\b|broadcast|connection (?:reset"
            r"|closed)|broken pipe"
        ),
    ),
    Suspect("ray-unreachable", "it was about its Ray cluster", words_of(r"\bray\b|raylet|\bgcs\b|placement group")),
    Suspect(
        "kv-cache-too-small",
        "it was about room for the KV cache",
        words_of(r"kv.?cache|max_?(?:model|seq)_?len|max seq|cache blocks|num_gpu_blocks|block_size"),
    ),
    Suspect(
        "gpu-memory-not-free",
        "GPU memory was not as expected",
        words_of(r"free memory|gpu_memory_utilization|gpu memory|memory usage|memory profiling"),
    ),
    Suspect(
        "cuda-oom-weights",
        "memory ran out as it loaded",
        words_of(r"out of ?memory|outofmemory|\boom\b|cudamalloc|alloc"),
        stages=stages_between(Stage.BOOT, Stage.WEIGHTS),
    ),
    Suspect(
        "cuda-oom-runtime",
        "memory ran out later",
        words_of(r"out of ?memory|outofmemory|\boom\b|cudamalloc|alloc|cublas|workspace"),
    ),
    Suspect(
        "host-oom",
        "memory ran out",
        words_of(r"memoryerror|cannot allocate|std::bad_alloc|errno 12|out of ?memory|sigkill|killed"),
    ),
    Suspect(
        "xid-gpu-lost",
        "the GPU did not answer rightly",
        words_of(r"\bxid\b|\becc\b|uncorrectable|nvlink|fallen off|unspecified launch|hardware"),
    ),
    Suspect(
        "no-cuda-visible",
        "no GPU was found",
        words_of(
            r"no cuda|no gpus?\b|cuda_visible|device type|infer device|is_available|no nvidia|libcuda|nvml"
            r"|device_count|no devices?"
        ),
        stages=_START,
    ),
    Suspect(
        "unsupported-dtype",
        "the number format was not taken",
        words_of(r"bfloat16|float16|dtype|compute capability|\bfp8\b|\bsm_?\d\d"),
    ),
    Suspect(
        "cuda-driver-mismatch",
        "CUDA did not work on this node",
        words_of(r"cuda|nvidia|nvml|driver|kernel image|\bptx\b|cudnn|cublas|accelerator|\brocm\b|\bhip\b"),
    ),
    Suspect("lora-problem", "it was about an adapter", words_of(r"\blora|adapter|\bpeft\b")),
    Suspect("chat-template-missing", "it was about the chat template", words_of(r"chat.?template|jinja")),
    Suspect(
        "quantization-mismatch",
        "it was about quantized weights",
        words_of(
            r"quant|\bawq\b|gptq|marlin|\bbnb\b|bitsandbytes|int4|int8|fp8|fp4|\bscales?\b|qweight|zero.?point"
            r"|gguf|machete"
        ),
    ),
    Suspect(
        "tp-mismatch",
        "sizes did not divide",
        words_of(
            r"divisible|tensor.?parallel|world.?size|num(?:ber)?_?.{0,12}heads|pipeline.?parallel|partition"
            r"|placement|num_gpus"
        ),
    ),
    Suspect(
        "broken-install",
        "code of the image did not go together",
        words_of(
            r"importerror|modulenotfound|no module|cannot import|undefined symbol|shared object|\.so\b|attributeerror"
            r"|unexpected keyword|nameerror|triton|inductor|nvcc|ninja|\bgcc\b|compil|flashinfer|deep_gemm|dynamo"
            r"|symbol|version|torch\.ops|tokenizer|sentencepiece|protobuf|importlib"
        ),
    ),
    Suspect(
        "unsupported-architecture",
        "it was about the model's architecture",
        words_of(
            r"architecture|model_?type|trust_remote|not supported|unsupported|transformers|rope|model class"
            r"|config object|hf_config|keyerror|size mismatch|shape|unexpected key|missing key|not initialized"
            r"|parameter|multimodal|processor"
        ),
        stages=stages_between(Stage.BOOT, Stage.PROFILE),
    ),
    Suspect(
        "bad-argument",
        "a check of its settings refused",
        words_of(
            r"valueerror|validation|assertionerror|notimplemented|typeerror|argument|usage:|unrecognized|invalid"
            r"|must be|option|config"
        ),
        stages=_NOT_SERVING,
    ),
    Suspect("engine-start-timeout", "it waited too long", words_of(r"time(?:d )?out"), stages=_NOT_SERVING),
    Suspect("engine-wedged", "it waited too long", words_of(r"time(?:d )?out|\brpc\b"), stages=_SERVES),
    # facts that do not fit
    Suspect("no-cuda-visible", "the pod asks for no GPU", stages=_START, fact=facts.no_gpu),
    Suspect(
        "tp-mismatch",
        "the pod has another number of GPUs than vLLM was told to use",
        stages=_START,
        fact=facts.other_gpu_count,
    ),
    Suspect(
        "host-oom", "its memory limit is below what such a start needs", stages=_LOAD | _TRIAL, fact=facts.tight_memory
    ),
    # how it ended
    Suspect(
        "startup-probe-kill",
        "a signal ended it before it served",
        None,
        _NOT_SERVING,
        frozenset({137, 143}),
        facts.probed_start,
    ),
    Suspect(
        "liveness-kill-under-load",
        "a signal ended it while it served",
        None,
        _SERVES,
        frozenset({137, 143}),
        facts.probed_life,
    ),
    Suspect(
        "host-oom",
        "SIGKILL is what the kernel sends at a memory limit",
        codes=frozenset({137}),
        fact=facts.killed_within_limit,
    ),
    Suspect(
        "node-oom",
        "SIGKILL is what the kernel sends where a node has no memory left",
        codes=frozenset({137}),
        fact=facts.killed_without_limit,
    ),
    Suspect("node-lost", "SIGTERM is what a node sends that is drained or shut down", codes=frozenset({143})),
    Suspect("evicted", "SIGTERM is how the kubelet ends what it evicts", codes=frozenset({143})),
    Suspect("shm-too-small", "SIGBUS is what a full /dev/shm gives", codes=frozenset({135})),
    Suspect("image-wrong-arch", "its processor does not know an instruction of the image", codes=frozenset({132})),
    Suspect("bad-entrypoint", "the shell did not find or start its command", None, _BOOT, frozenset({126, 127, 128})),
    Suspect("mount-failed", "what is mounted may hide its command", None, _BOOT, frozenset({126, 127, 128})),
    Suspect("bad-argument", "exit code 2 is what a refused command line gives", None, _BOOT, frozenset({2})),
    Suspect("bad-entrypoint", "exit code 2 is what Python gives without its script", None, _BOOT, frozenset({2})),
    Suspect("engine-dead", "its server ended well under clients", None, _SERVES, frozenset({0})),
    Suspect("bad-entrypoint", "its command ended well without serving", None, _BOOT, frozenset({0})),
    Suspect("engine-dead", "a server may exit well after its engine failed", codes=frozenset({0})),
    Suspect("xid-gpu-lost", "its native code crashed while it served", None, _SERVES, frozenset({134, 139, 136})),
    Suspect("engine-dead", "its native code crashed", None, _LATE, frozenset({134, 139, 136})),
    Suspect(
        "nccl-failure",
        "native code crashed where its processes meet",
        None,
        _START,
        frozenset({134, 139}),
        facts.several_gpus,
    ),
    Suspect("broken-install", "its native code crashed", codes=frozenset({132, 134, 136, 139})),
    Suspect("cuda-driver-mismatch", "its native code crashed", codes=frozenset({134, 136, 139})),
    # where it ended
    Suspect("model-not-found", "its model is a path, and it is read there", stages=_BOOT, fact=facts.local_model),
    Suspect("hub-unreachable", "the model's configuration comes from the hub there", stages=_CONFIG, fact=facts.of_hub),
    Suspect("token-missing", "it has no token for the hub", stages=_CONFIG | _DOWNLOAD, fact=facts.no_token),
    Suspect("bad-argument", "it ended while it read its settings", stages=_BOOT),
    Suspect("model-not-found", "it looks for the model there", stages=_BOOT),
    Suspect(
        "nccl-failure", "its processes form a group there", stages=frozenset({Stage.ENGINE}), fact=facts.several_gpus
    ),
    Suspect(
        "shm-too-small",
        "they share memory there, and it has no volume at /dev/shm",
        stages=frozenset({Stage.ENGINE}),
        fact=facts.small_shm,
    ),
    Suspect("gpu-memory-not-free", "it measures the free GPU memory there", stages=frozenset({Stage.ENGINE})),
    Suspect("cuda-driver-mismatch", "it opens the GPU there", stages=frozenset({Stage.ENGINE}), fact=facts.one_gpu),
    Suspect("hub-unreachable", "it was fetching the model", stages=_DOWNLOAD),
    Suspect("disk-full", "it was writing the model", stages=_DOWNLOAD),
    Suspect("cuda-oom-weights", "weights go to the GPU there", stages=_LOAD),
    Suspect("host-oom", "weights pass through host memory there", stages=_LOAD),
    Suspect("kv-cache-too-small", "it makes room for the KV cache there", stages=frozenset({Stage.KV_CACHE})),
    Suspect(
        "cuda-oom-runtime",
        "it tries there how much memory a step takes",
        stages=stages_between(Stage.COMPILE, Stage.CAPTURE),
    ),
    Suspect("broken-install", "kernels are compiled there", stages=frozenset({Stage.COMPILE, Stage.CAPTURE})),
    Suspect(
        "kv-cache-too-small",
        "it divides what is left of GPU memory there",
        stages=frozenset({Stage.PROFILE}),
    ),
    Suspect("port-in-use", "it opens its port there", stages=frozenset({Stage.SERVER})),
    Suspect("bad-argument", "its server reads its own settings there", stages=frozenset({Stage.SERVER})),
    Suspect("engine-dead", "it had served", stages=_SERVES),
    Suspect("xid-gpu-lost", "it had served", stages=_SERVES),
    # nothing but that its engine failed
    Suspect("nccl-failure", "its engine's processes form a group first", _ENGINE_FAILED, fact=facts.several_gpus),
    Suspect("gpu-memory-not-free", "its engine measures free GPU memory as it starts", _ENGINE_FAILED),
    Suspect("kv-cache-too-small", "its engine makes room for the KV cache as it starts", _ENGINE_FAILED),
    *UNSTARTED,
    # no answer
    Suspect(
        "hub-unreachable",
        "it has fetched the model all the while",
        stages=_CONFIG | _DOWNLOAD,
        trouble=_SILENT,
    ),
    Suspect(
        "nccl-failure",
        "its processes wait for each other",
        stages=frozenset({Stage.ENGINE}),
        fact=facts.several_gpus,
        trouble=_SILENT,
    ),
    Suspect(
        "probe-misconfigured",
        "its probe may ask at another place than where it listens",
        fact=facts.probed_readiness,
        trouble=_SILENT,
    ),
    Suspect("engine-wedged", "its engine may have stopped to step", trouble=_SILENT),
)
