"""Lines outside of Python's exceptions with which a process ends: aborts, signals, shells, loaders, drivers, downloads.

The name of the group that matches is the kind of the failure, and rules know it as its class.
"""

from __future__ import annotations

import re

from vops.diagnosis.logs.tracebacks import exception_of
from vops.model.patterns import lazy_pattern

KINDS = frozenset(
    (
        *("Abort", "Hang", "Thread", "Lost", "Actor", "Signal", "Shell", "Loader", "Xid", "Server", "Bind", "Watchdog"),
        *("Serve", "Nvidia", "Download", "Ray", "Engine", "Notice", "Said", "Error", "Critical"),
        *("Standstill", "EngineAwaited"),
    )
)
"""The kinds that vops gives to lines of its own accord, here and in its other readers: no log has these words."""

FATAL = lazy_pattern(
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
    r"|(?P<Serve>.{0,80}(?:Didn't receive health check response for replica .{1,300}"
    r"|Replica .{1,300} failed the health check \d{1,4} times in a row), marking it unhealthy.{0,80})"
    r"|(?P<Nvidia>.{0,200}nvidia-container-cli: .{1,400}"
    r"|ERROR: This container was built for .{1,300}|ERROR: No supported GPU.{1,200})"
    r"|(?P<Download>(?!.{6,50}(?:\blocalhost\b|\b127\.0\.0\.1\b|\d\.\d{1,3} port (?!80\b|443\b)))"
    r"(?:curl: \(\d{1,3}\) .{1,400}|wget: .{1,300})"
    r"|.{0,60}fatal error: .{1,400}|download failed: .{1,600}"
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
yntax_error no_longer_works unexpected_EOF unbound ad_substitution marking_it_un
"""
QUICK = tuple(word.replace("_", " ") for word in _WORDS.split())
"""One of these is in whatever FATAL knows: looking for words is four times as fast as for a pattern of them."""


def failure_in(line: str) -> tuple[str, str] | None:
    """What a single line is as a failure, by its kind or class and its words; None where it is no exception, abort,
    signal or the like."""
    if (raised := exception_of(line)) is not None:
        return raised
    fatal = FATAL.match(line)
    return (fatal.lastgroup or "", line) if fatal is not None else None
