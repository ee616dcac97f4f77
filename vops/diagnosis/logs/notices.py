"""What a log says outside of Python's exceptions: aborts, signals, shells that find no command, NCCL's and the driver's
warnings.

Some of them end a process and count as failures of their own; the others are kept for rules to look at.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from vops.diagnosis.discretion import without_secrets
from vops.diagnosis.logs.components import Component, recovered, telling
from vops.diagnosis.logs.lines import Line
from vops.diagnosis.logs.sentences import SAID, raised
from vops.diagnosis.logs.tracebacks import Chain, LoggedError, exception_of
from vops.model.patterns import holds_any, lazy_pattern

_FATAL = lazy_pattern(
    r"(?P<Abort>terminate called (?:after throwing an instance of '.{1,120}'|without an active exception|recursively)"
    r"|.{0,80}(?:free\(\): |malloc\(\): |double free or corruption|corrupted (?:size|double-linked|unsorted)"
    r"|munmap_chunk\(\)|\*\*\* stack smashing|malloc\.c:\d{1,5}: \w{1,40}: Assertion)"
    r"|Fatal Python error: .{1,200}|LLVM ERROR: .{1,200}|rocBLAS error: .{1,300}"
    r"|Failed: (?:(?i:cuda|hip|nccl) error .{1,300}|/\S{1,200}\.\w{1,4}:\d{1,6} '.{1,200}')"
    r"|CUDA Error: .{1,200} at .{1,300}:\d{1,6}$"
    r"|CUDA error \([^)\s]{1,300}:\d{1,6}\): .{1,200}"
    r"|.{0,300}: block: \[[\d,]{5,40}\], thread: \[[\d,]{5,40}\] Assertion .{1,200}"
    r"|Got (?:bad )?cuda (?:status|error): .{1,200}|Got cutlass error: .{1,200}"
    r"|.{0,80}(?:Memory access fault|HW Exception) by GPU node-\d.{0,300}|.{0,300}HSA_STATUS_ERROR_\w{1,60}.{0,300})"
    r"|(?P<Hang>Engine iteration timed out\. .{0,200})"
    r"|(?P<Thread>Exception in thread .{1,60}process_(?:input|output)_sockets.{0,200})"
    r"|(?P<Lost>(?:.{0,40} )?[Tt]he node with node id: .{1,300} has been marked dead because .{1,300}"
    r"|Raylet is terminated\. Termination is unexpected.{0,400}"
    r"|.{0,80}this node manager has mistakenly been marked as dead by the GCS.{0,300})"
    r"|(?P<Actor>A worker died or was killed while executing a task by .{1,900}"
    r"|The actor (?:is dead because|died (?:unexpectedly|because)) .{1,900})"
    r"|(?P<Signal>(?:.{0,120}: )?(?:line \d+: +\d+ )?(?:Segmentation fault|Bus error|Illegal instruction)"
    r"(?:\s+\(core dumped\).*|\s+[\w./\"$-].*)?$|(?:.{0,120}: )?(?:line \d+: +\d+ )?Aborted\s+\(core dumped\).*"
    r"|!!!!!!! Segfault encountered.*|\*\*\* SIG(?:SEGV|BUS|ABRT|ILL) .{0,80}received.*"
    r"|.{0,80}Caught signal \d+ \(.{1,120})"
    r"|(?P<Shell>(?:exec |.{0,120}exec: |standard_init_linux).{0,300}(?:exec format error|not found|no such file"
    r"|permission denied).*"
    r"|.{0,120}: (?:\d+: |line \d+: )?(?:exec: )?[\w./-]{1,200}: (?:command )?not found$"
    r"|/usr/bin/env: .{1,200}: No such file or directory.*"
    r"|(?:/bin/)?(?:ba|da|a)?sh: (?:line )?(?:\d+: )?.{1,200}: (?:No such file or directory|Permission denied"
    r"|Is a directory|cannot execute.{0,80}|syntax error.{0,120}|unexpected EOF while .{0,80}|unbound variable"
    r"|bad substitution)$"
    r"|(?:/bin/)?(?:ba|da|a)?sh: (?:line )?(?:\d+: )?(?:Syntax error: .{1,200}|Bad substitution"
    r"|Illegal option .{1,80})$"
    r"|.{0,80}\bdeprecated and no longer works\b.{0,200}"
    r"|.{0,80}python[\d.]*: can't open file .{1,300}|.{0,80}python[\d.]*: (?:No module named"
    r"|Error while finding module) .{1,300})"
    r"|(?P<Loader>.{0,200}error while loading shared libraries: .{1,300}"
    r"|.{0,300}: version .GLIBC(?:XX)?_[\d.]{1,10}' not found.{0,300})"
    r"|(?P<Xid>.{0,80}NVRM: (?:Xid|RmInitAdapter failed) .{1,300}"
    r"|.{0,80}amdgpu: (?:ring \S{1,40} timeout|GPU reset begin).{0,200}"
    r"|.{0,80}NVML: .{0,60}GPU is lost.{0,80}"
    r"|.{0,80}(?<![Nn]o )[Uu]ncorrectable ECC [Ee]rror(?!s? ?[=:] ?0\b).{0,120}|\|.{0,40}(?:ERR!.{1,20}){3}.{0,80})"
    r"|(?P<Server>\"?failed to load '[^']{1,200}' version \d{1,9}: .{1,1000}"
    r"|ERROR: Failed to create instance: .{1,1000}"
    r"|\"?Failed to (?:start model server|initialize Python stub): .{1,1000})"
    r"|(?P<Bind>\[Errno (?:98|99|13|-2)\] .{0,200}(?:bind|address|port).{0,200})"
    r"|(?P<Watchdog>.{0,80}(?:Watchdog caught collective operation timeout|watchdog got stuck for \d+ s).{0,600})"
    r"|(?P<Nvidia>.{0,200}nvidia-container-cli: .{1,400}"
    r"|ERROR: This container was built for .{1,300}|ERROR: No supported GPU.{1,200})"
    r"|(?P<Download>curl: \(\d{1,3}\) .{1,400}|wget: .{1,300}|.{0,60}fatal error: .{1,400}|download failed: .{1,600}"
    r"|(?:Service|Access|AccessDenied)Exception: .{1,400}|(?:ERROR|Error): (?:\(?gcloud|gsutil).{1,400}"
    r"|fatal: (?:unable to access|could not read|repository|Authentication failed) .{1,300}"
    r"|(?:ERROR: |Error: )?Failed to download .{1,300}"
    r"|ERROR: (?:Could not find a version that satisfies|No matching distribution found for) .{1,300}"
    r"|(?:Error: )?(?:Access denied|Not logged in|User Access Token|Invalid HF URI|Local entry not found).{0,400}"
    r"|Error: (?:(?:Model|Dataset|Space|Repository|Bucket)(?: '[^']{1,200}')? not found|(?:Revision|File) not found in"
    r"|\d{3} Client Error|Client error '|Cannot reach ).{0,600})"
    r"|(?P<Ray>.{0,200}(?:[Ff]ailed to connect to GCS|Unable to connect to GCS|Failed to get node info.{0,80}GCS"
    r"|Timed out (?:while )?waiting for GCS|GCS (?:server|cluster) .{0,40}(?:not found|timed out)).{0,300})",
    re.ASCII,
)
_WORDS = """
terminate NVRM (): corrupt Fatal fault error Illegal Aborted egfault SIG signal Killed not_found No_such no_such denied
Denied cannot_exec Is_a_dir can't_open No_module Errno Watchdog nvidia-c ERROR curl wget fatal failed Exception: Failed
GCS Access Error logged timed_out CUDA Got_ marked_dead worker_died aylet_is smashing The_actor Assertion _in_thread
_by_GPU_node HSA_STATUS marked_as_dead _timeout, GPU_reset is_lost ERR! watchdog_got
yntax_error no_longer_works unexpected_EOF unbound ad_substitution
"""
_QUICK = tuple(word.replace("_", " ") for word in _WORDS.split())
"""One of these is in whatever _FATAL knows: looking for words is four times as fast as for a pattern of them."""

_WHAT = lazy_pattern(r"\s+what\(\): +(.{1,1000})", re.ASCII)
_SAID = lazy_pattern(
    r"NCCL WARN .{1,600}|NVRM: Xid .{1,300}|Xid \(PCI:.{1,300}|XidCriticalError.{0,300}"
    r"|NIXL .{0,40}(?:failure|failed|mismatch).{0,400}|nixl\w{1,40}Error: .{1,200}"
    r"|Device \d{1,3} OOM \d.{0,100}|Mooncake transfer failed.{0,200}|Failed to transfer KV cache.{0,200}"
    r"|.{0,80}[Ff]ailed to extend /dev/shm.{0,200}|.{0,120}/dev/shm.{0,200}[Nn]o space.{0,100}"
    r"|No platform detected.{0,200}|Can't initialize NVML.{0,200}|Failed to initialize NVML.{0,200}"
    r"|.{0,80}CUDA initialization: .{1,500}|kernel only supports sm.{0,80}|The following placement group .{0,200}"
    r"|Waiting for creating a placement group.{0,300}|Tensor parallel size \(\d+\) exceeds available GPUs.{0,200}"
    r"|.{0,120}default chat template is no longer allowed.{0,200}|No available shared memory broadcast block.{0,200}"
    r"|Not enough free disk space to download.{0,500}"
    r"|There was a problem when trying to write in your cache folder.{0,300}"
    r"|Releasing expired KV blocks.{0,300}|.{0,80}shared memory segment /dev/shm.{0,200}",
    re.ASCII,
)
_SAID_WORDS = """
NCCL_WARN Xid NIXL nixl /dev/shm platform_det NVML CUDA_init only_supports lacement_group available_GPUs
No_available_sh Releasing_exp
cache_folder _OOM_ Mooncake_tr KV_cache chat_template disk_space
"""
_SAID_QUICK = tuple(word.replace("_", " ") for word in _SAID_WORDS.split())
_LOOSE = lazy_pattern(
    # pydantic's, and vLLM's own sentences, cut out of their exception
    r"^\s{0,8}Value error, |\d validation errors? for \w{0,30}Config\b|does not recognize this architecture"
    r"|Model architectures? .{1,400} (?:are|is) not supported"
    r"|GiB KV cache is needed|tokens that can be stored in KV cache|No available memory for the cache blocks"
    r"|Free memory on device .{0,80} on startup is less than|is larger than the number of available GPUs"
    r"|must be divisible by tensor parallel size|is greater than the derived max_model_len"
    r"|is not supported for the current GPU|Bfloat16 is only supported on GPUs"
    # CUDA's, the driver's and Ray's
    r"|CUDA out of memory\. Tried to allocate|CUDA error: |no kernel image is available"
    r"|not compatible with the current PyTorch|Driver/library version mismatch"
    r"|\bcudaError[A-Z]\w{3,40}: |^Unable to load any of \{lib|^Could not load library lib\S{1,60}\. Error: |/dev/kfd"
    r"|(?:symbol lookup|relocation) error: |CUDA out of memory occurred|ROCk module is NOT loaded"
    r"|^A module that was compiled using NumPy"
    r"|^thread '[^']{1,60}' (?:\(\d{1,9}\) )?panicked at \S{1,300}:\d{1,6}:"
    r"|no longer supports this GPU|NIXL is not available|Error starting nv-hostengine"
    r"|No available node types can fulfill resource request"
    r"|hipErrorNoBinaryForGpu|nvshmem.{0,200}(?:non-zero status|failed|error)|ibv_\w{1,30} failed"
    r"|gloo/transport/.{1,120}(?:imed out|losed|reset|refused)"
    r"|client socket has (?:timed out|failed)|DeepEP \w{1,20} .{0,40}timeout|ninja: build stopped|nvcc fatal"
    r"|sendBytes failed on |TCPStore server has shut down too early"
    r"|^NvMapMem\w{1,40}: (?:\d{1,20} )?error|Could not find a profile that is currently runnable"
    r"|Cuda Runtime \(out of memory\)"
    r"|ptxas (?:fatal|/\S{1,200}, line \d+; fatal)"
    r"|operation failed with error: TRANSFER_FAIL|Failed to receive all KVs"
    r"|fatal error: \S{1,80}\.h: No such file|ld: cannot find -l"
    r"|Unable to allocate [\d.]{1,12} [KMGT]iB for an array|^(?:nvidia-smi: )?No devices were found$"
    r"|^usage: vllm \[-h\] (?:\[-v\] )?\{"
    r"|Worker exit type: SYSTEM_ERROR|killed due to the node running low on memory",
    re.ASCII,
)
"""Words that only failures have."""

_TRANSIENT = lazy_pattern(
    # UCX's and Mooncake's
    r"\bUCX {1,3}ERROR|Failed to retrieve segment descriptor|unable to get mooncake|Failed to open device mlx\d"
    r"|Smudge error|"
    # NCCL's, but for what it warns of in every pod
    r"NCCL WARN (?!.{0,80}(?:NET/Plugin|libnccl|[Rr][Aa][Ss]\b))"
    # coreutils
    r"|^(?:mkdir|touch|cp|mv|ln|tee|chown|chmod|install): .{1,300}: (?:Permission denied|Read-only file system"
    r"|No space left on device|Operation not permitted)$"
    # compilers that are built at start
    r"|(?:nvcc|gcc|g\+\+|ninja): (?:command )?not found"
    # the hub's clients, quoted inside of other lines
    r"|(?:huggingface\.co|hf\.co|xethub).{0,300}(?:timed out|Max retries exceeded|[Cc]onnection (?:refused|reset)"
    r"|certificate verify failed|proxy authentication required|Name or service not known|name resolution)"
    r"|Max retries exceeded with url: |\b[45]\d\d (?:Client|Server) Error\b|Cannot reach https?://"
    r"|Authentication Error|offline mode is enabled|outgoing traffic has been disabled|\b40[13] (?:Forbidden"
    r"|Unauthorized): "
    r"|Cannot access gated repo|is awaiting a review from the repo authors"
    r"|Access to model \S{1,200} is restricted|Repository Not Found for url"
    r"|Not enough free disk space to download|<urlopen error |CUDA initialization: Unexpected error"
    r"|We couldn't connect to|Reqwest\(|CAS service error|Status Code: [45]\d\d\b|awaiting response\.\.\. [45]\d\d ",
    re.ASCII,
)
"""Words of failures that pass where somebody tries again."""

_SPEAKS = lazy_pattern(
    r"error|fail|exception|\bOOM\b|denied|cannot|can't|can not|could not|unable|not found|no such|invalid|illegal"
    r"|unsupported"
    r"|not (?:available|supported|divisible|recognize|installed)|unavailable|out of (?:\w{3,4} )?memory"
    r"|timed out|refused|missing"
    r"|must (?:be|match)|doesn't|does not|did not|has no attribute|appears to be|(?:larger|less|greater) than"
    r"|restricted|expired"
    r"|mismatch|unknown|requires|abort|segfault|exceed|too (?:large|many|small|old)|insufficient|unrecognized|broken"
    r"|unexpected|corrupt|reset by peer|closed by peer|no space|read-only|gated|Incompatible|undefined symbol"
    r"|already in use"
    r"|only supports?\b|but got|expected|should (?:have|be)|git-lfs"
    r"|No (?:CUDA|HIP|module|available|valid|model|GPU)|NIXL_ERR|marking device",
    re.IGNORECASE,
)
_OF_NO_FAILURE = lazy_pattern(
    r'NCCL INFO|" [1-3]\d\d\b|HTTP/[\d.]{1,3}" \d\d\d|(?<![=/])\b(?:INFO|DEBUG|TRACE|WARN(?:ING)?)\b'
    r"|level=(?:info|debug|warn)|\[(?:info|notice|debug|warn)\]|\d{1,3}%\||\b\w{0,20}Warning: |[Ff]alling back"
    r"|\b(?:typically|usually|generally|often) (?:indicates?|means?)\b",
)
_PYTHON_WARNS = lazy_pattern(r"\S{1,300}\.py:\d{1,6}: \w{0,40}Warning: ")
_QUOTED = lazy_pattern(
    r"(?<![\w.])((?:[A-Za-z_]\w{0,60}\.){0,8}[A-Z]\w{0,60}(?:Error|Exception)): (.{4,1500})", re.ASCII | re.DOTALL
)
_REFUSED = lazy_pattern(
    r"\berror: ((?:argument -|unrecognized arguments: |the following arguments are required).{2,1500})", re.DOTALL
)
_SPAN = lazy_pattern(r"(?<!`)`([^`]{4,400})`(?!`)")
"""What Markdown marks as code within a sentence."""

_FRAGMENT = 12
"""How many lines a text has at most that may be a piece of something longer."""

_MOST_LOOSE = 40
_MORE_LINES = 4
_LAST_LINES = 40
_MOST_LAST = 6
_MOST_SAID = 200
_MOST_FATAL = 40
_MOST_ERRORS = 400
BEFORE_THE_SERVER = ("Shell", "Download")
_LOGGED = ("Abort", "Bind", "Watchdog", "Ray", "Server", "Hang", "Lost", "Actor", "Thread")
"""Kinds that loggers write, too; the others are words of shells, runtimes and programs without one."""

_QUIET = ("DEBUG", "INFO", "WARNING")
_SERIOUS = ("ERROR", "CRITICAL")


_BLIND = lazy_pattern(
    r"No platform detected, vLLM is running|ImportError\('libcuda\.so|NVML Shared Library Not Found"
    r"|Failed to import from vllm\._C\b.{1,300}undefined symbol",
    re.ASCII,
)
"""What vLLM says at its very beginning where it sees no GPU, or has no kernels: its log ends soon after."""

_OTHER_PLATFORM = lazy_pattern(
    r"Confirmed (?!CUDA)\w{1,8} platform is available|Automatically detected platform (?!cuda)\w"
)
"""A vLLM that was built for something else than NVIDIA's GPUs, and is right to miss them."""

