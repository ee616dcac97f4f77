"""A container's command line as vLLM reads it: where each flag stands, and the same lists with one flag changed.

Understands `vllm serve …`, `python3 -m vllm.entrypoints.openai.api_server …`, arguments for the image's own
entrypoint, and either of them inside `sh -c "…"`. Everything else (wrapper scripts, config files) is left alone:
then no command line is found. Reading follows argparse: underscores are dashes, the last of repeated flags wins.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from vops.model.dialects import MULTIPLE_VALUES, SECRET_FLAGS, SHORT_FLAGS, is_switch
from vops.model.pods import Container

Field = Literal["command", "args"]
Span = tuple[int, int]

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh"})
_SCRIPT = re.compile(
    r"""(?P<skip>(?:[ \t]|\\\n)+|(?<![^\s;&|()])\#[^\n]*)
      |(?P<end>[;&|()\n]+|\d*[<>]+&?)
      |(?P<word>(?:[^\s;&|()<>'"\\]|\\.|'[^']*'|"(?:[^"\\]|\\.)*"|['"\\])+)""",
    re.VERBOSE | re.DOTALL,
)
_KUBERNETES_VARIABLE = re.compile(r"\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)")
_SHELL_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)(?::?-([^{}]*))?\}|([A-Za-z_]\w*))")
_FLAG = re.compile(r"--?[A-Za-z]")
_IMAGE_TELLS = frozenset(
    {"gpu-memory-utilization", "tensor-parallel-size", "max-model-len", "served-model-name", "max-num-seqs"}
)


class Word(msgspec.Struct, frozen=True):
    """One word of the command line: in which list, at which index and, inside a shell script, from where to where."""

    field: Field
    index: int
    text: str
    span: Span | None = None


class Flag(msgspec.Struct, frozen=True):
    """One flag as given. `name` is the long name with dashes and without the leading ones.

    `value` is None for a bare switch and empty for a secret. `words` are the flag's own word and those of its values;
    with `inline` the value follows `=` in the flag's own word.
    """

    name: str
    value: str | None
    words: tuple[Word, ...]
    inline: bool = False

    @property
    def field(self) -> Field:
        return self.words[0].field

    @property
    def indices(self) -> tuple[int, ...]:
        """Where in the list `field` it stands; one index when it is inline or inside a shell script."""
        return tuple(dict.fromkeys(word.index for word in self.words))

    @property
    def in_shell(self) -> bool:
        return self.words[0].span is not None


class CommandLine(msgspec.Struct, frozen=True):
    """What follows `vllm serve` (or its equivalents): the model, the flags, and the last word before them."""

    model: Word | None
    flags: tuple[Flag, ...]
    serve: Word | None
    """The word that starts the server (`serve`, the module); None when the image's entrypoint does."""
    end: Word | None
    """The place of the last word; None when there is no word at all."""
    module_form: bool = False
    """`python -m …api_server`: the model is a flag, not a word of its own."""

    def flag(self, name: str) -> Flag | None:
        """The last occurrence of a flag by its long name, with or without dashes."""
        wanted = long_name(name)
        return next((flag for flag in reversed(self.flags) if flag.name == wanted), None)


def command_line(container: Container, *, assume_entrypoint: bool = False) -> CommandLine | None:
    """The vLLM command line of `container`; None when it starts something else.

    With `assume_entrypoint` a container without a command is read as arguments of vLLM's image entrypoint; without
    it only when the arguments could be nobody else's.
    """
    words = _words(container)
    start = _start(words)
    if start is not None:
        serve = words[start]
        return _parse(_until_end(words[start + 1 :]), serve, module_form=serve.text.startswith("vllm."))
    if container.command or (words and words[0].span is not None):
        return None
    parsed = _parse(words, None)
    given = {flag.name for flag in parsed.flags}
    if assume_entrypoint or ("model" in given and given & _IMAGE_TELLS):
        return parsed
    return None


def with_flag(container: Container, flag: str, value: str | None) -> tuple[Field, list[str]]:
    """The list (`command` or `args`) that changes, with `flag` set; `value` None sets a bare switch.

    A flag that is there keeps its place and form, a new one goes to the end of vLLM's own words.
    Raises ValueError when the container has no command line that vops can read.
    """
    line = _readable(container)
    found = line.flag(flag)
    if found is not None:
        return _replace(container, found.words, _rewritten(found, value))
    added = [f"--{long_name(flag)}", *([] if value is None else [value])]
    return _insert(container, line.end, added)


def without_flag(container: Container, flag: str) -> tuple[Field, list[str]] | None:
    """The list that changes, with the last occurrence of `flag` and its values left out; None when it is not given.

    Raises ValueError as `with_flag` does.
    """
    found = _readable(container).flag(flag)
    return None if found is None else _replace(container, found.words, [])


def with_model(container: Container, model: str) -> tuple[Field, list[str]]:
    """The list that changes, with the model replaced where it stands. Raises ValueError as `with_flag` does."""
    line = _readable(container)
    if line.model is None:
        if line.flag("model") is not None or line.module_form or line.serve is None:
            return with_flag(container, "model", model)
        return _insert(container, line.serve, [model])
    return _replace(container, (line.model,), [model])


def long_name(flag: str) -> str:
    """`--max_model_len`, `max-model-len` and short forms as one spelling: `max-model-len`."""
    if flag.startswith("-") and not flag.startswith("--"):
        return SHORT_FLAGS.get(flag[1:], flag[1:].replace("_", "-"))
    head, dot, rest = flag.lstrip("-").partition(".")
    return head.replace("_", "-") + dot + rest


# --- reading ----------------------------------------------------------------------------------------------


