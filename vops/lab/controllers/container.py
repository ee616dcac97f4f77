"""One container of a pod: its image, its runs, its ends, and the waits between them.

Restarts back off from 10 s to 300 s, doubling, and start over after a run that outlasted twice the longest wait.
Source: k8s.io/kubernetes pkg/kubelet (kuberuntime_manager.go, images/image_manager.go) and client-go's flowcontrol.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vops.lab.controllers.credentials import credentials_of
from vops.lab.controllers.environment import ConfigMissing, environment_of
from vops.lab.controllers.probes import ProbeLoop, probes_of
from vops.lab.documents import Document, timestamp
from vops.lab.process import Output, Process, Surroundings
from vops.lab.programs import launch
from vops.lab.timeline import Timer

if TYPE_CHECKING:
    from vops.lab.controllers.podworker import PodWorker

_FIRST_S, _LAST_S = 10.0, 300.0
_SYNC_S = 12.0
"""How often kubelet looks at a pod that it can do nothing for."""
_RESYNC_S = 1.0
"""How soon it looks again after something happened."""


@dataclass
class BackOff:
    """How long to wait after a failure; `since` is when the wait was last made longer."""

    seconds: float = 0.0
    since: float = 0.0

    def waits(self, failed_at: float, now: float) -> float:
        """Seconds still to wait, 0 when there is nothing to wait for."""
        if not self.seconds or self._expired(failed_at):
            return 0.0
        return max(0.0, failed_at + self.seconds - now)

    def lengthen(self, failed_at: float, now: float) -> None:
        fresh = not self.seconds or self._expired(failed_at)
        self.seconds = _FIRST_S if fresh else min(self.seconds * 2, _LAST_S)
        self.since = now

    def _expired(self, failed_at: float) -> bool:
        return failed_at - self.since > 2 * _LAST_S


class ContainerUnit:
    """A container over all its runs."""

    def __init__(self, worker: PodWorker, spec: Document, *, init: bool) -> None:
        self.worker = worker
        self.spec = spec
        self.name: str = spec["name"]
        self.init = init
        self.state: Document = {"waiting": {"reason": "PodInitializing" if self._behind_inits else "ContainerCreating"}}
        self.last_state: Document = {}
        self.restarts = 0
        self.passed = False
        self.started = False
        self.process: Process | None = None
        self.output: Output | None = None
        self._previous: Output | None = None
        self.probes: list[ProbeLoop] = []
        self._id = ""
        self._started_at = 0.0
        self._ended_at = 0.0
        self._exit_code: int | None = None
        self._restart = BackOff()
        self._pull = BackOff()
        self._killing: Timer | None = None

    @property
    def _behind_inits(self) -> bool:
        return not self.init and bool(self.worker.pod["spec"].get("initContainers"))

    # --- what others ask ----------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        return self.process is not None

    @property
    def previous_output(self) -> Output | None:
        """The log that `--previous` asks for: while nothing runs, the last run counts as the previous one."""
        return self.output if "waiting" in self.state else self._previous

    @property
    def started_at(self) -> float:
        return self._started_at

    @property
    def ready(self) -> bool:
        return self.running and self.started and self.passed

    @property
    def never_ran(self) -> bool:
        return "waiting" in self.state and not self.last_state

    @property
    def succeeded(self) -> bool:
        return self.finished and self._exit_code == 0

    @property
    def finished(self) -> bool:
        """It ended, and will not be started again."""
        return "terminated" in self.state and not self._restarts_after(self._exit_code or 0)

    def report(self) -> Document:
        """Its entry in the pod's status."""
        image, registry = self.spec["image"], self.worker.world.registry
        status: Document = {
            "name": self.name,
            "state": self.state,
            "lastState": self.last_state,
            "ready": self.succeeded if self.init else self.ready,
            "restartCount": self.restarts,
            "image": registry.full_name(image),
            "imageID": registry.image_id(image) if self._id else "",
            "started": self.running and self.started,
        }
        if self._id:
            status["containerID"] = self._id
        return status

    # --- from image to process ----------------------------------------------------------------------------

    def begin(self) -> None:
        """Makes sure of the image, then starts the container."""
        worker, image = self.worker, self.spec["image"]
        present = worker.world.registry.full_name(image) in worker.machine.images
        if present and self._pull_policy() != "Always":
            text = f'Container image "{image}" already present on machine and can be accessed by the pod'
            self._tell("Normal", "Pulled", text)
            worker.plan(0.1, self._create)
            return
        self._tell("Normal", "Pulling", f'Pulling image "{image}"')
        found = worker.world.registry.find(image, credentials_of(worker.world.store, worker.pod))
        if found is None:
            worker.plan(0.6, self._pull_failed)
            return
        seconds = 0.6 if present else round(found.pull_s * worker.chance.uniform(0.9, 1.2), 3)
        worker.plan(seconds, lambda: self._pulled(seconds, found.size_bytes))

    def _pull_policy(self) -> str:
        default = "Always" if self.spec["image"].endswith(":latest") else "IfNotPresent"
        return str(self.spec.get("imagePullPolicy", default))

    def _pulled(self, seconds: float, size: int) -> None:
        image = self.spec["image"]
        self.worker.machine.images.add(self.worker.world.registry.full_name(image))
        took = f"{seconds:.3f}s".replace(".000s", "s")
        text = f'Successfully pulled image "{image}" in {took} ({took} including waiting). Image size: {size} bytes.'
        self._tell("Normal", "Pulled", text)
        self._create()

    def _pull_failed(self) -> None:
        image, now = self.spec["image"], self.worker.world.now
        worker = self.worker
        refusal = worker.world.registry.refusal(image, credentials_of(worker.world.store, worker.pod))
        self._tell("Warning", "Failed", f'Failed to pull image "{image}": {refusal}')
        self._tell("Warning", "Failed", "Error: ErrImagePull")
        self._wait("ErrImagePull", refusal)
        self._pull.lengthen(now, now)
        self.worker.plan(_RESYNC_S, lambda: self._pull_backs_off(now, refusal))

    def _pull_backs_off(self, failed_at: float, refusal: str) -> None:
        image, now = self.spec["image"], self.worker.world.now
        left = self._pull.waits(failed_at, now)
        if not left:
            self.begin()
            return
        self._tell("Normal", "BackOff", f'Back-off pulling image "{image}"')
        self._tell("Warning", "Failed", "Error: ImagePullBackOff")
        self._wait("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {refusal}')
        self.worker.plan(min(left, _SYNC_S), lambda: self._pull_backs_off(failed_at, refusal))

    def _create(self) -> None:
        worker = self.worker
        try:
            env = environment_of(worker.world.store, worker.pod, self.spec)
        except ConfigMissing as missing:
            self._tell("Warning", "Failed", f"Error: {missing}")
            self._wait("CreateContainerConfigError", str(missing))
            worker.plan(_SYNC_S, self.begin)
            return
        self._tell("Normal", "Created", "Container created")
        self._tell("Normal", "Started", "Container started")
        self._start(env)

    def _start(self, env: dict[str, str]) -> None:
        worker = self.worker
        if self._exit_code is not None:
            self.restarts += 1
            self._previous = self.output
            if "terminated" in self.state:
                self.last_state = self.state
        self._started_at = worker.world.now
        self._id = f"containerd://{worker.chance.getrandbits(256):064x}"
        self.state = {"running": {"startedAt": timestamp(worker.world.clock.now())}}
        self.probes = probes_of(self)
        self.started = not any(probe.kind == "startup" for probe in self.probes)
        self.passed = not any(probe.kind == "readiness" for probe in self.probes)
        around = Surroundings(
            worker.world, worker.pod, self.spec, env, worker.machine, worker.gpus or (), worker.ip, self.restarts
        )
        self.process = launch(around, self._exited, self._process_changed, init=self.init)
        self.output = self.process.output
        for probe in self.probes:
            probe.begin()
        worker.write()

    # --- from process to restart --------------------------------------------------------------------------

    def _process_changed(self) -> None:
        for probe in self.probes:
            probe.poke()

    def stop(self, message: str, grace_s: float) -> None:
        """Asks the process to end, and ends it after the grace period."""
        process = self.process
        if process is None or self._killing is not None:
            return
        self._tell("Normal", "Killing", message)
        for probe in self.probes:
            probe.end()
        self._killing = self.worker.world.after(grace_s, process.kill)
        process.terminate()

    def vanish(self) -> None:
        """Ends without a word: the pod object is gone."""
        for probe in self.probes:
            probe.end()
        process, self.process = self.process, None
        if process is not None:
            process.kill()

    def _exited(self, code: int, reason: str) -> None:
        if self._killing is not None:
            self._killing.cancel()
            self._killing = None
        for probe in self.probes:
            probe.end()
        if self.process is None:
            return
        self.process = None
        world = self.worker.world
        self._exit_code, self._ended_at = code, world.now
        self.started = self.passed = False
        ended: Document = {
            "exitCode": code,
            "reason": reason,
            "startedAt": self.state["running"]["startedAt"],
            "finishedAt": timestamp(world.clock.now()),
            "containerID": self._id,
        }
        if message := self._last_words(code):
            ended["message"] = message
        self.state = {"terminated": ended}
        self.worker.write()
        if self.worker.stopping:
            self.worker.check_gone()
        else:
            self.worker.plan(_RESYNC_S, self._after_exit)

    def _last_words(self, code: int) -> str:
        """The end of the log, where the container asks for it as its termination message."""
        if code == 0 or self.spec.get("terminationMessagePolicy") != "FallbackToLogsOnError" or self.output is None:
            return ""
        lines = self.output.until(self.worker.world.now)[-80:]
        return "\n".join(line.text for line in lines)[-2048:]

    def _restarts_after(self, code: int) -> bool:
        policy = self.worker.pod["spec"].get("restartPolicy", "Always")
        if self.init or policy == "OnFailure":
            return code != 0 and policy != "Never"
        return bool(policy == "Always")

    def _after_exit(self) -> None:
        worker, now = self.worker, self.worker.world.now
        if not self._restarts_after(self._exit_code or 0):
            if self.init:
                worker.advance()
            worker.write()
            return
        left = self._restart.waits(self._ended_at, now)
        if left:
            self._back_off(left)
            return
        self._restart.lengthen(self._ended_at, now)
        self.begin()

    def _back_off(self, left: float) -> None:
        worker = self.worker
        namespace, pod = worker.key
        text = f"Back-off restarting failed container {self.name} in pod {pod}_{namespace}({worker.uid})"
        self._tell("Warning", "BackOff", text)
        if "terminated" in self.state:
            self.last_state = self.state
        wait = _duration(self._restart.seconds)
        message = f"back-off {wait} restarting failed container={self.name} pod={pod}_{namespace}({worker.uid})"
        self._wait("CrashLoopBackOff", message)
        worker.plan(min(left, _SYNC_S), self._after_exit)

    # --- small helpers ------------------------------------------------------------------------------------

    def _wait(self, reason: str, message: str) -> None:
        self.state = {"waiting": {"reason": reason, "message": message}}
        self.worker.write()

    def _tell(self, type_: str, reason: str, message: str) -> None:
        self.worker.event(type_, reason, message, container=self.name, init=self.init)

    def tell_unhealthy(self, message: str) -> None:
        self._tell("Warning", "Unhealthy", message)

    def probe_passed(self, kind: str, passed: bool) -> None:
        """A probe made up its mind: opens or closes the container to traffic, or lets the other probes begin."""
        if kind == "startup":
            self.started = True
            for probe in self.probes:
                probe.poke()
        elif kind == "readiness":
            self.passed = passed
        self.worker.write()

    def probe_failed(self, kind: str, spec: dict[str, Any]) -> None:
        """A liveness or startup probe gave up on the container."""
        grace = spec.get(
            "terminationGracePeriodSeconds", self.worker.pod["spec"].get("terminationGracePeriodSeconds", 30)
        )
        self.stop(f"Container {self.name} failed {kind} probe, will be restarted", float(grace))


def _duration(seconds: float) -> str:
    """As Go writes a duration: `10s`, `1m20s`, `5m0s`."""
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"
