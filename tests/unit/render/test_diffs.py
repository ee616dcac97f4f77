"""A folded diff shows what changes, its neighbours and the way there, and says when it leaves something out."""

from __future__ import annotations

import pytest

from vops.planning.diff import DiffLine
from vops.render.diffs import LONGEST, Folded, folded


def diff(text: str) -> tuple[DiffLine, ...]:
    """Lines of a diff as they are written: a sign, then the YAML."""
    return tuple(DiffLine(line[0], line[1:]) for line in text.splitlines())  # type: ignore[arg-type]  # a sign is one of three


def shown(found: Folded) -> list[str]:
    return [f"{line.sign}{line.text}" for line in found.lines]


def test_a_way_is_one_line_and_other_fields_are_left_out() -> None:
    found = folded(
        diff(
            " apiVersion: v1\n spec:\n   template:\n     spec:\n       containers:\n       - name: vllm\n"
            "         probe:\n           path: /health\n-          port: 1\n+          port: 2\n           scheme: HTTP"
        )
    )
    assert shown(found) == [
        "-spec.template.spec.containers[vllm].probe.port: 1",
        "+spec.template.spec.containers[vllm].probe.port: 2",
    ]
    assert found.short


def test_words_of_a_command_line_keep_their_neighbours() -> None:
    words = "".join(f"   - '{number}'\n" for number in range(5))
    found = folded(diff(f" spec:\n   args:\n{words}+  - --tp\n+  - '2'"))
    assert shown(found) == [" spec.args:", " … 3 more", " - '3'", " - '4'", "+- --tp", "+- '2'"]


def test_what_is_whole_is_not_said_to_be_folded() -> None:
    found = folded(diff(" spec:\n-  replicas: 1\n+  replicas: 2"))
    assert (shown(found), found.short) == (["-spec.replicas: 1", "+spec.replicas: 2"], False)


def test_annotations_are_told_to_be_metadata() -> None:
    found = folded(diff(" kind: X\n metadata:\n   name: x\n   annotations:\n-    paused: 'true'"))
    assert shown(found) == ["-metadata.annotations.paused: 'true'"]


@pytest.mark.parametrize(("number", "lines"), [(LONGEST, LONGEST + 1), (LONGEST + 9, LONGEST + 1)])
def test_a_long_diff_is_cut(number: int, lines: int) -> None:
    found = folded(diff(" spec:\n" + "\n".join(f"+  key{at}: 1" for at in range(number))))
    assert len(found.lines) == lines
    assert found.lines[-1].text.startswith("…") == found.short == (number > LONGEST)
