"""The API server does not take the pods: a policy, a webhook, a limit range or the pod's own spec forbids them.

What it finds
    PodSecurity violations, denials of webhooks, policies and security context constraints, LimitRanges, a
    ServiceAccount or class that is not there, webhooks that cannot be asked, and specs that are invalid.

Why it matters
    No pod is made. The refusal stands in a condition or an event of the ReplicaSet or StatefulSet, and names what it
    takes offence at.

Evidence
    The refusal in the API server's words.

Fix
    By hand: what each violation asks for is spelled out.
"""

from __future__ import annotations

import re

from vops.diagnosis.facts import WorkloadFacts
from vops.diagnosis.findings import Fix
from vops.diagnosis.remedies import CHANGEABLE, advice
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import admission
from vops.model.patterns import lazy_pattern

_POD_SECURITY = lazy_pattern(r"violates PodSecurity \"(?P<level>[^\"]{1,60})\": (?P<violations>.{1,3000})", re.DOTALL)
_WEBHOOK = lazy_pattern(
    r"admission webhook \"(?P<name>[^\"]{1,253})\" denied the request(?::? ?(?P<why>.{0,2000}))?", re.DOTALL
)
_UNREACHABLE = lazy_pattern(
    r"failed calling (?:admission )?webhook \"(?P<name>[^\"]{1,253})\":? (?P<why>.{0,1000})", re.DOTALL
)
_LATE = lazy_pattern(r"Timeout: request did not complete within (?:the )?(?:requested|allowed) \w{1,20}")
_RUNTIME = lazy_pattern(
    r"(?P<reason>NoSupportingRuntime|RuntimeNotRecognized|RuntimeDisabled|InvalidPredictorSpec): (?P<why>.{0,1000})",
    re.DOTALL,
)
"""Why KServe makes no pods of an InferenceService."""

_KYVERNO = lazy_pattern(
    r"was blocked due to the following policies:?\s{0,9}(?P<name>[\w.-]{1,253}):\s{0,9}(?P<why>.{0,2000})", re.DOTALL
)
_POLICY = lazy_pattern(
    r"ValidatingAdmissionPolicy '(?P<name>[^']{1,253})'.{0,300}?denied request: (?P<why>.{0,1000})", re.DOTALL
)
_LIMIT_RANGE = lazy_pattern(
    r"(?:maximum|minimum) [\w./-]{1,80} usage per (?:Container|Pod) is [^,\]]{1,60},? but [^,\]]{1,80}"
    r"|[\w./-]{1,80} max limit to request ratio per \w{1,20} is [^,\]]{1,40}, but provided ratio is [^,\]]{1,40}"
)
_ACCOUNT = lazy_pattern(
    r"(?:error looking up service account \S{1,300}: )?serviceaccount \"(?P<name>[^\"]{1,253})\" not found"
)
_CLASS = lazy_pattern(
    r"no PriorityClass with name (?P<priority>\S{1,253}) was found|RuntimeClass \"(?P<runtime>[^\"]{1,253})\" not found"
)
_CONSTRAINT = lazy_pattern(
    r"unable to validate against any security context constraint|PodSecurityPolicy: unable to admit"
)
_INVALID = lazy_pattern(
    r"(?:\b[A-Z]\w{2,40}(?:\.\w+)* \"[^\"]{1,253}\" is invalid:|The request is invalid:"
    r"|cannot be handled as an? \w{2,40}:"
    r"|error (?:parsing|validating) \S{1,200}:|error converting YAML to JSON:"
    r"|the specifications of the schema\(s\) in the following chart\(s\):)\s{1,9}(?P<why>.{1,1000})",
    re.DOTALL,
)
_ENDING = lazy_pattern(r"because it is being terminated")
_ASKED = (
    ("allowPrivilegeEscalation", "allowPrivilegeEscalation: false"),
    ("unrestricted capabilities", "capabilities: {drop: [ALL]}"),
    ("runAsNonRoot", "runAsNonRoot: true, runAsUser: 1000"),
    ("runAsUser=0", "runAsUser: 1000"),
    ("seccompProfile", "seccompProfile: {type: RuntimeDefault}"),
    ("privileged", "privileged: false"),
)
_NOT_IN_CONTAINERS = (
    ("hostPath volumes", "Replace hostPath volumes by emptyDir or a PersistentVolumeClaim."),
    ("host namespaces", "Remove hostNetwork, hostPID and hostIPC."),
    ("hostPort", "Remove hostPort from the container's ports."),
    ("restricted volume types", "Use only configMap, secret, emptyDir, projected and persistentVolumeClaim volumes."),
)


@rule(cause="admission-denied", branch=Branch.CREATE, of=WorkloadFacts, order=20)
def admission_denied(workload: WorkloadFacts) -> Verdict | None:
    refused = admission.refusal(workload)
    if refused is None or admission.exceeded(refused.text) or admission.PRIORITY_SCOPE.search(refused.text):
        return None
    why, fix = _read(workload, refused.text)
    return Verdict(
        summary=f"The API server refuses the pods of {workload.name}: {why}",
        evidence=(refused.shown,),
        confidence=refused.confidence,
        fixes=(fix,),
    )


