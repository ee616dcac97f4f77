"""`--report`: what became of a run, written to files for CI, and said in the way that the CI system shows."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vops.errors import InputError, UsageError

if TYPE_CHECKING:
    from vops.render.runs import RunStory

FORMATS = ("junit", "json", "md")
HELP = "write junit=FILE, json=FILE or md=FILE; several with commas"


def reports(texts: Sequence[str]) -> dict[Path, str]:
    """`junit=F,json=F` as files with their formats.

    Raises UsageError for what is not that, InputError for a place where no file can be written: afterwards would be too
    late to say so.
    """
    found: dict[Path, str] = {}
    for part in (part for text in texts for part in text.split(",")):
        form, equals, path = part.partition("=")
        if form not in FORMATS or not equals or not path:
            raise UsageError(f"--report {part!r} is not FORMAT=FILE", hint=f"FORMAT is one of {', '.join(FORMATS)}")
        _check_writable(Path(path))
        found[Path(path)] = form
    return found


def _check_writable(path: Path) -> None:
    why = ""
    if path.is_dir():
        why = "it is a folder"
    elif not path.parent.is_dir():
        why = f"there is no folder {path.parent}"
    elif not os.access(path if path.exists() else path.parent, os.W_OK):
        why = "it may not be written to"
    if why:
        raise InputError(f"cannot be written: {why}", path=str(path), hint="choose another --report")


def write_reports(story: RunStory, wanted: dict[Path, str]) -> None:
    """Writes every report, each whole or not at all, and annotates where the CI system reads annotations.

    Raises InputError for a file that cannot be written.
    """
    from vops.cli.output import write_file
    from vops.render import runs

    render: dict[str, Callable[[RunStory], str | bytes]] = {
        "junit": runs.run_junit,
        "json": runs.run_json,
        "md": runs.run_markdown,
    }
    for path, form in wanted.items():
        text = render[form](story)
        write_file(path, text.encode() if isinstance(text, str) else text, "--report")
    if os.environ.get("GITHUB_ACTIONS") == "true":
        _tell_github(story)


def _tell_github(story: RunStory) -> None:
    """An error annotation, and the summary on the job's page."""
    from vops.cli.diagnostics import narrate
    from vops.render.runs import github_annotations, run_markdown

    for annotation in github_annotations(story):
        narrate(annotation)
    if summary := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(run_markdown(story)[:1_000_000])
