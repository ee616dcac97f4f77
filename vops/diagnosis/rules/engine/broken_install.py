"""The image is put together wrongly: a package is missing, of the wrong version, or built for another one.

What it finds
    Imports that fail, symbols and libraries that are not there, versions that refuse each other, a compiler that is
    needed and missing, or code of one library that calls another which has changed.

Why it matters
    No flag helps: it comes of installing something over the image (pip install at start), or of a model that needs a
    newer transformers than the image has.

Evidence
    The error, where it was raised, and the image.

Fix
    By hand: an image that holds a matching set; the missing package by name where the message tells it.
"""

from __future__ import annotations

from vops.diagnosis import evidence
from vops.diagnosis.ending import deaths
from vops.diagnosis.facts import Replica
from vops.diagnosis.findings import Confidence
from vops.diagnosis.rule import Branch, Verdict, rule
from vops.model.patterns import lazy_pattern
from vops.model.snapshot import Source

_MISSING = lazy_pattern(
    r"No module named '?(?P<module>[\w.]{1,80})|(?P<library>lib[\w.+-]{1,80}\.so[\d.]{0,16}): cannot open shared object"
    r"|[Pp]lease (?:install|upgrade)(?: the)? `?(?P<package>[\w\[\].-]{1,60})|pip install (?:-U |--upgrade )?['\"`]?"
    r"(?P<pip>[\w\[\].-]{1,60})|No package metadata was found for (?P<metadata>[\w.-]{1,60})"
)
_COMPILER = lazy_pattern(
    r"Failed to find C compiler|InvalidCxxCompiler|No working C\+\+ compiler|(?:gcc|g\+\+|cc|nvcc"
    r"|ninja)[:'\"].{0,80}(?:not found"
    r"|No such file)|Python\.h|CUDA_HOME|No such file or directory: '[^']{0,200}(?:nvcc|gcc|g\+\+|ninja)'"
    r"|fatal error: \S{1,80}\.h: No such file|ld: cannot find -l|Could not find (?:nvcc|compiler)|Ninja is required"
    r"|InductorError: .{0,200}(?:gcc|g\+\+|cc1|Compile)"
    r"|CalledProcessError: Command '\['[^']{0,200}(?:gcc|cc|g\+\+|nvcc|ninja|ptxas)'"
)
_BROKEN = lazy_pattern(
    r"(?:ModuleNotFound|Import)Error|No module named '"
    r"|undefined symbol|cannot open shared object file|cannot import name"
    r"|GLIBC(?:XX)?_[\d.]{1,10}' not found|numpy\.dtype size changed|compiled using NumPy 1|_ARRAY_API not found"
    r"|PackageNotFoundError|VersionConflict|DistributionNotFound|requires? \S{1,60}[<>=!~]=[\d.]{1,20}.{0,80}(?:found"
    r"|but)"
    r"|partially initialized module|is already used by a Transformers config|got an unexpected keyword argument"
    r"|instantiate the backend tokenizer|Converting from (?:Tiktoken|SentencePiece)(?: and Tiktoken)? failed"
    r"|package is not available|circular import"
    r"|Tokenizer class \S{1,80} (?:does not exist|is not currently imported|specified in the tokenizer config was not)"
    r"|requires `?\w{1,40}`? to be installed|Could not load any \w{1,10} processor class|No slow->fast converter"
    r"|backend tokenizer is not correctly|Special token \w{1,40} has to be either|extra_special_tokens must be"
    r"|conflicts with the method|require users to upgrade torch|Invalid type of HuggingFace processor"
    r"|Received a \w{1,80} for argument \w{1,40}, but a|KeyError: 'F(?:8|6|4)_E\w{1,8}'|Unrecognized tokenizer version"
    r"|operator \S{1,80} does not exist"
    r"|Could not run '[\w:.]{1,80}' with arguments"
    r"|incompatible architecture|Signal: .{0,200}Illegal instruction|missing \d+ required positional argument"
    r"|(?<!'NoneType' object )(?<!'str' object )(?<!'dict' object )(?<!'list' object )(?<!'int' object )(?<!'tuple' "
    r"object )has no attribute"
    r"|'list' object has no attribute 'keys'(?=$|[\s`])"
    r"|cuDNN version incompatibility|Unable to load any of \{lib|nvrtc: error: failed to open"
    r"|is missing value for argument"
    r"|expected at most \d{1,3} argument\(s\) but received|compiled with different CUDA major versions"
    r"|RuntimeEnvSetupError|deep_gemm/|\(nvcc_path\)|NVCC compilation failed|DeepGEMM is not supported"
    r"|CUDA Setup failed despite"
    r"|CUDA binary not found at|str2optimizer|[Pp]lease install the \w{1,40} package"
    r"|(?:symbol lookup|relocation) error: |wrong ELF class|: file too short|NumPy was built with baseline"
    r"|duplicate template name"
    r"|Descriptors cannot be created directly|protobuf\.\S{1,40}VersionError|PydanticUserError"
    r"|SchemaError: Invalid Schema"
    r"|unsupported operand type\(s\) for \|: '|Can't get attribute '|[Cc]an(?:not|'t) pickle|Duplicated timeseries"
    r"|\" to be installed|FastAPIError|Numba needs NumPy|Fatal Python error: (?:Illegal instruction|init_\w)"
    r"|have conflicting dependencies"
    r"|Backend compiler failed|BackendCompilerFailed|pip install|is not installed"
    r"|must be installed|Ensure \w{1,40} packages are installed|[Pp]lease use \S{1,30} version [<>=]"
    r"|(?:FlashInfer|DeepGEMM) (?:backend )?is (?:not available|unavailable)(?: in the current|\.|$)"
    r"|sparse MLA decode APIs are not available|MoonEP not available|humming is not available, please"
    r"|requires FlashAttention but it is not available"
    r"|(?:cumem|xpumem|[Ss]leep mode) allocator (?:extension )?is not available"
    r"|torch\.xpu\.\S{1,60} (?:\w{1,8} ){0,2}(?:is|are) not available|platform needs torch|DeepGEMM build with"
    r"|FlashInfer version >= "
    r"|No matching distribution found|Could not find a version that satisfies"
    r"|kernels not found|Error building extension|ninja: build stopped|Ninja build failed"
    r"|version \S{1,40} is required, but|version \(\S{1,40}\) does not match \S{1,40} version"
    r"|Fast download using 'hf_transfer' is enabled|data did not match any variant of untagged enum"
    r"|failed to be inspected\. Please check"
    r"|unable to find backend library"
    r"|[Mm]ake sure you have `?\S{1,40} installed|from a slow version|you need to have \S{1,30}(?:[<>=]=?|installed)"
    r"|please use \S{1,30} version|[Pp]lease install the latest version|already registered$"
    r"|is already used by a Transformers model"
    r"|[Pp]lease install the same version|is not installed\. Please install"
    r"|S3 not supported'|GLIBC version should be at least|Method '\w{1,60}' is not implemented"
    r"|Version mismatch: The cluster was started with|[Ff]ailed to (?:load|download|get|find) cubin"
    r"|\w{1,60}\.h not found$|ptxas .{0,120}fatal"
    r"|detected CUDA version .{1,20} mismatches the version|was compiled without CUDA support|_PlaceholderModule"
    r"|cquantize_blockwise|was removed from the ndarray class|name '(?:vllm_ops|_C|cache_ops)' is not defined"
    r"|requires compiling PyTorch with|Failed to build installable wheels|[Ff]ailed building wheel"
    r"|OpenTelemetry is not available|unable to find an engine to execute this computation"
    r"|vllm\.model_executor\.models\.registry'\]' (?:returned|died)"
    r"|Only one platform plugin|not available or outdated"
    r"|(?:[Kk]ernels?|[Pp]ackages?|[Ll]ibrary|[Mm]odules?) (?:are|is) not (?:available|installed)"
)
_ILLEGAL_EXIT, _ILLEGAL_CHILD = 132, -4
_SIGNATURE = lazy_pattern(f"{_BROKEN.pattern}|{_COMPILER.pattern}")


