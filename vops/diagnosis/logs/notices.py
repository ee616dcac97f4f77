"""What a log says outside of Python's exceptions: aborts, signals, shells that find no command, NCCL's and the driver's
warnings.

Some of them end a process and count as failures of their own; the others are kept for rules to look at.
"""

from __future__ import annotations

import re
from collections import deque

import msgspec

from vops.diagnosis.discretion import without_secrets
from vops.diagnosis.logs.components import Component, recovered, telling
from vops.diagnosis.logs.fatal_lines import FATAL, QUICK
from vops.diagnosis.logs.fragments import LONGEST, fragment_of, logged, quoted, speaks
from vops.diagnosis.logs.lines import Line
from vops.diagnosis.logs.tracebacks import Chain, LoggedError
from vops.model.patterns import holds_any, lazy_pattern

_WHAT = lazy_pattern(r"\s+what\(\): +(.{1,1000})", re.ASCII)
_SAID = lazy_pattern(
    r"NCCL WARN .{1,600}|NVRM: Xid .{1,300}|Xid \(PCI:.{1,300}|XidCriticalError.{0,300}"
    r"|NIXL .{0,40}(?:failure|failed|mismatch).{0,400}|nixl\w{1,40}Error: .{1,200}"
    r"|Device \d{1,3} OOM \d.{0,100}|Mooncake transfer failed.{0,200}|Failed to transfer KV cache.{0,200}"
    r"|.{0,80}[Ff]ailed to extend /dev/shm.{0,200}|.{0,120}/dev/shm.{0,200}[Nn]o space.{0,100}"
    r"|.{0,120}(?:\bout of |100% )/dev/shm.{0,200}|.{0,120}/dev/shm.{0,40}(?:\bis full\b|\b100 ?%).{0,100}"
    r"|No platform detected.{0,200}|Can't initialize NVML.{0,200}|Failed to initialize NVML.{0,200}"
    r"|.{0,80}CUDA initialization: .{1,500}|kernel only supports sm.{0,80}|The following placement group .{0,200}"
    r"|Waiting for creating a placement group.{0,300}|Tensor parallel size \(\d+\) exceeds available GPUs.{0,200}"
    r"|.{0,120}default chat template is no longer allowed.{0,200}|No available shared memory broadcast block.{0,200}"
    r"|Not enough free disk space to download.{0,500}"
    r"|There was a problem when trying to write in your cache folder.{0,300}"
    r"|KVTransferError\(.{1,300}|Releasing expired KV blocks.{0,300}|.{0,80}shared memory segment /dev/shm.{0,200}",
    re.ASCII,
)
_SAID_WORDS = """
NCCL_WARN Xid NIXL nixl /dev/shm platform_det NVML CUDA_init only_supports lacement_group available_GPUs
No_available_sh Releasing_exp
cache_folder KVTransf _OOM_ Mooncake_tr KV_cache chat_template disk_space
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
    r"|^A module that was compiled using NumPy|^lib[\w.+-]{2,60}: cannot open shared object file"
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
        elif text[0] not in " \t" and holds_any(text, QUICK) and (match := FATAL.match(text)):
            kind = match.lastgroup or ""
            if not line.place or kind in _LOGGED:
                self._add(self._fatal, kind, text, line, _MOST_FATAL)
            self._abort_line = line.number if kind == "Abort" else 0
        if holds_any(text, _SAID_QUICK) and (said := _SAID.search(text)):
            self._add(self._said, "Notice", said[0], line, _MOST_SAID)
        if "platform" in text and _OTHER_PLATFORM.search(text):
            self._needs_no_gpu = True
        self._read_loose(line)
        if len(self._bare) <= LONGEST:
            self._bare.append(line)
        if self._recovered is not None and self._recovered.search(text):
            self.errors.clear()
        if line.level in _SERIOUS or (self._telling is not None and self._telling.search(text)):
            telling = len(self.errors) < _MOST_ERRORS and ("Error: " in text or " error: " in text)
            found = quoted(text, line) if telling else ()
            self.errors += found
            kind = "Critical" if line.level == "CRITICAL" else "Error"
            if not found:
                self._add(self.errors, kind, text, line, _MOST_ERRORS)

    def _read_loose(self, line: Line) -> None:
        last = self._loose[-1] if self._loose else None
        if last is not None and last.more and not line.place and not line.level:
            last.error = _longer(last.error, line)
            last.more -= 1
            return
        calm = line.level in _CALM or line.text.startswith("INFO:") or "NCCL INFO" in line.text
        if calm and not holds_any(line.text, _BLIND_WORDS):
            if last is not None:
                last.more = 0
            return
        transient, blind = _TRANSIENT.search(line.text) is not None, _BLIND.search(line.text) is not None
        if transient or blind or _LOOSE.search(line.text) or _of_the_engine(line):
            self._loose.append(_Loose(logged("Said", line.text, line), line.level, transient, blind))
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
        """What a few lines say that nobody's logger has marked: what was pasted of a longer text."""
        return fragment_of(self._bare)

    @property
    def said(self) -> tuple[LoggedError, ...]:
        return tuple(self._said)

    def _add(self, to: list[LoggedError], kind: str, text: str, line: Line, most: int) -> None:
        if len(to) < most:
            to.append(logged(kind, text, line))


def _longer(error: LoggedError, line: Line) -> LoggedError:
    """An error with the line that is written below it."""
    parts = (*(error.parts or ((error.line, error.message),)), (line.number, without_secrets(line.text.strip())))
    message = without_secrets(f"{error.message} {line.text.strip()}"[:1_500])
    return msgspec.structs.replace(error, message=message, parts=parts)


def _of_the_engine(line: Line) -> bool:
    """Whether it is what the engine's process of vLLM 0.6 to 0.9 says before the traceback that it ends of."""
    told = line.level == "ERROR" and line.place.startswith("engine.py:") and line.text[0] not in " \t"
    return told and speaks(line.text) and not line.text.startswith("Traceback")


def _counts(item: _Loose, lines: int, *, started: bool) -> bool:
    if item.blind:
        return not started and item.error.line > lines - _BEGINNING
    return item.level in _SERIOUS or (item.level not in _QUIET and not (started and item.transient))
