"""Where in the code an exception was raised, for those whose words no rule knows.

vLLM, its libraries and their versions raise thousands of different sentences; the module that raises one tells what it
is about. The innermost call that lies in a telling module decides. Nothing here is certain.
"""

from __future__ import annotations

import re
from enum import StrEnum

from vops.diagnosis.facts import Replica
from vops.diagnosis.logs.sentences import is_of_vllm
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.logs.topics import Topic, topic_of
from vops.diagnosis.logs.tracebacks import CUT, LoggedError
from vops.model.patterns import lazy_pattern


class Place(StrEnum):
    """What the code is for that failed."""

    QUANTIZATION = "quantization"
    WEIGHTS = "weights"  # giving a checkpoint's tensors to the model's code
    MODEL = "model"  # the model's own code and configuration
    TOKENIZER = "tokenizer"
    SETTINGS = "settings"  # what combines settings: platforms, attention backends, workers, the cache's layout
    GROUP = "group"  # processes that work together
    COMPILER = "compiler"  # torch.compile, Triton and kernels that are built at start
    ADAPTER = "adapter"  # LoRA
    IMPORT = "import"  # modules of libraries, as they are loaded
    HUB = "hub"
    FILES = "files"  # reading weights from a disk


_PLACES = (
    (
        Place.QUANTIZATION,
        lazy_pattern(
            r"vllm/model_executor/(?:layers/quantization/|kernels/linear/|model_loader/bitsandbytes)"
            r"|compressed_tensors/"
            r"|auto_gptq/|gptqmodel/"
            r"|bitsandbytes/|awq/|llmcompressor/|transformers/(?:quantizers/|utils/quantization_config)"
            r"|vllm/model_executor/layers/fused_moe/oracle/"
        ),
    ),
    (Place.FILES, lazy_pattern(r"^safetensors/|^torch/serialization|runai_model_streamer/|fastsafetensors/")),
    (
        Place.WEIGHTS,
        lazy_pattern(
            r"vllm/model_executor/.{1,120}:(?:load_weights|_load_\w{1,40}|weight_loader\w{0,20}"
            r"|load_\w{0,30}weight\w{0,20}"
            r"|[\w.]{0,40}weight_loader\w{0,20})$|vllm/model_executor/(?:model_loader/weight_utils|parameter)\.py:"
        ),
    ),
    (
        Place.TOKENIZER,
        lazy_pattern(
            r"transformers/(?:tokenization|convert_slow)|^(?:tokenizers|sentencepiece|tiktoken|mistral_common"
            r"|vllm/tokenizers(?!/registry))/"
        ),
    ),
    (
        Place.HUB,
        lazy_pattern(
            r"^(?:huggingface_hub|hf_transfer|hf_xet|modelscope|botocore|boto3|google/cloud/storage|oss2|tos)/"
            r"|transformers/utils/hub\.py:"
        ),
    ),
    (
        Place.COMPILER,
        lazy_pattern(
            r"^(?:triton|torch/_inductor|torch/_dynamo|torch/fx|torch/utils/cpp_extension|flashinfer|deep_gemm|tilelang"
            r"|tvm_ffi|tvm)/|^torch/utils/cpp_extension|vllm/(?:compilation|vllm_flash_attn|third_party|triton_utils)/"
            r"|vllm/utils/deep_gemm"
        ),
    ),
    (
        Place.GROUP,
        lazy_pattern(
            r"^torch/distributed/|vllm/distributed/(?:parallel_state|device_communicators/|utils|stateless|elastic_ep)"
        ),
    ),
    (
        Place.MODEL,
        lazy_pattern(
            r"vllm/(?:model_executor/(?:models|layers(?!/attention/))|transformers_utils|multimodal)/|^transformers/"
            r"|transformers_modules/"
        ),
    ),
    (
        Place.SETTINGS,
        lazy_pattern(
            r"^vllm/(?:config|platforms|attention|v1/attention|model_executor/layers/attention|tokenizers/registry"
            r"|v1/worker|worker|v1/core|v1/engine|v1/executor|engine"
            r"|executor|envs|logger|utils/(?:numa_utils|network_utils|system_utils|argparse_utils)|v1/spec_decode"
            r"|spec_decode|v1/kv_offload|v1/sample|v1/kv_cache_interface|device_allocator"
            r"|distributed/kv_transfer|distributed/eplb|distributed/ec_transfer|reasoning|tool_parsers|plugins"
            r"|entrypoints/(?:openai/(?:api_server|cli_args|serving_engine|server_utils)|cli|launcher))"
            r"|^vllm_router/(?:parsers|app\b)"
        ),
    ),
)
_TENSOR = lazy_pattern(r"^'(?:[\w.]{1,80}\.)?(?:layers|blocks|h|experts)\.\d{1,4}\.[\w.]{1,120}'")
"""What a tensor of a model is called."""

_OF_FILES = (Place.WEIGHTS, Place.MODEL, Place.TOKENIZER, Place.HUB)
_UNREADABLE = ("JSONDecodeError", "UnicodeDecodeError")
"""Of a file of the model that holds something else."""

_PYTHONS = lazy_pattern(r"(?:/|<|json/|codecs|encodings/)")
"""Calls of Python's own, which tell nothing of who wanted the file."""

_HTTP = lazy_pattern(r"^(?:httpx2?|httpcore2?|requests|urllib3|aiohttp|h11)\.")
"""Clients of HTTP: while it starts, a server asks the hub by them and hardly anybody else."""

_ELSEWHERE = lazy_pattern(
    r"localhost|\b(?:10|127|172|192)(?:\.\d{1,3}){3}\b|\.svc\b|\.cluster\.local"
    r"|(?<!_ssl\.c):(?!443\b)[1-9]\d{1,4}\b(?!')"
)
"""An address that is nobody's hub."""

