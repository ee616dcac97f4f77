"""Who may speak about the failure in a log: one failure has one cause.

Every rule about log text says by its signature which failures it knows. The likeliest failure that anyone knows decides
which of them are asked; what else stands in the log is a consequence or noise, and must not become a second finding.
"""

from __future__ import annotations

from collections.abc import Sequence

from vops.diagnosis.logs.reading import LogReading
from vops.diagnosis.rule import Rule, Subject, Verdict, discover
from vops.diagnosis.subjects import Replica
from vops.model.patterns import lazy_pattern

_QUOTING = lazy_pattern(
    r"<urlopen error|failed \(\d{3}\)|CERTIFICATE_VERIFY_FAILED|Max retries exceeded"
    r"|\d{3} Client Error"
)
"""Another program's failure within the words of a parser that had tried something by the argument."""

_NOT_OF = (
    (
        frozenset({"bad-argument", "broken-install"}),
        lazy_pattern(
            r" @ (?:vllm/)?(?:config|engine/arg_utils|platforms|(?:v1/)?attention|(?:v1/)?executor/ray\w{0,40}"
            r"|v1/engine/utils)\b"
        ),
        frozenset({"nixl-handshake", "nccl-failure", "cuda-driver-mismatch"}),
    ),
    (
        frozenset({"quantization-mismatch"}),
        lazy_pattern(r" @ (?:vllm/)?model_executor/layers/quantization/"),
        frozenset({"cuda-driver-mismatch"}),
    ),
)
"""What code that checks settings or a checkpoint finds, and causes that it names only because these are about them."""

_OF_ARGUMENTS = "bad-argument"
"""The cause of everything that a command line's parser refuses, whatever the arguments are about."""


def entitled(subject: Subject, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules without a signature, and those with the signature of the likeliest failure that any of them knows."""
    knowing = [item for item in rules if item.signature is not None]
    log = subject.death_log if isinstance(subject, Replica) and knowing else None
    if log is None:
        return tuple(rules)
    claimed = _claimed(log, knowing)
    return tuple(item for item in rules if item.signature is None or item.name in claimed)


def _claimed(log: LogReading, rules: Sequence[Rule]) -> frozenset[str]:
    for error in log.candidates:
        if error.short_type == "ArgumentError" and not _QUOTING.search(error.message):
            return frozenset(item.name for item in rules if item.cause == _OF_ARGUMENTS)
        text = error.text
        claims = [item for item in rules if item.signature is not None and item.signature.search(text)]
        if claims:
            return frozenset(item.name for item in _meant(claims, text))
    return frozenset()


def _meant(claims: Sequence[Rule], text: str) -> Sequence[Rule]:
    """Those that a failure can be about in the code that raised it, where there are any."""
    causes = {item.cause for item in claims}
    others = next((named for own, place, named in _NOT_OF if own & causes and place.search(text)), frozenset())
    return [item for item in claims if item.cause not in others]


def known(text: str) -> bool:
    """Whether any rule knows the failure that a text tells of."""
    return any(item.signature.search(text) is not None for item in discover() if item.signature is not None)


def first_claim(verdicts: Sequence[tuple[Rule, Verdict]]) -> list[tuple[Rule, Verdict]]:
    """All verdicts, but of those about the failure in the log only the first: rules come in the order of the tree."""
    claims = [item.name for item, _ in verdicts if item.signature is not None]
    return [(item, verdict) for item, verdict in verdicts if item.signature is None or item.name == claims[0]]