def _words(container: Container) -> list[Word]:
    """Every word, a shell script taken apart; operators of the shell are words of their own without text."""
    plain = [Word("command", at, text) for at, text in enumerate(container.command)]
    plain += [Word("args", at, text) for at, text in enumerate(container.args)]
    variables = {item.name: item.value for item in container.env if item.value_from is None}
    script_at = _script_index([word.text for word in plain])
    if script_at is None:
        return [Word(word.field, word.index, _expand(word.text, variables)) for word in plain]
    return list(_script_words(plain[script_at], variables))


def _script_index(texts: Sequence[str]) -> int | None:
    for at, text in enumerate(texts[:-1]):
        if text.rpartition("/")[2] in _SHELLS:
            option = next((i for i in range(at + 1, len(texts) - 1) if re.fullmatch(r"-[a-z]*c", texts[i])), None)
            return None if option is None else option + 1
    return None


def _script_words(script: Word, variables: Mapping[str, str]) -> Iterator[Word]:
    for match in _SCRIPT.finditer(script.text):
        if match.lastgroup == "end":
            yield Word(script.field, script.index, "", match.span())
        elif match.lastgroup == "word":
            text = _unquoted(match.group())
            text = _expand(text, variables) if "'" not in match.group() else text
            yield Word(script.field, script.index, text, match.span())


def _unquoted(word: str) -> str:
    try:
        return "".join(shlex.split(word))
    except ValueError:
        return word


def _expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` as Kubernetes expands it and `$NAME`, `${NAME:-default}` as a shell does, where the value is plain."""
    if "$" not in text:
        return text
    text = _KUBERNETES_VARIABLE.sub(lambda match: variables.get(match[1], match[0]), text)
    return _SHELL_VARIABLE.sub(
        lambda match: variables.get(match[1] or match[3], match[0] if match[2] is None else match[2]), text
    )


def _start(words: Sequence[Word]) -> int | None:
    """The index of the word that starts a vLLM server."""
    for at, word in enumerate(words):
        before = words[at - 1].text if at else ""
        if word.text == "serve" and before.rpartition("/")[2] == "vllm":
            return at
        if before == "-m" and word.text.startswith("vllm.entrypoints.") and word.text.endswith("api_server"):
            return at
        if word.text == "serve" and before == "vllm.entrypoints.cli.main":
            return at
    return None


def _until_end(words: Sequence[Word]) -> Sequence[Word]:
    end = next((at for at, word in enumerate(words) if word.span is not None and not word.text), len(words))
    return words[:end]


def _parse(words: Sequence[Word], serve: Word | None, *, module_form: bool = False) -> CommandLine:
    flags: list[Flag] = []
    model: Word | None = None
    at = 0
    while at < len(words):
        word = words[at]
        if not _FLAG.match(word.text):
            if model is None and not module_form and not (serve is None and word.text == "serve" and at == 0):
                model = word
            at += 1
            continue
        flag = _flag(words, at)
        flags.append(flag)
        at += len(flag.words)
    end = _without_text(words[-1]) if words else serve
    return CommandLine(model, tuple(flags), serve, end, module_form)


def _flag(words: Sequence[Word], at: int) -> Flag:
    head, equals, value = words[at].text.partition("=")
    if glued := re.fullmatch(r"-O\.?(\d.*)", words[at].text):
        head, equals, value = "-O", "=", glued[1]
    name = long_name(head)
    secret = name in SECRET_FLAGS
    if equals:
        word = _without_text(words[at], head + "=") if secret else words[at]
        return Flag(name, "" if secret else value, (word,), inline=True)
    if is_switch(name):
        return Flag(name, None, (words[at],))
    stop = at + 1
    while stop < len(words) and not _FLAG.match(words[stop].text) and (stop == at + 1 or name in MULTIPLE_VALUES):
        stop += 1
    values = tuple(_without_text(word) if secret else word for word in words[at + 1 : stop])
    text = " ".join(word.text for word in values).strip()
    return Flag(name, text if values else None, (words[at], *values))


def _without_text(word: Word, kept: str = "") -> Word:
    """The place of a word without what it says, which may be secret."""
    return msgspec.structs.replace(word, text=kept)


# --- changing ---------------------------------------------------------------------------------------------


def _readable(container: Container) -> CommandLine:
    line = command_line(container, assume_entrypoint=True)
    if line is None:
        raise ValueError(f"container {container.name!r} starts vLLM in a way that vops cannot edit")
    return line


def _rewritten(flag: Flag, value: str | None) -> list[str]:
    raw = flag.words[0].text.partition("=")[0]
    if value is None:
        return [raw]
    return [f"{raw}={value}"] if flag.inline else [raw, value]


def _list(container: Container, field: Field) -> list[str]:
    return list(container.command if field == "command" else container.args)


def _replace(container: Container, words: Sequence[Word], new: Sequence[str]) -> tuple[Field, list[str]]:
    first, last = words[0], words[-1]
    items = _list(container, first.field)
    if first.span is None or last.span is None:
        items[first.index : last.index + 1] = new
    else:
        script = items[first.index]
        items[first.index] = script[: first.span[0]] + shlex.join(new) + script[last.span[1] :]
    return first.field, items


def _insert(container: Container, after: Word | None, new: Sequence[str]) -> tuple[Field, list[str]]:
    if after is None:
        return "args", [*container.args, *new]
    items = _list(container, after.field)
    if after.span is None:
        items[after.index + 1 : after.index + 1] = new
    else:
        script = items[after.index]
        items[after.index] = f"{script[: after.span[1]]} {shlex.join(new)}{script[after.span[1] :]}"
    return after.field, items
