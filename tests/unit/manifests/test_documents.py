"""Manifests as text: places, YAML 1.1 as the Kubernetes tools read it, Lists, and what is refused."""

from __future__ import annotations

import time
from typing import Any

import pytest

from vops.errors import InputError
from vops.manifests.documents import Place, read_documents
from vops.manifests.objects import objects_of
from vops.manifests.render import to_yaml

TWO = """# Source: chart/templates/a.yaml
kind: A
spec:
  list:
    - name: x
      value: 1
---
kind: B
"""


def test_a_field_is_found_by_line_and_column() -> None:
    first, second = read_documents(TWO, "f.yaml")
    assert first.place(("spec", "list", 0, "value")) == Place(6, 7)
    assert first.place(("spec", "list", 0, "absent", "deeper")) == Place(5, 7)
    assert second.place(("kind",)) == Place(8, 1)


def test_helms_source_is_kept_for_its_document_alone() -> None:
    assert [document.source for document in read_documents(TWO, "f.yaml")] == ["chart/templates/a.yaml", ""]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("on", True),
        ("No", False),
        ("null", None),
        ("~", None),
        ("0644", 420),
        ("0x10", 16),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("v0.8.5", "v0.8.5"),
        ('"8000"', "8000"),
        ("2026-11-24", "2026-11-24"),
        ("12:30", "12:30"),
    ],
)
def test_scalars_are_read_as_the_kubernetes_tools_do(text: str, value: Any) -> None:
    assert read_documents(f"a: {text}", "f.yaml")[0].value == {"a": value}


def test_anchors_and_merges_are_resolved() -> None:
    text = "base: &b {x: 1, y: 2}\nnew:\n  <<: *b\n  y: 3\n"
    assert read_documents(text, "f.yaml")[0].value["new"] == {"x": 1, "y": 3}


def test_json_with_tabs_is_read() -> None:
    assert read_documents('{\n\t"kind": "A"\n}', "f.json")[0].value == {"kind": "A"}


def test_lists_are_taken_apart_with_their_places() -> None:
    documents = read_documents("kind: List\nitems:\n  - kind: A\n  - kind: B\n", "f.yaml")
    found = objects_of(documents)
    assert [item.kind for item in found] == ["A", "B"]
    assert documents[0].place(found[1].path) == Place(4, 5)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\n", 1),
        ("- 1\n- 2\n", 1),
        ("a: 1\n---\nb: {{ .Values.x }}\n", 3),
        ("a: &x\n  b: *x\n", 1),
    ],
)
def test_what_is_no_manifest_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(InputError) as caught:
        read_documents(text, "f.yaml")
    assert caught.value.line == line


def test_an_object_without_a_kind_is_refused_with_its_line() -> None:
    with pytest.raises(InputError, match=r"f.yaml:3: .*kind") as caught:
        objects_of(read_documents("kind: A\n---\nimage: x\n", "f.yaml"))
    assert "helm template" in caught.value.hint


def test_aliases_do_not_multiply() -> None:
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    started = time.monotonic()
    read_documents("\n".join(lines), "f.yaml")
    assert time.monotonic() - started < 2


def test_control_characters_do_not_come_through() -> None:
    assert "\x1b" not in str(read_documents('a: "x\x1b[31m"', "f.yaml")[0].value)


@pytest.mark.parametrize("text", ["yes", "n", "0644", "1e3", "null", "", "a: b", "x\ny\n", "- x", "0x1F", "12:30"])
def test_what_is_written_is_read_again(text: str) -> None:
    assert read_documents(to_yaml([{"a": text}]), "f.yaml")[0].value == {"a": text}
