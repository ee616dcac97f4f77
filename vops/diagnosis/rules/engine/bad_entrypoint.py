"""The container's command cannot be executed, or is not one that keeps running.

What it finds
    The runtime's failure to execute the command, a user or working directory that the image does not
    have, or a command that ends at once, successfully, again and again.

Why it matters
    vLLM never ran, so there is often no log; the reason is in the container's status only.

Evidence
    The runtime's words, the exit status, and the command.

Fix
    By hand: correct the command. The image vllm/vllm-openai starts `vllm serve` by itself and needs args only.
"""

from __future__ import annotations

from vops.diagnosis import evidence, remedies
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Evidence
from vops.diagnosis.logs.stages import Stage
from vops.diagnosis.logs.wordings import read, wording
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting.containers import Role, role
from vops.diagnosis.starting.creation import refusal
from vops.diagnosis.starting.startup import lifetime_s, probe_kill
from vops.model.snapshot import Source

_NOT_THERE = "{what} is not in the image"
_MODE = (
    "Make the file executable in the image or its ConfigMap (chmod +x, defaultMode: 0755), or start it by its "
    "interpreter, such as [bash, FILE]."
)
_DIRECTORY = (
    "Set workingDir to a directory that the image has and the container's user may read and write, or run it as the "
    "user that the image was made for (runAsUser; fsGroup where a volume is mounted there)."
)
_SAYS = (
    wording(r'(?:exec: |^)"([^"]{0,200})": executable file not found', _NOT_THERE, ""),
    wording(r'exec: \\?"([^"\\]{1,300})\\?": stat .{1,300}: no such file', _NOT_THERE, ""),
    wording(r"executable file `?([^`]{1,200}?)`? not found", _NOT_THERE, ""),
    wording(r'exec: "?([^" :]{1,200})"?: (?:stat \S{1,200}: )?no such file', _NOT_THERE, ""),
    wording(
        r"exec (/\S{1,200}): no such file or directory", "{what} is not there, or names an interpreter that is not", ""
    ),
    wording(
        r'exec: "?([^" :]{1,200})"?: (?:stat \S{1,200}: )?(?:permission denied|is a directory)',
        "{what} may not be executed",
        _MODE,
    ),
    wording(r"open executable: Permission denied", "it may not be executed", _MODE),
    wording(r"Cannot mkdir: (\S{1,200}) is not a directory", "its working directory {what} is a file", _DIRECTORY),
    wording(r'chdir to cwd \(?"?([^")]{1,200})', "its working directory {what} cannot be entered", _DIRECTORY),
    wording(r"unable to find (?:user|group) ([^:\s]{1,64})|no users found", "the image knows no user {what}", ""),
    wording(r"no command specified", "there is none, neither in the pod nor in the image", ""),
)
_OF_RUNTIME = ("nvidia-", "/usr/bin/nvidia-", "apparmor_parser", "runc", "crun", "conmon", "mount.")
"""How the node's own programs are called, which are no command of the container."""

_AT_ONCE_S = 30


@rule(cause="bad-entrypoint", branch=Branch.START, order=30)
def bad_entrypoint(replica: Replica) -> Verdict | None:
    found = refusal(replica)
    said = read(found.text, _SAYS) if found is not None else None
    if found is None or said is None or said.what.startswith(_OF_RUNTIME):
        return None
    return _verdict(
        replica, f"The command of {replica.name} cannot be executed: {said.says}", (found.shown,), said.step
    )


@rule(cause="bad-entrypoint", branch=Branch.DIED, needs={Source.LOGS}, order=90, last_resort=True)
def bad_entrypoint_ends(replica: Replica) -> Verdict | None:
    log, death, ran_s = replica.death_log, replica.last_death, lifetime_s(replica)
    if log is None or death is None or death.exit_code or ran_s is None or ran_s > _AT_ONCE_S:
        return None
    other = log.ready or log.terminated or log.engine_died or log.root is not None or probe_kill(replica) is not None
    if other or replica.restarts < 2 or role(replica) is not Role.SERVER or log.stage is not Stage.BOOT:
        return None
    return _verdict(replica, f"The command of {replica.name} ends at once, successfully, and serves nothing", (), "")


def _verdict(replica: Replica, summary: str, found: tuple[Evidence, ...], step: str) -> Verdict:
    command = " ".join((*replica.container.command, *replica.container.args)[:4]) or "the image's own"
    return Verdict(
        summary=summary,
        evidence=(
            *found,
            *evidence.exit_status(replica),
            evidence.container_field(replica, "command", command),
            evidence.container_field(replica, "image", replica.container.image),
        ),
        confidence=Confidence.CERTAIN if found else Confidence.PROBABLE,
        fixes=(remedies.by_steps(replica, "Correct the command", (step or _by_role(replica),)),),
    )


def _by_role(replica: Replica) -> str:
    if role(replica) is Role.SERVER and not replica.observed:
        return "Name a program that the image has, or leave command out; vllm/vllm-openai: [vllm, serve, MODEL]."
    if role(replica) is Role.SERVER:
        return (
            "Use command: [vllm, serve, MODEL], or leave it out and give args only: vllm/vllm-openai starts vllm serve."
        )
    return f"Correct command and args of container {replica.container.name}: its image must have the program."