_BLIND_WORDS = ("No platform", "NVML Shared", "libcuda.so")
_CALM = ("DEBUG", "INFO")
_BEGINNING = 15


class _Loose(msgspec.Struct):
    """One of the words without their exception, and what is written below it."""

    error: LoggedError
    level: str
    transient: bool = False
    blind: bool = False
    more: int = _MORE_LINES


class Notices:
    """Collects them line by line: `said` keeps what rules may look at, `errors` what a logger called an error."""

    def __init__(self, component: Component = Component.VLLM) -> None:
        self._fatal: list[LoggedError] = []
        self._said: list[LoggedError] = []
        self.errors: list[LoggedError] = []
        self._abort_line = 0
        self._loose: deque[_Loose] = deque(maxlen=_MOST_LOOSE)
        self._bare: list[Line] = []
        self._telling = telling(component)
        self._needs_no_gpu = False
        self._recovered = recovered(component)

    def read(self, line: Line) -> None:
        text = line.text
        if self._abort_line and line.number <= self._abort_line + 2 and (what := _WHAT.match(text)):
            self._fatal[-1] = LoggedError(
                self._fatal[-1].type,
                without_secrets(f"{self._fatal[-1].message} what(): {what[1]}"),
                self._fatal[-1].line,
                line.process,
            )
        elif text[0] not in " \t" and holds_any(text, _QUICK) and (match := _FATAL.match(text)):
            kind = match.lastgroup or ""
            if not line.place or kind in _LOGGED:
                self._add(self._fatal, kind, text, line, _MOST_FATAL)
            self._abort_line = line.number if kind == "Abort" else 0
        if holds_any(text, _SAID_QUICK) and (said := _SAID.search(text)):
            self._add(self._said, "Notice", said[0], line, _MOST_SAID)
        if "platform" in text and _OTHER_PLATFORM.search(text):
            self._needs_no_gpu = True
        self._read_loose(line)
        if len(self._bare) <= _FRAGMENT:
            self._bare.append(line)
        if self._recovered is not None and self._recovered.search(text):
            self.errors.clear()
        if line.level in _SERIOUS or (self._telling is not None and self._telling.search(text)):
            telling = len(self.errors) < _MOST_ERRORS and ("Error: " in text or " error: " in text)
            quoted = _quoted(text, line) if telling else ()
            self.errors += quoted
            kind = "Critical" if line.level == "CRITICAL" else "Error"
            if not quoted:
                self._add(self.errors, kind, text, line, _MOST_ERRORS)

    def _read_loose(self, line: Line) -> None:
        last = self._loose[-1] if self._loose else None
        if last is not None and last.more and not line.place and not line.level:
            last.error = msgspec.structs.replace(
                last.error, message=without_secrets(f"{last.error.message} {line.text.strip()}"[:1_500])
            )
            last.more -= 1
            return
        calm = line.level in _CALM or line.text.startswith("INFO:") or "NCCL INFO" in line.text
        if calm and not holds_any(line.text, _BLIND_WORDS):
            if last is not None:
                last.more = 0
            return
        transient, blind = _TRANSIENT.search(line.text) is not None, _BLIND.search(line.text) is not None
        if transient or blind or _LOOSE.search(line.text) or _of_the_engine(line):
            self._loose.append(_Loose(_logged("Said", line.text, line), line.level, transient, blind))
        elif last is not None:
            last.more = 0

    def fatal(self, *, started: bool) -> list[Chain]:
        """Each that ended a process, as a failure of its own.

        Once vLLM started, what a shell had missed was no need.
        """
        return [Chain((error,), (False,)) for error in self._fatal if not (started and error.type in BEFORE_THE_SERVER)]

    def loose(self, lines: int, *, started: bool) -> list[Chain]:
        """Words that only failures have, without the exception that they belong to: what a cut log leaves of one.

        Once vLLM started, what passes when tried again counts only where a logger calls it an error.
        """
        found = (
            item.error
            for item in self._loose
            if _counts(item, lines, started=started) and not (item.blind and self._needs_no_gpu)
        )
        return [Chain((error,), (False,)) for error in found]

    def last_words(self, lines: int) -> tuple[LoggedError, ...]:
        """What was complained of at the end, at whatever level, the last first: the cause if the process ended."""
        since = lines - _LAST_LINES
        loose = [
            item.error for item in self._loose if item.error.line > since and not (item.blind and self._needs_no_gpu)
        ]
        errors = [error for error in self.errors if error.line > since]
        return (*reversed(loose), *reversed(errors))[:_MOST_LAST]

    def fragment(self) -> tuple[LoggedError, ...]:
        """A few lines that nobody's logger has marked and that speak of a failure: what was pasted of a longer text."""
        lines = [line for line in _unwarned(self._bare) if line.level not in _QUIET]
        lines = [line for line in lines if not _OF_NO_FAILURE.search(line.text)]
        if len(self._bare) > _FRAGMENT or not lines:
            return ()
        together = " ".join(line.text.strip() for line in lines)
        texts = dict.fromkeys((together, *(line.text for line in lines)))
        quoted = _quoted(together, lines[0])
        spans = [_logged(*told, lines[0]) for span in _SPAN.findall(together) if (told := failure_in(span)) is not None]
        said = (*quoted, *spans, *(_logged(SAID, text, lines[0]) for text in texts))
        speaks = any(_SPEAKS.search(line.text) for line in lines)
        return tuple(item for item in map(raised, said) if speaks or item.frames)

    @property
    def said(self) -> tuple[LoggedError, ...]:
        return tuple(self._said)

    def _add(self, to: list[LoggedError], kind: str, text: str, line: Line, most: int) -> None:
        if len(to) < most:
            to.append(_logged(kind, text, line))