_LOOKUPS = ("KeyError", "AttributeError")
_CONFIG = lazy_pattern(r"vllm/config")
"""A model's configuration without what this version of vLLM looks for in it."""

REFUSALS = ("ValueError", "NotImplementedError", "AssertionError", "TypeError", "ScannerError", "ParserError")
_LOADED = lazy_pattern(
    r"^(?!transformers_modules/|vllm/entrypoints/|vllm/__main__|torch/distributed/run)[a-z]\w{1,40}/.{1,200}:<module>$"
)
"""The body of a library's module, as Python executes it at its import."""

_INNERMOST = 4
_SOME_CALLS = 12
_ANYWHERE = lazy_pattern(r"/v1/executor/|/executor/|multiproc_executor|worker_base|uniproc_executor|abstract\.py")
"""Calls that every failure passes."""

_ABOUT = {
    Topic.ADAPTER: Place.ADAPTER,
    Topic.GROUP: Place.GROUP,
    Topic.QUANTIZATION: Place.QUANTIZATION,
    Topic.MODEL: Place.MODEL,
    Topic.SETTINGS: Place.SETTINGS,
}
_UNSUPPORTED = lazy_pattern(
    r"(?:does not|doesn't|not yet|only) supports?\b|not (?:yet )?supported"
    r"|(?:please|try|must|instead,?) (?:pass|set|use|unset|disable|enable|not use) [`'\"]?(?:--[a-z]|VLLM_)"
    r"|requires? ",
    re.IGNORECASE,
)
_CHECKS = ("ValueError", "NotImplementedError", "AssertionError")
_ONLY_CHECKS = lazy_pattern(
    r"^vllm/(?:config|engine/arg_utils|envs|logger|platforms|utils/numa_utils|v1/kv_offload/(?:\w{1,40}/)?spec"
    r"|(?:v1/)?executor/(?:vllm_net_devices|ray_utils)|v1/sample/logits_processor|v1/spec_decode/|spec_decode/"
    r"|v1/worker/gpu/spec_decode/|v1/attention/|attention/|distributed/kv_transfer/kv_connector/factory)"
)
"""Code whose own words are refusals, whatever the class of the exception."""

_OF_NO_CLASS = ("RuntimeError", "Exception", "FileNotFoundError", "AttributeError")


_OF_THE_HOST = lazy_pattern(r"can't start new thread|\[Errno (?:11|23|24)\]|pthread_create failed")
"""What any code meets where the host has no more threads, processes or files to give."""


def place_of(replica: Replica) -> tuple[Place, LoggedError] | None:
    """What code failed, while the server started; None when its words say nothing, or it has served."""
    log = replica.death_log
    if log is None or log.root is None or log.ready or log.terminated or _OF_THE_HOST.search(log.root.message):
        return None
    if log.root.short_type == "KeyError" and _TENSOR.search(log.root.message):
        return Place.WEIGHTS, log.root
    calls = (*reversed(log.root.frames[-_SOME_CALLS:]), _module(log.root))
    if any(_LOADED.search(frame) for frame in log.root.frames[-_INNERMOST:]):
        return Place.IMPORT, log.root
    found = next((place for call in calls if (place := _at(call))), None) or _by_words(log.root)
    if _HTTP.search(log.root.type):
        found = found or (None if _ELSEWHERE.search(log.root.message) else Place.HUB)
    elif log.root.short_type in _UNREADABLE and (found in _OF_FILES or all(map(_PYTHONS.match, log.root.frames))):
        found = Place.FILES
    if found is Place.SETTINGS and log.root.short_type in _LOOKUPS and _CONFIG.search(" ".join(calls)):
        return Place.MODEL, log.root
    if found is None or (found is Place.SETTINGS and not _refuses(log.root, log.stage)):
        return None
    if found is Place.MODEL and log.root.type == CUT and not log.root.passed("__init__", "load_weights"):
        return None
    return found, log.root


def _module(error: LoggedError) -> str:
    """The module of an exception's class, as calls are written."""
    return error.type.rpartition(".")[0].replace(".", "/") + "/"


def _at(frame: str) -> Place | None:
    for place, pattern in _PLACES:
        if pattern.search(frame) and not (place is Place.SETTINGS and _ANYWHERE.search(frame)):
            return place
    return None


def told_by_place(error: LoggedError) -> bool:
    """Whether the sentence of an exception tells what it is about, though no rule knows it."""
    return _by_words(error) is not None


def _by_words(error: LoggedError) -> Place | None:
    """What the sentence of a check is about, whose calls tell nothing or were not copied."""
    told = error.short_type in _CHECKS or _refuses_by_words(error)
    topic = topic_of(error.message) if told else None
    return _ABOUT[topic] if topic is not None else None


def _refuses(error: LoggedError, stage: Stage) -> bool:
    """Whether it is the word of a check, and not an accident of code that runs."""
    refused = (error.short_type in REFUSALS and bool(error.message)) or _refuses_by_words(error) or _checked(error)
    return refused and stage.rank < Stage.SERVING.rank


def _checked(error: LoggedError) -> bool:
    """Whether vLLM's own code has raised it, and checks settings."""
    by_checks = bool(error.frames) and _ONLY_CHECKS.search(error.frames[-1]) is not None
    return by_checks and error.short_type in _OF_NO_CLASS and is_of_vllm(error.message)


def _refuses_by_words(error: LoggedError) -> bool:
    """Whether an error of no telling class says that something is not to be had."""
    return error.short_type == "RuntimeError" and _UNSUPPORTED.search(error.message) is not None
