"""The model is not where vLLM looks: no such repository, revision or folder.

What it finds
    The hub's 401 or 404 for a repository (without a token it answers 401 for what does not exist, too), or a path that
    is not in the container, which vLLM then takes for a malformed repository name.

Why it matters
    The log's last line blames an invalid repository or folder in all of these cases, and in others too.

Evidence
    The innermost error and the model argument.

Fix
    By hand: correct the name, or mount what the path should hold.
"""

from __future__ import annotations

import re

from vops.diagnosis import remedies
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.diagnosis.starting import hub
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_FILES = lazy_pattern(
    r"No such file or directory: '?(?![^']{0,300}(?:-of-\d{5}\.|\.incomplete))[^']{0,300}(?:config\.json|tokenizer"
    r"|\.safetensors|\.gguf"
    r"|\.bin|/models?/"
    r"|/mnt/models)"
    r"|does not appear to have (?:a(?:ny)? )?files? named|Can't load (?:the )?(?:configuration|tokenizer|(?:image "
    r"|video )?processor"
    r"|feature extractor|the model) (?:of|for)|no config file found|No supported config format found"
    r"|Incorrect path_or_model_id"
    r"|json\.exception\.parse_error|Unrecognised GGUF reference|GGUF files not found|Wrong GGUF model"
    r"|Could not find tiktoken\.model"
    r"|Tokenizer \S{1,200} not found|Unable to resolve tensorizer_uri"
    r"|Cache directory not found: |Cannot recognize storage type|Invalid (?:Hugging Face|ModelScope|OCI) URI"
    r"|cannot be empty in URI"
    r"|Cannot locate source uri|Could not find config\.json"
    r"|No model found in|Failed to fetch model|Local path .{1,200} does not exist"
    r"|[Mm]odel path .{0,200}does not exist|is not a local folder"
    r"|Invalid repository ID or local directory|(?<!Local)EntryNotFoundError|Could not find \S{0,80}tokenizer\.model"
    r"|Path .{1,200} does not exist|Failed to load mistral .{0,120}config|non-existent path: "
    r"|No tokenizer file found in directory"
    r"|was not found in (?:tokenizers )?model name list|no file named .{1,300}found in"
    r"|is not a valid git identifier|Can't find a checkpoint index|Not found: \"[^\"]{1,300}\": No such file"
    r"|No such file or directory \(os error 2\)|^TypeError: (?:not a string\b"
    r"|stat: path should be .{1,60} not NoneType)"
    r"|(?:params|config)\.json not found"
    r"|Mistral tokenizer is present|FileNotFoundError: (?!.{0,300}(?:-of-\d{5}\.|\.incomplete|\.ya?ml'?(?: @|$))"
    r"|Weight files)[^@]{0,200}(?:model|config)|Could not find mm_proj file"
)
_SIGNATURE = lazy_pattern(f"{hub.NOT_THERE.pattern}|{_FILES.pattern}")
_WITH_BRANCH = lazy_pattern(r"'([\w.-]{1,96}/[\w.-]{1,96}):([\w.-]{1,96})'", re.ASCII)
_LAST_WORD = "Invalid repository ID or local directory"


@rule(cause="model-not-found", branch=Branch.DIED, needs={Source.LOGS}, order=22, signature=_SIGNATURE)
def model_not_found(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _SIGNATURE)
    if hit is None:
        return None
    model = deaths.model_of(replica)
    is_path = model.startswith(("/", ".", "~")) or hit[0].short_type in ("HFValidationError", "CacheNotFound")
    ambiguous = not is_path and ("401" in hit[0].message or _LAST_WORD in hit[0].message)
    branch = _WITH_BRANCH.search(hit[0].message) if hit[0].short_type == "HFValidationError" else None
    if branch is not None:
        summary = f"{branch[1]}:{branch[2]} is no repository's name: a branch or a quantization stands behind the colon"
        steps = (
            f"Set --model {branch[1]}, and --revision {branch[2]} where that is a branch of it; a colon may only stand "
            "before the quantization of a GGUF file.",
        )
    elif is_path:
        summary = f"{deaths.the_model(replica)} is not a folder in the container of {replica.name}"
        steps = (f"See that a volume with the model is mounted and holds {model}, with config.json in it.",)
    else:
        private = ", or it is private and asked for without a token that may see it" if ambiguous else ""
        known = "/" in model
        summary = f"{model if known else f'The model of {replica.name}'} is not where it is looked for{private}"
        steps = (f"Correct the model's name: see https://huggingface.co/{model if known else 'models'}",)
    return Verdict(
        summary=summary,
        evidence=(*deaths.shown(replica, hit), *(() if is_path else (hub.token_evidence(replica),))),
        confidence=Confidence.PROBABLE if ambiguous else deaths.confidence(replica),
        fixes=(remedies.by_steps(replica, "Name a model that is there", steps),),
    )
