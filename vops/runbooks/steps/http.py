"""`http`: asks every ready pod of a workload over HTTP, through the API server, and looks at what it answers.

The only request beside GET is POST with a JSON body, as an OpenAI endpoint takes. It looks again until every pod has
answered as expected or the time is up, so it can stand right after a rollout.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from vops.errors import ClusterError
from vops.model.text import read_json, scrub
from vops.planning.patches import Document
from vops.runbooks.expressions import ExpressionError, Scope, holds
from vops.runbooks.kinds import Group, Outcome, Ports, RefArg, StepFault
from vops.runbooks.pods import ready_pods

KIND = "http"
GROUP = Group.WAIT
RIGHTS = ("get ref", "list pods", "get pods/proxy")
PERHAPS = ("create pods/proxy",)
OUTPUTS = {"status": "int", "seconds": "double", "json": "any", "pods": "int"}
PAUSE_S = 2.0
EXCERPT = 200


class Args(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    ref: RefArg
    """A Deployment, StatefulSet or Pod."""
    path: str
    """The path and query."""
    port: int = 8000
    method: Literal["GET", "POST"] = "GET"
    body: dict[str, Any] | None = None
    """What to POST, as JSON."""
    expect: str = "obj.status == 200"
    """A CEL condition on `obj`, the answer: `status`, `json` (null unless it is), `text` and `seconds`."""


async def run(args: Args, ports: Ports) -> Outcome:
    """The last pod's answer, once each is as expected. Raises StepFault with the answer that was not, at the end."""
    while True:
        try:
            answers = await ports.patiently(lambda: _ask_all(args, ports), pause_s=PAUSE_S)
        except StepFault as fault:
            if ports.clock.monotonic() + PAUSE_S >= ports.deadline:
                raise
            ports.say(str(fault))
            continue
        if answers:
            last = answers[-1]
            outputs = {"status": last["status"], "seconds": last["seconds"], "json": last["json"], "pods": len(answers)}
            return Outcome(outputs, (f"{_answer(len(answers))} {args.path} with {last['status']}",))


async def _ask_all(args: Args, ports: Ports) -> list[Document]:
    pods = await ready_pods(ports.cluster, args.ref.ref)
    if not pods:
        raise StepFault(f"no pod of {args.ref.ref} is ready", reason="NotReady")
    expected = Scope({**dict.fromkeys(ports.values, "any"), "obj": "any"}).compile(args.expect, expected="bool")
    found = []
    for pod in pods:
        answer = await _ask(args, ports, pod)
        try:
            good = holds(expected, {**ports.values, "obj": answer})
        except ExpressionError:
            good = False
        if not good:
            said = str(answer["text"])[:EXCERPT]
            raise StepFault(f"pod {pod} answers {args.path} with {answer['status']}: {said}", reason="NotAsExpected")
        found.append(answer)
    return found


async def _ask(args: Args, ports: Ports, pod: str) -> Document:
    body = None if args.body is None else msgspec.json.encode(args.body)
    try:
        answer = await ports.cluster.proxy(args.ref.namespace, pod, args.port, args.path, method=args.method, body=body)
    except ClusterError as error:
        return {"status": error.status, "seconds": 0.0, "text": error.message, "json": None}
    text = scrub(answer.body.decode("utf-8", "replace"))
    try:
        parsed = read_json(answer.body)
    except ValueError:
        parsed = None
    return {"status": answer.status, "seconds": answer.elapsed_s, "text": text, "json": parsed}


def _answer(pods: int) -> str:
    return "1 pod answers" if pods == 1 else f"{pods} pods answer"