def _unwarned(lines: Sequence[Line]) -> Iterator[Line]:
    """The lines without those that a warning of Python's goes on in, up to the code that it came out of."""
    rest = 0
    for line in lines:
        if _PYTHON_WARNS.match(line.text):
            rest = _MORE_LINES
        elif rest and not line.level:
            rest = 0 if line.text[:1] in " \t" else rest - 1
        else:
            rest = 0
            yield line


def _of_the_engine(line: Line) -> bool:
    """Whether it is what the engine's process of vLLM 0.6 to 0.9 says before the traceback that it ends of."""
    told = line.level == "ERROR" and line.place.startswith("engine.py:") and line.text[0] not in " \t"
    return told and _SPEAKS.search(line.text) is not None and not line.text.startswith("Traceback")


def _counts(item: _Loose, lines: int, *, started: bool) -> bool:
    if item.blind:
        return not started and item.error.line > lines - _BEGINNING
    return item.level in _SERIOUS or (item.level not in _QUIET and not (started and item.transient))


def failure_in(line: str) -> tuple[str, str] | None:
    """What a single line is as a failure, by its kind or class and its words; None where it is no exception, abort,
    signal or the like."""
    if (raised := exception_of(line)) is not None:
        return raised
    fatal = _FATAL.match(line)
    return (fatal.lastgroup or "", line) if fatal is not None else None


def _quoted(text: str, line: Line) -> tuple[LoggedError, ...]:
    """The exception, or the refusal of a command line, that stands within a sentence, if there is one."""
    if (refused := _REFUSED.search(text)) is not None:
        return (_logged("ArgumentError", refused[1].strip('`" '), line),)
    found = _QUOTED.search(text)
    return (_logged(found[1], found[2].strip("` "), line),) if found is not None else ()


def _logged(kind: str, text: str, line: Line) -> LoggedError:
    return LoggedError(kind, without_secrets(text[:1_500].strip()), line.number, line.process)