def _read(workload: WorkloadFacts, text: str) -> tuple[str, Fix]:
    """The refusal in short, and what to do about it."""
    for pattern, explain in _KINDS:
        if match := pattern.search(text):
            return explain(workload, match)
    return _short(text), admission.at_workload(
        workload,
        "Change what it takes offence at",
        "The policy that the refusal names says what it wants, and its owner can grant an exception: kubectl get "
        "clusterpolicies,constraints,validatingadmissionpolicies",
    )


def _short(text: str, limit: int = 200) -> str:
    words = " ".join(text.split()).strip(" .:")
    return words if len(words) <= limit else words[:limit].rstrip() + "…"


def _pod_security(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    violations = match["violations"]
    context = [yaml for sign, yaml in _ASKED if sign in violations]
    steps = [f"In securityContext of each container: {', '.join(context)}."] if context else []
    as_another = "runAsNonRoot" in violations or "runAsUser=0" in violations
    if as_another and workload.ref.kind in CHANGEABLE:
        steps.append("As user 1000 vLLM needs HOME, HF_HOME and its caches on a volume that this user may write.")
    steps += [step for sign, step in _NOT_IN_CONTAINERS if sign in violations]
    why = f"Pod Security {match['level']} of {workload.namespace or 'its namespace'} is violated: {_short(violations)}"
    return why, admission.at_workload(workload, "Meet the namespace's Pod Security level", *steps)


def _denied(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    why = _short(match["why"] or "") or "without an explanation"
    step = f"What it wants: {why}"
    return f"{match['name']} denies them: {why}", admission.at_workload(workload, "Meet the policy", step)


def _unreachable(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    name = match["name"]
    return f"webhook {name} has to be asked and does not answer: {_short(match['why'], 120)}", advice(
        "Bring the webhook back",
        "kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o yaml",
        f"Find {name} in it, and its Service.",
        "See that the pods behind that Service run, and that its certificate is valid.",
    )


def _late(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    return "making one takes longer than the API server waits, as it does when a webhook hangs", advice(
        "Find the webhook that does not answer",
        "kubectl get mutatingwebhookconfigurations,validatingwebhookconfigurations -o yaml",
        "See that the pods behind each webhook's Service run and can be reached from the API server (network policies, "
        "firewalls of the control plane).",
        "Where all of them answer, the API server itself is overloaded: kubectl get --raw '/readyz?verbose'",
    )


def _limit_range(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    return f"a LimitRange of {workload.namespace} forbids it: {_short(match[0])}", admission.at_workload(
        workload,
        "Stay within the LimitRange",
        f"{_short(match[0])}. See all of them: kubectl -n {workload.namespace} describe limitrange",
        "A model server often needs more: then have the LimitRange raised.",
    )


def _account(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    create = f"kubectl -n {workload.namespace} create serviceaccount {match['name']}"
    return f"there is no ServiceAccount {match['name']} in {workload.namespace}", advice(
        "Create the ServiceAccount, or name another", create
    )


def _class(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    kind, field = ("PriorityClass", "priorityClassName") if match["priority"] else ("RuntimeClass", "runtimeClassName")
    name = match["priority"] or match["runtime"]
    step = f"Create the {kind} {name}, or correct {field} in the pod template: kubectl get {kind.lower()}es"
    return f"there is no {kind} {name}", admission.at_workload(workload, f"Name a {kind} that is there", step)


def _constraint(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    account = "the ServiceAccount of the pods"
    return _short(match.string), advice(
        "Let the pods' account use a constraint that fits",
        "Meet the constraint in securityContext (no fixed runAsUser, no privileges), or grant one:",
        f"oc -n {workload.namespace} adm policy add-scc-to-user SCC -z ACCOUNT  ({account})",
    )


def _invalid(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    why = _short(match["why"])
    return f"their spec is invalid: {why}", admission.at_workload(workload, "Correct the pod template", f"{why}.")


def _runtime(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    return f"KServe has no runtime for it: {match['reason']}, {_short(match['why'])}", advice(
        "Name a serving runtime that is there and takes the model's format",
        f"See them: kubectl get clusterservingruntimes; kubectl -n {workload.namespace} get servingruntimes",
        "Set spec.predictor.model.runtime to one of them, with modelFormat and protocolVersion that it supports, and "
        "see that it is not disabled.",
    )


def _ending(workload: WorkloadFacts, match: re.Match[str]) -> tuple[str, Fix]:
    return f"namespace {workload.namespace} is being deleted", advice(
        "Use another namespace", f"kubectl get namespace {workload.namespace} -o yaml  (what holds its deletion up)"
    )


_KINDS = (
    (_POD_SECURITY, _pod_security),
    (_WEBHOOK, _denied),
    (_UNREACHABLE, _unreachable),
    (_LATE, _late),
    (_POLICY, _denied),
    (_KYVERNO, _denied),
    (_RUNTIME, _runtime),
    (_LIMIT_RANGE, _limit_range),
    (_ACCOUNT, _account),
    (_CLASS, _class),
    (_CONSTRAINT, _constraint),
    (_ENDING, _ending),
    (_INVALID, _invalid),
)
