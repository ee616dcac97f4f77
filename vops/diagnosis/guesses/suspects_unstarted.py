"""What may keep a pod from a node, or its container from being made: a part of the table of suspects."""

from __future__ import annotations

from vops.diagnosis.guesses import suspect_facts as facts
from vops.diagnosis.guesses.suspect import Suspect, Trouble, words_of

_UNPLACED, _UNCREATED = Trouble.UNPLACED, Trouble.UNCREATED

UNSTARTED: tuple[Suspect, ...] = (
    # no node
    Suspect(
        "dra-claim-pending",
        "it is about a claim for devices",
        words_of(r"resource ?claim|all claims|device ?class|\bdra\b"),
        trouble=_UNPLACED,
    ),
    Suspect("pvc-unbound", "it is about a volume", words_of(r"volume|\bpvc?\b|storage ?class"), trouble=_UNPLACED),
    Suspect("untolerated-taint", "it is about a taint", words_of(r"taint|tolerat"), trouble=_UNPLACED),
    Suspect(
        "spread-or-affinity",
        "it is about its neighbours",
        words_of(r"spread|anti-?affinity|pod affinity|ports\b"),
        trouble=_UNPLACED,
    ),
    Suspect(
        "node-selector-mismatch",
        "it is about which nodes it may use",
        words_of(r"selector|affinity|label"),
        trouble=_UNPLACED,
    ),
    Suspect(
        "cpu-memory-short",
        "it is about room",
        words_of(r"insufficient (?:cpu|memory|ephemeral)|too many pods"),
        trouble=_UNPLACED,
    ),
    Suspect(
        "gpu-not-advertised",
        "the scheduler says the same of nodes that offer no GPU at all",
        words_of(r"insufficient \S{0,60}(?:gpu|/mig-)"),
        fact=facts.no_gpu_seen,
        trouble=_UNPLACED,
    ),
    Suspect("gpu-exhausted", "most servers that wait for a node wait for a GPU", trouble=_UNPLACED),
    Suspect("node-unavailable", "nodes that are not Ready or are cordoned take no pod", trouble=_UNPLACED),
    # no container
    Suspect(
        "missing-config",
        "it is about configuration",
        words_of(r"secret|configmap|config map|\bkey\b"),
        trouble=_UNCREATED,
    ),
    Suspect(
        "permission-denied",
        "something was not allowed",
        words_of(r"permission|denied|read-only|not permitted"),
        trouble=_UNCREATED,
    ),
    Suspect(
        "sandbox-failed",
        "it is about the pod's network",
        words_of(r"sandbox|\bcni\b|network|\bip\b"),
        trouble=_UNCREATED,
    ),
    Suspect(
        "mount-failed", "it is about a volume", words_of(r"mount|volume|attach|\bcsi\b|\bnfs\b"), trouble=_UNCREATED
    ),
    Suspect(
        "registry-unreachable",
        "it is about its image",
        words_of(r"pull|registry|manifest|blob|layer"),
        trouble=_UNCREATED,
    ),
    Suspect("image-not-found", "it is about its image", words_of(r"image|manifest|\btag\b"), trouble=_UNCREATED),
    Suspect(
        "image-auth",
        "a registry that wants credentials looks the same",
        words_of(r"ImagePullBackOff|ErrImagePull"),
        trouble=_UNCREATED,
    ),
    Suspect(
        "bad-entrypoint",
        "it is about its command",
        words_of(r"exec|entrypoint|command|runc|\boci\b"),
        trouble=_UNCREATED,
    ),
    Suspect("mount-failed", "it has claims, and volumes come before containers", fact=facts.claims, trouble=_UNCREATED),
    Suspect("sandbox-failed", "the network comes before containers", trouble=_UNCREATED),
)
