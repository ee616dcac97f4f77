"""How a server was started, in lines: each flag with what it means, what its version no longer takes, what it serves
with, and how that compares with what sizing says."""

from __future__ import annotations

from collections.abc import Iterator

from vops.diagnosis.facts import Replica
from vops.model.commandline import Flag
from vops.model.dialects import DIALECTS, Version
from vops.model.meanings import flag as meaning_of
from vops.model.secrets import mask
from vops.model.text import one_line
from vops.render import units
from vops.render.size import size_lines
from vops.render.text import Line, Span, Tone, line
from vops.sizing.answer import Answer

_NAME = 30
_NEAR = 0.05
"""A prediction this close to what the server reports is as good as right."""


def engine_lines(replica: Replica, sized: Answer | None = None, remark: Line = ()) -> list[Line]:
    """Arguments, environment, and what sizing says; `remark` stands where there is no sizing."""
    lines = [*_argument_lines(replica), (), *_served_lines(replica, sized), ()]
    lines.append(line(Span("what sizing says of it", Tone.STRONG)))
    return [*lines, *(size_lines(sized) if sized is not None else [remark])]


def _argument_lines(replica: Replica) -> Iterator[Line]:
    args = replica.args
    version = ".".join(map(str, args.version)) if args.version is not None else "of unknown version"
    yield line(Span(f"vLLM {version}", Tone.STRONG), Span(f"  {one_line(replica.container.image, 160)}", Tone.DIM))
    if args.line is None:
        yield line(Span("▲ it is started in a way that vops cannot read (a script of its own)", Tone.WARN))
        return
    yield line(Span(f"  {'model':<{_NAME}}", Tone.DIM), args.model or Span("named by no argument", Tone.WARN))
    for flag in args.raw:
        yield _flag_line(flag, args.version)
    for name, value in args.environment.items():
        yield line(
            Span(f"  {name:<{_NAME}}", Tone.DIM), one_line(f"{mask(value)}", 120), Span("  environment", Tone.DIM)
        )
    if args.gpu_memory_utilization is None:
        default = _default_utilization(args.version)
        text = f"  {'--gpu-memory-utilization':<{_NAME}}{default:g}  its version's default: pin it"
        yield line(Span(text, Tone.DIM))


def _flag_line(flag: Flag, version: Version | None) -> Line:
    """One flag: what it means, or that its version has it no more."""
    shown = "set" if flag.value is None else flag.value or "(secret)"
    head = (Span(f"  {f'--{flag.name}':<{_NAME}}", Tone.DIM), Span(f"{one_line(f'{mask(shown)}', 60)}  "))
    if _is_gone(flag.name, version):
        return (*head, Span("▲ this version does not take it", Tone.WARN))
    found = meaning_of(flag.name)
    return (*head, Span(found.says.partition(": ")[0] if found is not None else "", Tone.DIM))


def _is_gone(name: str, version: Version | None) -> bool:
    return version is not None and any(name in item.removed_flags for item in DIALECTS if item.since <= version)


def _default_utilization(version: Version | None) -> float:
    known = [item for item in DIALECTS if version is None or item.since <= version]
    return (known or DIALECTS)[-1 if known else 0].default_gpu_memory_utilization


def _served_lines(replica: Replica, sized: Answer | None) -> Iterator[Line]:
    """The KV cache as the server reports it, beside the prediction."""
    latest = replica.samples.latest if replica.samples is not None else None
    logged = replica.log.kv_tokens if replica.log is not None else None
    tokens = (latest.kv_tokens if latest is not None else None) or logged
    if tokens is None:
        yield line(Span("KV cache: not reported by the server, not logged", Tone.DIM))
        return
    yield line(
        Span("KV cache  ", Tone.DIM), Span(f"{units.count(tokens)} tokens"), Span(_beside(tokens, sized), Tone.DIM)
    )


def _beside(tokens: int, sized: Answer | None) -> str:
    if sized is None or not sized.sizing.kv_tokens:
        return ""
    predicted = sized.sizing.kv_tokens
    off = predicted / tokens - 1
    how = "as sizing says" if abs(off) <= _NEAR else f"sizing says {units.count(predicted)}, {off:+.0%}"
    return f"  {how}"
