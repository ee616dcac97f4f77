"""The Job controller: a pod at a time until one succeeds, with the failure policy and the words of upstream.

Leaves out parallelism, indexes, suspension and success policies. Source: k8s.io/kubernetes pkg/controller/job
(job_controller.go, pod_failure_policy.go, backoff_utils.go) and pkg/controller/ttlafterfinished.
"""

from __future__ import annotations

from vops.lab.controllers.base import Controller, condition, controller_of, key_of, terminating
from vops.lab.controllers.replicaset import pod_from, pods_of
from vops.lab.controllers.rollout import moment
from vops.lab.documents import Change, Document, Key, copy_of, timestamp
from vops.lab.store import Documents

_FIRST_S, _LAST_S = 10.0, 600.0
_LABEL = "batch.kubernetes.io/"


class JobController(Controller):
    """Makes pods, counts how they end, and says when the Job is over."""

    name = "job-controller"

    def notice(self, change: Change) -> None:
        if change.kind.kind == "Job":
            self.mark(change.key)
        elif change.kind.kind == "Pod":
            owner = controller_of(change.document)
            if owner and owner["kind"] == "Job":
                self.mark((change.key[0], owner["name"]))

    def reconcile(self, key: Key) -> None:
        job = self.store.find("batch/v1", "Job", *key)
        if job is None or terminating(job):
            return
        if finished(job):
            self._expire(job)
            return
        if "startTime" not in job.get("status", {}):
            self._begin(job)
            return
        pods = pods_of(self.world, job)
        self._act(job, pods)

    def _begin(self, job: Document) -> None:
        deadline = job["spec"].get("activeDeadlineSeconds")
        if deadline:
            self.mark_after(deadline, key_of(job))
        self._report(job, {"startTime": timestamp(self.world.clock.now())})

    def _act(self, job: Document, pods: Documents) -> None:
        """Ends the Job where its pods or its deadline say so, else makes the next pod when it is time for one."""
        active = [pod for pod in pods if _phase(pod) not in ("Succeeded", "Failed") and not terminating(pod)]
        failed = [pod for pod in pods if _phase(pod) == "Failed"]
        counted = [pod for pod in failed if not _ignored(job, pod)]
        ending = self._ending(job, pods, counted)
        if ending is not None:
            self._end(job, active, ending, len(counted))
            return
        self._report(job, {"active": len(active), "ready": 0, "failed": len(counted) or None})
        if not active:
            self._next(job, counted)

    def _ending(self, job: Document, pods: Documents, failed: Documents) -> tuple[str, str, str] | None:
        """Condition, reason and message of a Job that is over."""
        if any(_phase(pod) == "Succeeded" for pod in pods):
            return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        for pod in failed:
            if message := _fails_job(job, pod):
                return "Failed", "PodFailurePolicy", message
        if len(failed) > job["spec"].get("backoffLimit", 6):
            return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        deadline = job["spec"].get("activeDeadlineSeconds")
        if deadline and self.world.now - moment(job["status"]["startTime"]) >= deadline:
            return "Failed", "DeadlineExceeded", "Job was active longer than specified deadline"
        return None

    def _end(self, job: Document, active: Documents, ending: tuple[str, str, str], failed: int) -> None:
        kind, reason, message = ending
        for pod in active:
            self.store.delete("v1", "Pod", *key_of(pod))
        now = timestamp(self.world.clock.now())
        before = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        stamped = {
            "status": "True",
            "reason": reason,
            "message": message,
            "lastProbeTime": now,
            "lastTransitionTime": now,
        }
        status: Document = {
            "active": None,
            "failed": failed or None,
            "conditions": [{"type": before, **stamped}, {"type": kind, **stamped}],
        }
        if kind == "Complete":
            status |= {"succeeded": 1, "completionTime": now}
            self.world.events.record(job, "Normal", "Completed", "Job completed", by=self.name)
        else:
            self.world.events.record(job, "Warning", reason, message, by=self.name)
        self._report(job, status)

    def _next(self, job: Document, failed: Documents) -> None:
        """The next pod, 10 s after the first failure and twice as long after each further one."""
        wait = min(_FIRST_S * 2 ** (len(failed) - 1), _LAST_S) if failed else 0.0
        last = max((_ended(pod) for pod in failed), default=0.0)
        left = last + wait - self.world.now
        if left > 0:
            self.mark_after(left, key_of(job))
            return
        pod = pod_from(job)
        pod["metadata"]["labels"] = {**pod["metadata"]["labels"], **_labels(job)}
        made = self.store.create(pod, manager="kube-controller-manager")
        name = made["metadata"]["name"]
        self.world.events.record(job, "Normal", "SuccessfulCreate", f"Created pod: {name}", by=self.name)

    def _expire(self, job: Document) -> None:
        """The TTL controller: a finished Job goes after its time, and its pods with it."""
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        over = condition(job, "Complete") or condition(job, "Failed")
        if ttl is None or over is None:
            return
        left = moment(over["lastTransitionTime"]) + ttl - self.world.now
        if left > 0:
            self.mark_after(left, key_of(job))
        else:
            self.store.delete("batch/v1", "Job", *key_of(job))

    def _report(self, job: Document, status: Document) -> None:
        current = copy_of(job)
        merged = {**current.get("status", {}), **status}
        current["status"] = {name: value for name, value in merged.items() if value is not None}
        if current["status"] != job.get("status"):
            self.store.update_status(current, manager="kube-controller-manager")


