"""vLLM as a process: how it was started, what one scrape of it says, and what two scrapes say together.

Sources: the command lines and metric names of vLLM 0.8.5 to 0.33 (see vops.model.dialects for the versions).
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from functools import lru_cache

import msgspec
from msgspec import field

from vops.model.commandline import CommandLine, Flag, command_line
from vops.model.dialects import Version, version_of
from vops.model.pods import Container, EnvSource, EnvVar, Pod

Counters = dict[str, float]


class Histogram(msgspec.Struct, frozen=True):
    """A cumulative histogram: upper `bounds` in seconds, the observations at or below each, and last those of +Inf.

    The infinite bound is not kept, since JSON has no infinity: `counts` is one longer than `bounds`.
    """

    bounds: tuple[float, ...]
    counts: tuple[float, ...]
    sum: float = 0.0


class EngineShare(msgspec.Struct, frozen=True):
    """What one of several data-parallel engines of a server has at a scrape."""

    engine: str
    running: float
    waiting: float


class EngineSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One scrape of one vLLM server, data-parallel engines folded (counts summed, usages averaged).

    Absent metrics are None, never 0. Times in seconds, usages 0..1, counters since the process started.
    """

    at: datetime
    model: str = ""
    engines: int = 0
    running: float | None = None
    waiting: float | None = None
    kv_usage: float | None = None
    kv_tokens: int | None = None
    generation_tokens: float | None = None
    prompt_tokens: float | None = None
    prefix_queries: float | None = None
    prefix_hits: float | None = None
    preemptions: float | None = None
    steps: float | None = None
    finished: Counters = field(default_factory=dict)
    ttft: Histogram | None = None
    itl: Histogram | None = None
    queue_time: Histogram | None = None
    prefill_s: float | None = None
    """Seconds of prefill of all requests that have ended, `prefills` of them."""
    prefills: float | None = None
    e2e: Histogram | None = None
    process_start: float | None = None
    shares: tuple[EngineShare, ...] = ()
    """Of each engine, where there are several."""


class EngineRates(msgspec.Struct, frozen=True, omit_defaults=True):
    """What happened between two scrapes, `window_s` apart. None: not known, or nothing to measure.

    `ttft_mean_s` is of the `first_tokens` requests that got one in the window; `queue_mean_s` and `prefill_mean_s` are
    of those that ended in it, since vLLM tells of these parts only then.
    """

    window_s: float
    tokens_per_s: float | None = None
    prompt_tokens_per_s: float | None = None
    preemptions_per_s: float | None = None
    prefix_hit_rate: float | None = None
    ttft_p50_s: float | None = None
    ttft_p95_s: float | None = None
    itl_p95_s: float | None = None
    stepping: bool | None = None
    first_tokens: float | None = None
    ttft_mean_s: float | None = None
    queue_mean_s: float | None = None
    prefill_mean_s: float | None = None
    itl_mean_s: float | None = None


class GpuSample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One GPU as a DCGM exporter sees it; the pod fields are empty where it cannot attribute it.

    `utilisation` is 0..1.
    """

    at: datetime
    node: str = ""
    uuid: str = ""
    index: str = ""
    model: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    utilisation: float | None = None
    memory_used_mib: float | None = None
    memory_total_mib: float | None = None
    power_w: float | None = None
    temperature_c: float | None = None
    xid: float | None = None


# --- how it was started -----------------------------------------------------------------------------------

DEFAULT_PORT = 8000
_NOT_SERVERS = frozenset({"ray", "sleep", "tail", "hf", "huggingface-cli"})
_IMAGE = re.compile(
    r"(?:^|/)vllm(?:-openai|-cpu|-tpu|-rocm|-neuron|-gaudi|-xpu|-dev|-nightly)*$|vllm-openai|/llm-d-\w+$"
)
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)([kmgtKMGT]?)", re.ASCII)
_SCALES = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


class EngineArgs(msgspec.Struct, frozen=True, omit_defaults=True):
    """What vLLM was asked to do, from its command line and environment. None: not given, so vLLM's default holds.

    `line` tells where each flag stands; it is None where vLLM is started in a way vops cannot read (a wrapper script).
    """

    model: str = ""
    served_model_name: str = ""
    tensor_parallel_size: int | None = None
    pipeline_parallel_size: int | None = None
    data_parallel_size: int | None = None
    max_model_len: int | None = None
    """Tokens; None also for `auto`."""
    gpu_memory_utilization: float | None = None
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    kv_cache_dtype: str = ""
    quantization: str = ""
    dtype: str = ""
    load_format: str = ""
    enforce_eager: bool = False
    headless: bool = False
    """A worker of a multi-node group: no HTTP server of its own."""
    host: str = ""
    port: int = DEFAULT_PORT
    api_key: bool = False
    """Whether a key is asked for; its value is never kept."""
    version: Version | None = None
    """From the image's tag."""
    environment: dict[str, str] = field(default_factory=dict)
    """Plain `VLLM_*` variables, the key's excepted."""
    line: CommandLine | None = None

    @classmethod
    def of(cls, container: Container) -> EngineArgs:
        """The arguments of a container that `vllm_container` accepted."""
        variables = tuple((item.name, item.value, item.value_from is None) for item in container.env)
        port = next((port.container_port for port in container.ports if port.container_port), DEFAULT_PORT)
        return _engine_args(container.image, container.command, container.args, variables, port)

    @property
    def raw(self) -> tuple[Flag, ...]:
        """Every flag as given, in order, each with its place."""
        return () if self.line is None else self.line.flags

    @property
    def name(self) -> str:
        """What clients call the model by."""
        return self.served_model_name or self.model

    @property
    def gpus(self) -> int:
        """GPUs that one server needs in its pod: tensor × pipeline × data parallel."""
        sizes = (self.tensor_parallel_size, self.pipeline_parallel_size, self.data_parallel_size)
        return (sizes[0] or 1) * (sizes[1] or 1) * (sizes[2] or 1)

    def location(self, flag: str) -> Flag | None:
        """Where a flag stands (the one that counts, when it is repeated); None when it is not given."""
        return None if self.line is None else self.line.flag(flag)


