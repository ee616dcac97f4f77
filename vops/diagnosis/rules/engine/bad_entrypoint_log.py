"""A shell in the container finds no such command: vLLM never ran.

What it finds
    `command not found`, `executable file not found`, `can't open file` or `No module named vllm` as the container's own
    output; not of nvidia-smi, which a script asks for and the driver brings into the container.

Why it matters
    Where a shell or a script starts the server, Kubernetes sees only that the container ended with 126, 127 or 2.

Evidence
    The shell's words, and the command of the container.

Fix
    By hand: correct the command, or the image.
"""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_NOT_FOUND = lazy_pattern(
    r"^Shell: (?!.*(?:exec format error|\bnvidia-smi\b)).{1,400}|^Said: usage: vllm \[-h\]"
    r"|FileNotFoundError: \[Errno 2\] No such file or directory: '(?:vllm"
    r"|python3?)'"
)

_DENIED = "ermission denied"
_MAY_NOT = (
    "may not be executed",
    "Make the file executable in the image or its ConfigMap (chmod +x, defaultMode: 0755), or start it by its "
    "interpreter, such as [bash, FILE].",
)
_GONE = "no longer works"
_IS_GONE = (
    "no longer does anything",
    "Call the program that took its place, as its message says: hf instead of huggingface-cli.",
)
_USAGE = "usage: vllm"
_SAYS_NOTHING = (
    "does not say what vLLM is to do",
    "Use command: [vllm, serve] and args: [MODEL, …]; behind sh -c all of it is one string, since what follows that "
    "string is not a part of it.",
)
_IS_NOT = (
    "is not in the image",
    "Use command: [vllm, serve], or leave it out so that the image's own is used; python3, not python.",
)


@rule(cause="bad-entrypoint", branch=Branch.DIED, needs={Source.LOGS}, order=14, signature=_NOT_FOUND)
def bad_entrypoint_log(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _NOT_FOUND)
    if hit is None:
        return None
    command = " ".join((*replica.container.command, *replica.container.args)[:4]) or "the image's own"
    known = {_DENIED: _MAY_NOT, _GONE: _IS_GONE, _USAGE: _SAYS_NOTHING}
    fails, step = next((told for words, told in known.items() if words in hit[0].text), _IS_NOT)
    return deaths.verdict(
        replica,
        hit,
        f"The command of {replica.name} {fails}: {deaths.quoted(hit, 120)}",
        deaths.steps(replica, "Correct the command", step),
        evidence.container_field(replica, "command", command),
    )