def finished(job: Document) -> bool:
    return any(condition(job, kind) for kind in ("Complete", "Failed"))


def _labels(job: Document) -> dict[str, str]:
    name, uid = job["metadata"]["name"], job["metadata"]["uid"]
    told = {"controller-uid": uid, "job-name": name}
    return told | {f"{_LABEL}{key}": value for key, value in told.items()}


def _phase(pod: Document) -> str:
    return str(pod.get("status", {}).get("phase", "Pending"))


def _ended(pod: Document) -> float:
    ends = [state["finishedAt"] for _, state in _terminated(pod)]
    return max((moment(end) for end in ends), default=0.0)


def _terminated(pod: Document) -> list[tuple[str, Document]]:
    statuses = pod.get("status", {}).get("containerStatuses", ())
    return [(item["name"], item["state"]["terminated"]) for item in statuses if "terminated" in item["state"]]


def _rules(job: Document) -> list[tuple[int, Document]]:
    return list(enumerate(job["spec"].get("podFailurePolicy", {}).get("rules", ())))


def _ignored(job: Document, pod: Document) -> bool:
    """Whether the first rule that matches the pod says that it does not count."""
    rule = next((rule for _, rule in _rules(job) if _by_condition(rule, pod) or _by_code(rule, pod)), None)
    return rule is not None and rule["action"] == "Ignore"


def _fails_job(job: Document, pod: Document) -> str:
    """The message of the first rule that matches, when it fails the Job."""
    for index, rule in _rules(job):
        if _by_condition(rule, pod):
            return ""
        if found := _by_code(rule, pod):
            name, code = found
            where = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
            ended = f"Container {name} for pod {where} failed with exit code {code}"
            return f"{ended} matching FailJob rule at index {index}" if rule["action"] == "FailJob" else ""
    return ""


def _by_condition(rule: Document, pod: Document) -> bool:
    wanted = {item["type"] for item in rule.get("onPodConditions", ())}
    return any((condition(pod, kind) or {}).get("status") == "True" for kind in wanted)


def _by_code(rule: Document, pod: Document) -> tuple[str, int] | None:
    wanted: Document = rule.get("onExitCodes", {})
    for name, state in _terminated(pod) if wanted else ():
        if wanted.get("containerName") in (None, name) and state["exitCode"]:
            matches = state["exitCode"] in wanted["values"]
            if matches == (wanted["operator"] == "In"):
                return name, state["exitCode"]
    return None
