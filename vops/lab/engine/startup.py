"""The start of a vLLM server: which lines it writes when, and whether it ends up serving or how it fails.

The whole start is known when it begins; whoever kills the process only cuts it short. Times are moderate on
purpose: a start takes 20 to 90 s where a real one may take ten minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil, inf
from random import Random

from vops.lab.engine import texts
from vops.lab.engine.arguments import Arguments, BadArguments, parse
from vops.lab.engine.catalogue import ModelFacts
from vops.lab.engine.gpus import L4, GpuKind
from vops.lab.engine.hub import Hub, Refusal
from vops.lab.engine.memory import MemoryPlan, plan_memory
from vops.lab.engine.versions import Version

_IMPORT_S = 6.5
_ENGINE_S = 8.0
_READ_GIB_S = 2.4
_COMPILE_S = 11.0
_COMPILED_S = 2.5
_BFLOAT16 = (8, 0)
"""The first compute capability that has it."""
_HOST_GIB = 4.0
"""Host memory of a server before it reads weights."""


@dataclass(frozen=True)
class Conditions:
    """What a start finds: how it was called, on what GPUs, and what share of the model is on disk already.

    `in_memory`: that disk is a tmpfs, which counts as the container's own memory. `patience_s` is how long the API
    server waits for its engine.
    """

    command: list[str]
    version: Version
    hub: Hub
    token: str
    gpus: tuple[GpuKind, ...]
    host_limit_gib: float
    on_disk: float
    compiled: bool
    ip: str
    begins: float
    dice: Random
    seeded: Mapping[str, str] = field(default_factory=dict)
    """Whole models in mounted claims: the repository by the folder."""
    in_memory: bool = False
    patience_s: float = 600.0
    internal_port: str = ""
    """VLLM_PORT, which is to be a number."""
    offline: bool = False
    """HF_HUB_OFFLINE: nothing is asked of the hub."""
    read_only: str = ""
    """The directory of the model cache, where the container may not write to it."""


@dataclass
class Start:
    """The start as it will go; times in seconds since it began, `exit_code` None when it will serve."""

    lines: list[tuple[float, str]] = field(default_factory=list)
    seconds: float = 0.0
    exit_code: int | None = None
    exit_reason: str = ""
    arguments: Arguments = field(default_factory=Arguments)
    model: ModelFacts | None = None
    memory: MemoryPlan | None = None
    download_from: float | None = None
    downloaded_at: float | None = None
    download_s: float = 0.0
    weights_from: float = 0.0
    weights_until: float = 0.0
    compiled_at: float | None = None


class Failed(Exception):
    """The start ends here; `code` is the exit code, the text names the recorded ending."""

    def __init__(self, ending: str, code: int = 1, *, reason: str = "", **values: object) -> None:
        super().__init__(ending)
        self.ending = ending
        self.code = code
        self.reason = reason
        self.values = values


def start(conditions: Conditions) -> Start:
    """How a start under these conditions goes."""
    return _Starter(conditions).run()


class _Starter:
    def __init__(self, conditions: Conditions) -> None:
        self._conditions = conditions
        self._start = Start()
        self._at = 0.0
        self._engine_from: float | None = None
        self._pace = conditions.dice.uniform(0.92, 1.1)
        self._phases = texts.phases(conditions.version.dialect)
        self._values: dict[str, object] = {
            "version": conditions.version.number,
            "ip": conditions.ip,
            "request": f"Root=1-{conditions.dice.getrandbits(32):08x}-{conditions.dice.getrandbits(96):024x}",
        }
        self._values["core"] = self._values["worker"] = self._signature(conditions.version.engine_process, 180)

    def run(self) -> Start:
        try:
            self._boot()
            model = self._find_model()
            memory = self._configure(model)
            self._load(model, memory)
            self._prepare(memory)
            self._keep_waiting()
            self._phase("serve", 0.8, port=self._start.arguments.port)
        except Failed as failed:
            self._fail(self._in_time(failed))
        self._start.seconds = self._at
        return self._start

    # --- patience -----------------------------------------------------------------------------------------

    @property
    def _deadline(self) -> float:
        """When the API server gives up waiting for its engine."""
        return inf if self._engine_from is None else self._engine_from + self._conditions.patience_s

    def _keep_waiting(self) -> None:
        if self._at > self._deadline:
            raise Failed("")

    def _in_time(self, failed: Failed) -> Failed:
        """The failure, or that the API server had given up before it."""
        if self._at <= self._deadline:
            return failed
        self._at = self._deadline
        self._start.lines = [line for line in self._start.lines if line[0] <= self._at]
        return Failed("engine-timeout", waited=int(self._conditions.patience_s))

    # --- stages -------------------------------------------------------------------------------------------

    def _boot(self) -> None:
        self._pass(_IMPORT_S)
        try:
            arguments = parse(self._conditions.command, self._conditions.version)
        except BadArguments as bad:
            raise Failed("bad-arguments", 2, complaint=str(bad)) from bad
        self._start.arguments = arguments
        if arguments.tensor_parallel > 1:
            self._values["worker"] = self._signature("Worker_TP0", 330)
        shown = ", ".join(f"{name!r}: {value!r}" for name, value in arguments.given.items())
        self._values |= {"model": arguments.model, "served": arguments.served, "tp": arguments.tensor_parallel}
        self._phase("boot", 0.2, args=shown)

    def _find_model(self) -> ModelFacts:
        self._pass(0.9)
        if seeded := self._seeded():
            self._start.model = seeded
            return seeded
        if self._conditions.on_disk < 1:
            self._check_reach()
        found = self._conditions.hub.ask(self._start.arguments.model, self._conditions.token)
        cached = self._conditions.hub.facts(self._start.arguments.model) if self._conditions.on_disk else None
        if isinstance(found, Refusal):
            if cached is None:
                raise Failed(found.value)
            found = cached  # huggingface_hub takes the files that it has where the hub refuses to tell of newer ones
        self._start.model = found
        return found

    def _check_reach(self) -> None:
        """What is missing has to be asked for, and has to have a place."""
        if self._conditions.offline:
            raise Failed("hub-offline")
        if self._conditions.read_only:
            raise Failed("read-only", path=self._conditions.read_only)

    def _seeded(self) -> ModelFacts | None:
        """The model in a claim, when that is what the command line names."""
        repository = self._conditions.seeded.get(self._start.arguments.model)
        return self._conditions.hub.facts(repository) if repository else None

    def _configure(self, model: ModelFacts) -> MemoryPlan:
        arguments, conditions = self._start.arguments, self._conditions
        gpu = conditions.gpus[0] if conditions.gpus else L4
        memory = plan_memory(arguments, model, gpu, conditions.version)
        self._start.memory = memory
        self._values |= {
            "architecture": model.architecture,
            "max_model_len": memory.max_model_len,
            "max_model_len_text": f"{memory.max_model_len:,}",
            "batched": memory.max_num_batched_tokens,
            "quantization": arguments.quantization or model.quantization or None,
            "kv_cache_dtype": arguments.kv_cache_dtype,
            "eager": arguments.enforce_eager,
            "flash": 3 if gpu.compute >= (9, 0) else 2,
        }
        if memory.max_model_len > model.positions:
            raise Failed("max-model-len", positions=float(model.positions))
        world = arguments.tensor_parallel * arguments.pipeline_parallel
        if conditions.gpus and world > len(conditions.gpus):
            raise Failed("too-few-gpus", world=world, gpus=len(conditions.gpus))
        self._phase("config", 0.5)
        self._engine_from = self._at
        self._pass(_ENGINE_S)
        if not conditions.gpus:
            raise Failed("no-cuda")
        self._phase("engine", 1.5)
        if arguments.given.get("dtype") == "bfloat16" and gpu.compute < _BFLOAT16:
            raise Failed("no-bfloat16", gpu=gpu.name, compute=".".join(map(str, gpu.compute)))
        if "://" in conditions.internal_port:
            raise Failed("vllm-port", port=conditions.internal_port)
        return memory

    def _load(self, model: ModelFacts, memory: MemoryPlan) -> None:
        self._phase("download", 0.8)
        if self._conditions.on_disk < 1 and not self._seeded():
            self._download(model)
        begun = self._start.weights_from = self._at
        host = _HOST_GIB + min(5.0, model.weights_gib) + (model.weights_gib if self._conditions.in_memory else 0.0)
        if not memory.weights_fit:
            total = memory.total_gib
            raise Failed(
                "cuda-oom", total=f"{total:.2f}", in_use=f"{total - 0.04:.2f}", allocated=f"{total - 0.72:.2f}"
            )
        killed = host > self._conditions.host_limit_gib
        self._weights(model, memory, 0.4 if killed else 1.0)
        if killed:
            raise Failed("", 137, reason="OOMKilled")
        self._start.weights_until = self._at
        took = self._at - begun
        per_gpu = f"{memory.weights_gib:.2f}".rstrip("0").rstrip(".")
        self._phase("loaded", 0.3, weights_s=f"{took - 0.3:.2f}", weights_per_gpu=per_gpu, model_s=f"{took + 1.1:.6f}")

    def _download(self, model: ModelFacts) -> None:
        """Fetches the files that are missing; into memory only as far as the limit allows."""
        conditions, done = self._conditions, self._conditions.on_disk
        refused = conditions.hub.ask(model.repository, conditions.token)
        if isinstance(refused, Refusal):
            missing = f"model-{int(done * model.shards) + 1:05d}-of-{model.shards:05d}.safetensors"
            raise Failed(f"{refused.value}-weights", commit=f"{conditions.dice.getrandbits(160):040x}", missing=missing)
        self._start.download_from = self._at
        self._start.download_s = model.weights_gib * (1 - done) / conditions.hub.gib_per_s * self._pace
        room = (conditions.host_limit_gib - _HOST_GIB) / model.weights_gib if conditions.in_memory else inf
        if room < 1:
            self._at += self._start.download_s * max(0.05, room - done) / (1 - done)
            raise Failed("", 137, reason="OOMKilled")
        self._at += self._start.download_s
        self._phase("downloaded", 0.1, download_s=f"{self._start.download_s:.6f}")
        self._start.downloaded_at = self._at

    def _weights(self, model: ModelFacts, memory: MemoryPlan, part: float) -> None:
        """The progress bar over the checkpoint's shards, up to `part` of it."""
        seconds = max(1.5, memory.weights_gib / _READ_GIB_S) * self._pace
        begun = self._at
        lines = dict(enumerate(self._phases["weights"]))
        values = {"weights": f"{model.weights_gib:.2f}", "ram": "123.28"}
        for line in lines.values():
            if line != "<<shards>>":
                self._write(line, values)
                continue
            for done in range(ceil(model.shards * part) + 1):
                self._at = begun + seconds * done / model.shards
                self._write(f"<<worker>> {_shards(done, model.shards, seconds)}", values)

    def _prepare(self, memory: MemoryPlan) -> None:
        """From the loaded model to a warm engine: compile, profile, KV cache, graphs."""
        begun = self._at
        compile_s = 0.0
        if not self._start.arguments.enforce_eager:
            compile_s = self._compile()
        self._pass(1.0)
        available = round(memory.kv_gib, 2)
        self._phase("profile", 0.8, profile_s=f"{0.55 * self._pace:.2f}", available=available)
        self._check_kv(memory, available)
        concurrency = memory.kv_tokens / memory.max_model_len
        self._phase("kv", 0.1, tokens=f"{memory.kv_tokens:,}", concurrency=f"{concurrency:.2f}")
        if not self._start.arguments.enforce_eager:
            graphs_s = 4.0 * self._pace
            self._phase("graphs", graphs_s, graphs_s=f"{graphs_s:.0f}", graphs=f"{memory.graphs_gib + 0.21:.2f}")
        self._pass(1.5)
        self._phase("warm", 0.5, engine_s=f"{self._at - begun + 0.5:.2f}", compile_s=f"{compile_s:.2f}")

    def _compile(self) -> float:
        seconds = (_COMPILED_S if self._conditions.compiled else _COMPILE_S) * self._pace
        values = {
            "dynamo_s": f"{seconds * 0.3:.2f}",
            "graph_s": f"{seconds * 0.5:.2f}",
            "compile_s": f"{seconds:.2f}",
        }
        self._phase("cached" if self._conditions.compiled else "compile", seconds, **values)
        self._start.compiled_at = self._at
        return seconds

    def _check_kv(self, memory: MemoryPlan, available: float) -> None:
        self._pass(0.2)
        if memory.kv_gib <= 0:
            raise Failed("kv-none")
        if memory.needed_gib > memory.kv_gib:
            needed = round(memory.needed_gib, 2)
            raise Failed("kv-too-small", needed=needed, available=available, estimate=memory.kv_tokens)

    def _signature(self, process: str, lowest_pid: int) -> str:
        """How a process signs its log lines."""
        pid = self._conditions.dice.randint(lowest_pid, lowest_pid + 90)
        return f"({process} pid={pid})" if self._conditions.version.engine_process else ""

    # --- writing ------------------------------------------------------------------------------------------

    def _pass(self, seconds: float) -> float:
        """Lets time pass, at this start's pace; returns how much."""
        passed = seconds * self._pace
        self._at += passed
        return passed

    def _phase(self, name: str, seconds: float, **values: object) -> None:
        """Writes the lines of a phase, spread over `seconds`."""
        lines = self._phases[name]
        begun = self._at
        for number, line in enumerate(lines, 1):
            self._at = begun + seconds * number / len(lines)
            self._write(line, values)
        self._at = begun + seconds

    def _write(self, line: str, values: Mapping[str, object]) -> None:
        at = self._conditions.begins + self._at
        times = {"t": texts.stamp(at)}
        if "<<w>>" in line:
            times["w"] = datetime.fromtimestamp(at, UTC).strftime("%m%d %H:%M:%S.%f000")
        text = texts.fill(line, {**self._values, **times, **values})
        self._start.lines.append((self._at, text.removeprefix(" ")))

    def _fail(self, failed: Failed) -> None:
        if failed.ending:
            self._pass(0.3)
            for line in texts.ending(self._conditions.version.dialect, failed.ending):
                if not self._conditions.version.tells_estimate:
                    line = line.replace("the estimated maximum model length is <<estimate>>.", "")
                self._write(line, failed.values)
            self._pass(0.7)
        self._start.exit_code = failed.code
        self._start.exit_reason = failed.reason


def _shards(done: int, total: int, seconds: float) -> str:
    """A line of the progress bar over safetensors shards."""
    share = f"Loading safetensors checkpoint shards: {100 * done // total:3d}% Completed | {done}/{total}"
    if not done:
        return f"{share} [00:00<?, ?it/s]"
    each = seconds / total
    spent, left = int(each * done), int(each * (total - done))
    return f"{share} [00:{spent:02d}<00:{left:02d},  {each:.2f}s/it]"
