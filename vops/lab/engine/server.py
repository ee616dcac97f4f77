"""vLLM as a process: it starts as `startup` says, serves as `serving` says, and answers on its port."""

from __future__ import annotations

from functools import partial
from math import floor, inf

from vops.lab.chance import chance
from vops.lab.controllers.placement import amounts
from vops.lab.documents import Document
from vops.lab.engine import texts
from vops.lab.engine.endpoints import answer
from vops.lab.engine.exposition import Page, bounds, numbers_of, page_values
from vops.lab.engine.histogram import Histogram
from vops.lab.engine.hub_pages import repository_in
from vops.lab.engine.memory import GIB
from vops.lab.engine.serving import Serving, Speed, steps_between
from vops.lab.engine.startup import Conditions, Start, start
from vops.lab.engine.versions import version_of
from vops.lab.machine import Disk
from vops.lab.process import Process
from vops.lab.providers import ProxyRequest, ProxyResponse

_YES = frozenset({"1", "ON", "YES", "TRUE"})
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_KEEP_UP_S = 10.0
_HELD_UP_AFTER_S = 60.0
_PAST_S = 600.0
_STATS_S = 10.0
_TIGHT, _TIGHT_S = 0.96, 60.0
_CONTEXT_GIB, _BATCH_GIB = 0.25, 0.004
"""What CUDA itself holds beside vLLM's share, and what one more sequence needs that vLLM does not plan for."""
_HUB_CACHE = "/root/.cache/huggingface"
_COMPILE_CACHE = "/root/.cache/vllm"


