"""The model has no chat template, or the one that was given cannot be used.

What it finds
    A --chat-template that is no file and no template: the server does not start. Or a server that starts and answers
    every chat request with 400, because the tokenizer brings no template (a base model).

Why it matters
    Probes are green and completions work; only chat fails, for every client.

Evidence
    The refusal in the log, and the flag.

Fix
    By hand: --chat-template with a file that is mounted, or the instruction-tuned model.
"""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence, Fix, Severity
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_UNUSABLE = lazy_pattern(
    r"supplied chat template.{0,400}(?:doesn't exist|looks like a file path|failed to|not)"
    r"|chat template path doesn't exist"
    r"|ChatTemplateResolutionError|default chat template is no longer allowed|TemplateSyntaxError"
    r"|multiple chat templates with no default|Cannot load chat template"
    r"|chat_template is not set|does not (?:have|define) a chat template"
    r"|Template error: template not found"  # text-generation-inference's
)


@rule(cause="chat-template-missing", branch=Branch.DIED, needs={Source.LOGS}, order=28, signature=_UNUSABLE)
def chat_template_missing(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _UNUSABLE)
    if hit is None:
        return None
    return deaths.verdict(replica, hit, f"The chat template of {replica.name} cannot be used", _fix(replica))


@rule(cause="chat-template-missing", branch=Branch.TRAFFIC, needs={Source.LOGS})
def chat_template_missing_serving(replica: Replica) -> Verdict | None:
    log = replica.log
    refused = log.notice(_UNUSABLE) if log is not None and log.ready else None
    if refused is None:
        return None
    return Verdict(
        summary=f"{deaths.the_model(replica)} has no chat template: chat requests are refused (400)",
        evidence=(evidence.log_line(refused[0].line, refused[0].message),),
        confidence=Confidence.STRONG,
        severity=Severity.WARNING,
        fixes=(_fix(replica),),
    )


def _fix(replica: Replica) -> Fix:
    return deaths.steps(
        replica,
        "Give the server a chat template",
        "Set --chat-template to a file that is mounted into the container;",
        "or serve the instruction-tuned variant of the model, whose tokenizer brings one.",
    )
