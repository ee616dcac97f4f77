"""Kubeconfig files: found, merged as kubectl does, and named with their line when they are wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from vops.adapters.kube import list_contexts
from vops.adapters.kube.kubeconfig import choose_context, merge
from vops.errors import InputError, UsageError


def write(path: Path, *contexts: str, current: str = "", server: str = "https://api.example:6443") -> Path:
    """A kubeconfig whose contexts all lead to one server as one user."""
    lines = [
        "apiVersion: v1",
        "kind: Config",
        f"clusters: [{{name: c, cluster: {{server: '{server}'}}}}]",
        "users: [{name: u, user: {token: t}}]",
        "contexts:",
        *(f"- {{name: '{name}', context: {{cluster: c, user: u, namespace: ml}}}}" for name in contexts),
    ]
    path.write_text("\n".join([*lines, f"current-context: '{current}'", ""]))
    return path


def test_contexts_are_listed_in_the_order_of_the_file(tmp_path: Path) -> None:
    assert list_contexts(str(write(tmp_path / "k", "b", "a", current="a"))) == (("b", "a"), "a")


def test_of_several_files_the_first_to_name_something_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = write(tmp_path / "1", "a", "shared", current="a")
    second = write(tmp_path / "2", "b", "shared", current="b", server="https://other.example")
    monkeypatch.setenv("KUBECONFIG", f"{first}:{tmp_path / 'missing'}:{second}")
    assert list_contexts() == (("a", "shared", "b"), "a")


def test_a_later_current_context_counts_where_the_first_has_none(tmp_path: Path) -> None:
    files = f"{write(tmp_path / '1', 'a')}:{write(tmp_path / '2', 'b', current='b')}"
    assert list_contexts(files)[1] == "b"


def test_the_file_in_the_home_directory_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert list_contexts() == ((), "")
    (tmp_path / ".kube").mkdir()
    write(tmp_path / ".kube/config", "home")
    assert list_contexts() == (("home",), "")


@pytest.mark.parametrize("how", ["flag", "environment"])
def test_a_file_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    missing = str(tmp_path / "missing")
    monkeypatch.setenv("KUBECONFIG", missing)
    with pytest.raises(InputError, match="no such file") as raised:
        list_contexts(missing if how == "flag" else "")
    assert raised.value.path == missing


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("contexts:\n- name: [a\nusers: []\n", 3, "not valid YAML"),
        ("clusters:\n\t- name: c\n", 2, "not valid YAML"),
        ("- just\n- a list\n", 1, "expected a mapping"),
        ("apiVersion: v1\nusers:\n  name: u\n", 3, "users must be a list"),
        ("clusters:\n- name: a\n  cluster: {}\n- cluster: {}\n", 4, "every entry of clusters needs a name"),
        ("contexts:\n- name: a\n  context: oops\n", 2, "context 'a' must be a mapping"),
        ("a: &b 1\nb: *c\n", 2, "not valid YAML"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as raised:
        list_contexts(str(path))
    assert (raised.value.path, raised.value.line) == (str(path), line)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"a: \x00b"])
def test_a_binary_file_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "binary"
    path.write_bytes(data)
    with pytest.raises(InputError) as raised:
        list_contexts(str(path))
    assert raised.value.path == str(path)


def test_an_unknown_context_lists_the_known_ones_nearest_first(tmp_path: Path) -> None:
    merged = merge(str(write(tmp_path / "k", "staging", "prod-eu", "prod-us")), {})
    with pytest.raises(UsageError, match="no context 'prod-ew'") as raised:
        choose_context(merged, "prod-ew")
    assert raised.value.hint == "use --context prod-eu; known are: staging, prod-eu, prod-us"


def test_without_a_current_context_one_has_to_be_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="sets no current context") as raised:
        choose_context(merge(str(write(tmp_path / "k", "a")), {}), "")
    assert "--context a" in raised.value.hint


def test_reading_a_kubeconfig_loads_neither_clients_nor_their_models(tmp_path: Path) -> None:
    program = (
        "import sys; from vops.adapters.kube import list_contexts; import vops.adapters.kube.login;"
        f"print(list_contexts({str(write(tmp_path / 'k', 'a'))!r})[0]);"
        "print(sorted({name.partition('.')[0] for name in sys.modules}"
        " & {'kubernetes', 'requests', 'pydantic', 'urllib3', 'oauthlib', 'dateutil', 'aiohttp'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["('a',)", "[]"]