@rule(cause="broken-install", branch=Branch.DIED, needs={Source.LOGS}, order=62, signature=_SIGNATURE)
def broken_install(replica: Replica) -> Verdict | None:
    hit = deaths.error(replica, _SIGNATURE)
    if hit is None:
        return None
    return deaths.verdict(
        replica,
        hit,
        f"The software in the image of {replica.name} does not fit together: {deaths.quoted(hit, 140)}",
        deaths.steps(replica, "Use an image that is whole", *_advice(hit)),
        evidence.container_field(replica, "image", replica.container.image),
    )


@rule(cause="broken-install", branch=Branch.DIED, order=63)
def built_for_another_cpu(replica: Replica) -> Verdict | None:
    """A container that ended of an instruction which its CPU does not have (SIGILL)."""
    log, death = replica.death_log, replica.last_death
    code = death.exit_code if death is not None and replica.observed else 0
    child = log.child_exit_code if log is not None else None
    if (code != _ILLEGAL_EXIT and child != _ILLEGAL_CHILD) or (log is not None and log.root is not None):
        return None
    return Verdict(
        summary=f"{replica.name} ended of an instruction that the CPU of its node does not have",
        evidence=(
            *evidence.exit_status(replica),
            evidence.container_field(replica, "image", replica.container.image),
        ),
        confidence=Confidence.PROBABLE,
        fixes=(
            deaths.steps(
                replica,
                "Use an image that was built for this CPU",
                "vLLM's images for CPUs need AVX-512 (or AVX2 in newer ones): see lscpu on the node, and choose a node "
                "that has it, or an image built without.",
            ),
        ),
    )


def _advice(hit: deaths.Hit) -> tuple[str, ...]:
    text = hit[0].text
    if _COMPILER.search(text):
        return (
            "Use the official image, which brings gcc and the CUDA headers; or install a C compiler in yours.",
            "Until then --enforce-eager avoids compiling the model (Triton kernels still need a compiler).",
        )
    found = _MISSING.search(text)
    name = next((value for value in found.groups() if value), "") if found is not None else ""
    what = f"{name} is missing or too old there" if name else "two packages there do not go together"
    return (
        f"Set the image to one whose packages were built together (vllm/vllm-openai of one tag): {what}.",
        "Remove what is installed over it at start (pip install in the command, PYTHONPATH, a mounted site-packages).",
    )
