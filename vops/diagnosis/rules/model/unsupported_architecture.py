"""This version of vLLM (or of transformers in its image) does not know the model's architecture.

What it finds
    The loader's word that the architecture or model type is not supported or not recognised.

Why it matters
    No flag helps: the image is too old for the model, or too new for an old one.

Evidence
    The error and the version that runs.

Fix
    By hand: an image that supports the architecture.
"""

from __future__ import annotations

import re

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_UNSUPPORTED = lazy_pattern(
    r"does not recognize this architecture|has model type .{1,80} but Transformers"
    r"|Model architectures? .{1,400} (?:are|is) not supported"
    r"|was supported in vLLM until|has no vLLM implementation|not supported in-tree anymore|is not compatible with vLLM"
    r"|Cannot find model module|Unrecognized configuration class|Unrecognized model in"
    r"|No model architectures are specified"
    r"|Could not load model \S{1,300} with any of the following classes"
    r"|Missing required keys in `rope_\w{1,12}`|Unrecognized model identifier|StrictDataclass\w{1,30}Error"
    r"|Unrecognized (?:model type for subconfig|(?:image |video )?process(?:or|ing class)|feature extractor)"
    r"|must be a `dict`, `PreTrained|does not support (?:Flash Attention 2|an attention implementation through)"
    r"|Could not find \w{1,80} (?:neither )?in <?module"
    r"|top-level 'architectures' field|rope_scaling.{0,40}must be a dictionary|Unknown RoPE scaling type"
    r"|Unknown gguf model_type|Failed to map GGUF parameters|GGUF model with architecture .{1,80} is not supported"
    r"|validator 'validate_layer_type'|`layer_types` entries must be in"
    r"|There is no module or parameter named|^RuntimeError: weight \S{1,200} does not exist"
    r"|Found conflicts between 'rope_type"
    r"|Unsupported head size|Unsupported activation: |Only \w{1,20} activation is supported"
    r"|[Aa]rchitecture \S{1,60} not supported|: \w{1,60} isn't supported yet|Invalid type of HuggingFace config"
    r"|Unsupported model type|has no SGLang implementation|model type .{1,80} is not supported"
    r"|KeyError: '(?:qwen|gemma|llama|mistral|deepseek|phi|glm|minimax|gpt_oss|granite|ernie|kimi"
    r"|exaone)\w{0,30}'(?=$|[\s`.,])",
    re.DOTALL,
)


_OTHERS = (
    ("text-generation-inference", "text_generation_launcher"),
    ("SGLang", "/sglang/"),
    ("LMDeploy", "/lmdeploy/"),
)
_READ = 100_000
_UNTIL = lazy_pattern(r"was supported in vLLM until v?(\d+(?:\.\w+){1,4})", re.ASCII)


@rule(cause="unsupported-architecture", branch=Branch.DIED, needs={Source.LOGS}, order=26, signature=_UNSUPPORTED)
def unsupported_architecture(replica: Replica) -> Verdict | None:
    hit, log = deaths.error(replica, _UNSUPPORTED), replica.death_log
    if hit is None or log is None:
        return None
    engine = _other_engine(replica) or f"vLLM {log.version or 'of this image'}"
    return deaths.verdict(
        replica,
        hit,
        f"{engine} does not support the architecture of {deaths.model_of(replica)}",
        deaths.steps(replica, "Use an image that supports it", *_advice(hit[0].text, _other_engine(replica) or "vLLM")),
        evidence.container_field(replica, "image", replica.container.image),
    )


def _other_engine(replica: Replica) -> str:
    """The engine that the log is of where it is not vLLM's; empty where nothing tells."""
    sources = (replica.log_source(previous=True), replica.log_source(previous=False))
    text = "\n".join(source.text[:_READ] for source in sources if source is not None)
    return next((name for name, sign in _OTHERS if sign in text and "/vllm/" not in text), "")


def _advice(text: str, engine: str) -> tuple[str, ...]:
    if until := _UNTIL.search(text):
        return (f"Set the image to vllm/vllm-openai:v{until[1]}, the last version that had it, or use a newer model.",)
    if "model_type" in text or "architectures" in text.partition("supported")[0]:
        return (
            f"Set the image to a newer {engine} (see its list of supported models);",
            "and see that config.json of the model names model_type and architectures as its makers do.",
        )
    return (f"Set the image to a newer {engine}: its list of supported models tells from which version on.",)