class VllmServer(Process):
    """One run of one server; refuses connections until it serves."""

    def begin(self) -> None:
        around = self.around
        self.namespace: str = around.pod["metadata"]["namespace"]
        self.version = version_of(around.container["image"])
        self.serving: Serving | None = None
        self._page: Page | None = None
        self._stats_at = 0.0
        self._stats_prompt = self._stats_generated = 0.0
        self._terminated = self._dying = self._is_held_up = False
        self.dice = chance(self.world.seed, "vllm", around.pod["metadata"]["uid"], around.runs)
        self.answers = chance(self.world.seed, "answers", around.pod["metadata"]["uid"], around.runs)
        self.start: Start = start(self._conditions())
        self.served = self.start.arguments.served
        for seconds, text in self.start.lines:
            self.output.write(self.started_at + seconds, text)
        self._plan_start()

    def _conditions(self) -> Conditions:
        around = self.around
        limit = amounts(around.container.get("resources", {}).get("limits", {})).get("memory")
        model_cache, compile_cache = self._cache(_HUB_CACHE, "HF_HOME"), self._cache(_COMPILE_CACHE, "VLLM_CACHE_ROOT")
        return Conditions(
            command=around.command,
            version=self.version,
            hub=self.world.hub,
            token=around.env.get("HF_TOKEN", around.env.get("HUGGING_FACE_HUB_TOKEN", "")).strip(),
            gpus=tuple(gpu.kind for gpu in around.gpus),
            host_limit_gib=limit / GIB if limit else inf,
            on_disk=self._disk(model_cache).share(model_cache, self._model_key()),
            compiled=self._disk(compile_cache).share(compile_cache, self._model_key()) == 1,
            ip=around.ip,
            begins=self.started_at,
            dice=self.dice,
            seeded=self._seeded(),
            in_memory=self._in_memory(around.env.get("HF_HOME", _HUB_CACHE)),
            patience_s=float(around.env.get("VLLM_ENGINE_READY_TIMEOUT_S", Conditions.patience_s)),
            internal_port=around.env.get("VLLM_PORT", ""),
            offline=around.env.get("HF_HUB_OFFLINE", "").upper() in _YES,
            read_only=self._read_only(around.env.get("HF_HOME", _HUB_CACHE)),
        )

    def _seeded(self) -> dict[str, str]:
        """The models in the claims that the container mounts, by folder; one that lacks a file is none."""
        found = {}
        for mount in self.around.container.get("volumeMounts", ()):
            claim = (self._volume(mount["mountPath"]) or {}).get("persistentVolumeClaim", {}).get("claimName", "")
            for folder, files in self.world.seeded.get(f"{self.namespace}/{claim}", {}).items():
                repository = repository_in(folder, files)
                if repository:
                    found[folder.replace("/models", mount["mountPath"], 1)] = repository
        return found

    def _model_key(self) -> str:
        """The command line names the model; anything that tells two of them apart will do."""
        return next((word for word in self.around.command if "/" in word and not word.startswith(("-", "/"))), "")

    def _cache(self, path: str, variable: str) -> str:
        """Where the files under `path` live: a volume of the node or the pod, or nowhere that outlives this run."""
        path = self.around.env.get(variable, path)
        pod, volume = self.around.pod, self._volume(path)
        if volume is None:
            return f"run/{pod['metadata']['uid']}/{self.around.runs}{path}"
        if "hostPath" in volume:
            return f"{volume['hostPath']['path']}{path}"
        if "persistentVolumeClaim" in volume:
            return f"claim/{self.namespace}/{volume['persistentVolumeClaim']['claimName']}{path}"
        return f"pod/{pod['metadata']['uid']}/{volume['name']}{path}"

    def _volume(self, path: str) -> Document | None:
        """The pod's volume that holds a path of the container."""
        mounts = self.around.container.get("volumeMounts", ())
        mount = next((item for item in mounts if path.startswith(item["mountPath"])), None)
        volumes = self.around.pod["spec"].get("volumes", ())
        return next((dict(item) for item in volumes if mount and item["name"] == mount["name"]), None)

    def _read_only(self, path: str) -> str:
        """`path`, if it is a part of the container's own files and those may not be written."""
        root = self.around.container.get("securityContext", {}).get("readOnlyRootFilesystem", False)
        return path if root and self._volume(path) is None else ""

    def _in_memory(self, path: str) -> bool:
        volume = self._volume(path)
        return volume is not None and volume.get("emptyDir", {}).get("medium") == "Memory"

    def _plan_start(self) -> None:
        for at, path, variable in (
            (self.start.downloaded_at, _HUB_CACHE, "HF_HOME"),
            (self.start.compiled_at, _COMPILE_CACHE, "VLLM_CACHE_ROOT"),
        ):
            if at is not None:
                self._plan(at, partial(self._keep, self._cache(path, variable)))
        code, reason = self.start.exit_code, self.start.exit_reason
        if reason == "OOMKilled" and not self.around.machine.notices_oom:
            reason = ""
        if code is None:
            self._plan(self.start.seconds, self._serve)
        else:
            self._plan(self.start.seconds, lambda: self.exit(code, reason))

    def _keep(self, cache: str) -> None:
        """What was downloaded or compiled is on disk now."""
        self._disk(cache).keep(cache, self._model_key())

    def _keep_part(self) -> None:
        """What an interrupted download has completed stays: whole files, of which there are as many as shards."""
        begun, model = self.start.download_from, self.start.model
        passed = self.world.now - self.started_at - begun if begun is not None else -1.0
        if model is None or not 0 <= passed < self.start.download_s:
            return
        cache = self._cache(_HUB_CACHE, "HF_HOME")
        had = self._disk(cache).share(cache, self._model_key())
        share = had + (1 - had) * passed / self.start.download_s
        self._disk(cache).keep(cache, self._model_key(), floor(share * model.shards) / model.shards)

    def _disk(self, cache: str) -> Disk:
        """Volumes of claims go from node to node; everything else stays on its own."""
        return self.world.claims if cache.startswith("claim/") else self.around.machine.disk

    # --- serving ------------------------------------------------------------------------------------------

    def _serve(self) -> None:
        model, memory, arguments = self.start.model, self.start.memory, self.start.arguments
        if model is None or memory is None:
            raise RuntimeError("a start that serves has a model and a memory plan")
        traffic = self.world.traffic
        dialect = self.version.dialect
        self.serving = Serving(
            self.world.now,
            Speed.of(model, self.around.gpus[0].kind, memory),
            memory,
            lambda: traffic.load_of(self.namespace, self.served),
            lambda at, over_s: traffic.rate(self.namespace, self.served, at, over_s),
            {name: Histogram(values) for name, values in bounds(dialect).items()},
            self.dice,
            prefix_caching=arguments.prefix_caching,
        )
        self._page = Page(
            dialect,
            page_values(self.served, memory, arguments.kv_cache_dtype, prefix_caching=arguments.prefix_caching),
        )
        self._stats_at = self.world.now
        traffic.join(self)
        self._on_change()
        self._keep_up()
        if traffic.load_of(self.namespace, self.served).holds_up_s:
            self._plan(_HELD_UP_AFTER_S, self._hold_up)

    def _hold_up(self) -> None:
        self._is_held_up = True
        self._on_change()

    def _keep_up(self) -> None:
        if self.world.live or self._is_tight:
            self.catch_up()
        past_s = _TIGHT_S if self._is_tight else _PAST_S
        self._plan(_KEEP_UP_S if self.world.live else past_s, self._keep_up)

    @property
    def _is_tight(self) -> bool:
        """Whether so little of the GPU is left unplanned that a large batch may not find room for its logits."""
        return self.start.memory is not None and self.start.memory.utilization > _TIGHT

    def _outgrown(self, serving: Serving) -> bool:
        memory = self.start.memory
        if memory is None or not self._is_tight:
            return False
        spare = memory.total_gib * (1 - memory.utilization) - _CONTEXT_GIB
        return serving.running * _BATCH_GIB > spare

    def _run_out(self, serving: Serving) -> None:
        """The engine dies of what nobody had planned for, and the API server ends in good order, with exit code 0."""
        total = self.start.memory.total_gib if self.start.memory else 0.0
        values = {
            "t": texts.stamp(self.world.now),
            "core": "(EngineCore pid=217)",
            "total": f"{total:.2f}",
            "free": "18.19",
            "in_use": f"{total - 0.02:.2f}",
            "allocated": f"{total - 0.52:.2f}",
        }
        for line in texts.ending(self.version.dialect, "oom-serving"):
            self.output.write(self.world.now, texts.fill(line, values))
        self._plan(0.5, lambda: self.exit(0))

    def catch_up(self) -> None:
        """Brings the engine to the present."""
        serving = self.serving
        if serving is None or self._dying:
            return
        for seconds in steps_between(serving.now, self.world.now):
            serving.step(seconds)
            if self._outgrown(serving) and not self._terminated:
                self._dying = True
                self._run_out(serving)
                return
            if seconds <= _STATS_S:
                self._log_stats(serving)

    def _log_stats(self, serving: Serving) -> None:
        """vLLM's line of statistics, every ten seconds while there is something to tell."""
        passed = serving.now - self._stats_at
        if passed < _STATS_S:
            return
        counters = serving.counters
        prompt, generated = counters.prompt - self._stats_prompt, counters.generated - self._stats_generated
        self._stats_at, self._stats_prompt, self._stats_generated = serving.now, counters.prompt, counters.generated
        if not prompt and not generated:
            return
        values = {
            "t": texts.stamp(serving.now),
            "prompt": f"{prompt / passed:.1f}",
            "generation": f"{generated / passed:.1f}",
            "running": round(serving.running),
            "waiting": round(serving.waiting),
            "usage": f"{serving.kv_usage * 100:.1f}",
            "hits": f"{100 * counters.cached / max(1.0, counters.prompt):.1f}",
        }
        line = texts.phases(self.version.dialect)["stats"][0]
        self.output.write(serving.now, texts.fill(line, values))

    # --- the outside --------------------------------------------------------------------------------------

    @property
    def late_s(self) -> float:
        """How long an answer takes now: what the traffic holds up, once so much of it is there."""
        busy = self._is_held_up and self.serving is not None and self.serving.running > 0
        return self.world.traffic.load_of(self.namespace, self.served).holds_up_s if busy else 0.0

    def files_gib(self) -> dict[str, float]:
        """What has been downloaded to the container's own files (no name) or to a volume of the pod, by its name."""
        path = self.around.env.get("HF_HOME", _HUB_CACHE)
        volume, model, begun = self._volume(path), self.start.model, self.start.download_from
        if model is None or begun is None or (volume is not None and "emptyDir" not in volume):
            return {}
        share = min(1.0, max(0.0, self.world.now - self.started_at - begun) / max(self.start.download_s, 0.1))
        return {volume["name"] if volume else "": model.weights_gib * share}

    def respond(self, request: ProxyRequest) -> ProxyResponse | None:
        arguments = self.start.arguments
        reachable = request.port == arguments.port and arguments.host not in _LOOPBACK
        if self.serving is None or self.ended or not reachable:
            return None
        self.catch_up()
        return answer(self, request)

    def metrics(self) -> bytes:
        """The text of /metrics."""
        if self.serving is None or self._page is None:
            raise RuntimeError("only a serving engine has metrics")
        numbers = numbers_of(self.serving, self.version.dialect, self.started_at)
        return self._page.render(numbers, self.serving.histograms, self.started_at)

    def memory_used_gib(self) -> float:
        """GPU memory that the process holds on each of its GPUs."""
        memory, now = self.start.memory, self.world.now - self.started_at
        if memory is None or now < self.start.weights_from:
            return 0.0
        if self.serving is not None:
            return memory.utilization * memory.total_gib + memory.graphs_gib
        span = max(0.1, self.start.weights_until - self.start.weights_from)
        return 0.4 + memory.weights_gib * min(1.0, (now - self.start.weights_from) / span)

    @property
    def gpu_busy(self) -> float:
        """The part of the time in which its GPUs work, 0 to 1."""
        if self.serving is not None:
            self.catch_up()
            return self.serving.busy
        loading = self.start.weights_until and self.world.now - self.started_at > self.start.weights_until
        return 0.35 if loading else 0.0

    def terminate(self) -> None:
        """SIGTERM: a server stops; a start, being process 1 without a handler yet, does not notice."""
        if self._terminated or self.serving is None:
            return
        self._terminated = True
        self.catch_up()
        values = {"t": texts.stamp(self.world.now), "core": "(EngineCore pid=217)"}
        for line in texts.ending(self.version.dialect, "stop"):
            self.output.write(self.world.now, texts.fill(line, values))
        self._plan(0.8, lambda: self.exit(0))

    def exit(self, code: int, reason: str = "") -> None:
        if not self.ended:
            self._keep_part()
        if self.serving is not None and not self.ended:
            self.world.traffic.leave(self)
        super().exit(code, reason)