@lru_cache(maxsize=2048)
def _engine_args(
    image: str,
    command: tuple[str, ...],
    args: tuple[str, ...],
    variables: tuple[tuple[str, str, bool], ...],
    declared_port: int,
) -> EngineArgs:
    """`EngineArgs.of`, remembered: a fleet has few command lines, and every picture of it asks for all of them."""
    env = tuple(EnvVar(name, value, None if plain else EnvSource()) for name, value, plain in variables)
    line = command_line(Container(image=image, command=command, args=args, env=env), assume_entrypoint=True)
    given = {} if line is None else {flag.name: flag.value for flag in line.flags}
    text = {name: value for name, value in given.items() if value}
    environment = {name: value for name, value, _ in variables if name.startswith("VLLM_")}
    keyed = environment.pop("VLLM_API_KEY", None) is not None
    if line is not None and line.flag("config") is None:
        declared_port = DEFAULT_PORT
    return EngineArgs(
        model=line.model.text if line is not None and line.model is not None else text.get("model", ""),
        served_model_name=text.get("served-model-name", "").partition(" ")[0],
        tensor_parallel_size=_count(text.get("tensor-parallel-size")),
        pipeline_parallel_size=_count(text.get("pipeline-parallel-size")),
        data_parallel_size=_count(text.get("data-parallel-size")),
        max_model_len=token_count(text.get("max-model-len", "")),
        gpu_memory_utilization=_fraction(text.get("gpu-memory-utilization")),
        max_num_seqs=_count(text.get("max-num-seqs")),
        max_num_batched_tokens=token_count(text.get("max-num-batched-tokens", "")),
        kv_cache_dtype=text.get("kv-cache-dtype", ""),
        quantization=text.get("quantization", ""),
        dtype=text.get("dtype", ""),
        load_format=text.get("load-format", ""),
        enforce_eager=_switched_on(given, "enforce-eager"),
        headless=_switched_on(given, "headless"),
        host=text.get("host", ""),
        port=_count(text.get("port")) or declared_port,
        api_key="api-key" in given or keyed,
        version=version_of(image),
        environment=environment,
        line=line,
    )


def vllm_container(pod: Pod) -> Container | None:
    """The container of `pod` that is a vLLM server, if one is.

    Certain by its command line; else by its image, when nothing tells that it runs something else (a benchmark, a
    download, a Ray worker) and it offers a port. A container named `vllm` wins over another candidate.
    """
    found = None
    for container in pod.spec.containers:  # asked about every pod of a cluster, so without generators
        if is_vllm_server(container) and (found is None or container.name == "vllm" != found.name):
            found = container
    return found


def is_vllm_server(container: Container) -> bool:
    """Whether a container's command line, or its image and port, make it a vLLM server."""
    is_probed = container.startup_probe or container.liveness_probe or container.readiness_probe
    return _serves_vllm(container.image, container.command, container.args, bool(container.ports or is_probed))


@lru_cache(maxsize=4096)
def _serves_vllm(image: str, command: tuple[str, ...], args: tuple[str, ...], offers_port: bool) -> bool:
    container = Container(image=image, command=command, args=args)
    if command_line(container) is not None:
        return True
    if not _IMAGE.search(image_repository(image)):
        return False
    if not command:
        return command_line(container, assume_entrypoint=True) is not None
    return offers_port and command[0].rpartition("/")[2] not in _NOT_SERVERS


def token_count(text: str) -> int | None:
    """`8192`, `8k` (8000) and `8K` (8192) as vLLM reads them; None for `auto`, `-1` and nonsense."""
    match = _LENGTH.fullmatch(text.strip())
    return None if match is None else int(Decimal(match[1]) * _SCALES[match[2]])


def image_repository(image: str) -> str:
    """An image reference without tag and digest."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    return head + slash + last.partition(":")[0]


def _switched_on(given: dict[str, str | None], name: str) -> bool:
    return name in given and (given[name] or "true").lower() in ("true", "1", "yes")


def _count(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None


def _fraction(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
