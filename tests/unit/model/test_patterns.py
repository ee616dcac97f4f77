"""Lazy patterns: what `re.compile` gives, later, and the same answers sooner."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vops.model.needles import needles, quicker
from vops.model.patterns import lazy_pattern

COMPILED_AT_IMPORT = """
import re, sys
compiled = []
plain = re._compiler.compile
def counted(source, flags=0):
    compiled.append(sys._getframe(3).f_globals.get("__name__", ""))
    return plain(source, flags)
re._compiler.compile = counted
from vops.diagnosis.rule import discover
rules = discover()
print(len(rules), sum(name.startswith(("vops.diagnosis", "vops.model.patterns")) for name in compiled))
"""


def test_a_lazy_pattern_does_what_a_compiled_one_does() -> None:
    lazy, compiled = lazy_pattern(r"(?P<n>\d+) gpus?", re.IGNORECASE), re.compile(r"(?P<n>\d+) gpus?", re.IGNORECASE)
    text = "1 GPU, 24 GPUs"
    assert [match["n"] for match in lazy.finditer(text)] == [match["n"] for match in compiled.finditer(text)]
    assert lazy.sub("x", text) == compiled.sub("x", text)
    assert (lazy.pattern, lazy.flags, lazy.groups) == (compiled.pattern, compiled.flags, compiled.groups)
    assert lazy.fullmatch("no") is None


def test_a_pattern_is_compiled_at_its_first_use() -> None:
    broken = lazy_pattern("(")
    with pytest.raises(re.error):
        broken.search("x")


def test_loading_all_rules_compiles_next_to_no_pattern() -> None:
    """`vops diagnose POD` pays for each of them: let a rule use vops.model.patterns.lazy_pattern."""
    done = subprocess.run([sys.executable, "-c", COMPILED_AT_IMPORT], capture_output=True, text=True, check=True)
    rules, compiled = map(int, done.stdout.split())
    assert compiled < rules / 2


ALPHABET = "abcKs \n\u212a\u017f"
TEXTS = st.text(ALPHABET, max_size=30)
WORDS = st.text("abcks", min_size=1, max_size=5)
SOURCES = st.recursive(
    st.one_of(WORDS, st.sampled_from([".", "[ab]", "^", "$", r"\b", r"\w", "(?!a)", "(?=b)"])),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"(?:{'|'.join(parts)})"),
        inner.map("({})".format),
        inner.map("(?i:{})".format),
        inner.map("(?>{})".format),
        inner.map("(?:{}){{0,2}}".format),
        inner.map("(?:{}){{1,3}}?".format),
    ),
    max_leaves=8,
)


@given(SOURCES, st.sampled_from([0, re.IGNORECASE, re.MULTILINE, re.ASCII | re.IGNORECASE]), TEXTS, st.integers(0, 9))
def test_a_quicker_search_finds_the_same(source: str, flags: int, text: str, start: int) -> None:
    pattern = re.compile(source, flags)
    found, expected = quicker(pattern)(text, start), pattern.search(text, start)
    assert (found and found.span()) == (expected and expected.span())


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (r".{0,9}(?:needle|\d+ pins?)", (" pin", "needle")),
        (r"(?i)\bNeedles?|(?:THREAD)+", ("needle", "thread")),
        (rb"\s(?:needle|thread)", (b"needle", b"thread")),
        (r".(?i:needle)", ()),
        (r"\s(?:needle)?|thread", ()),
        (r".(?!needle)", ()),
        (r".to", ()),
        (r"needle\d", ()),
    ],
    ids=[
        "rarest",
        "any case",
        "bytes",
        "any case within",
        "may be missing",
        "must be missing",
        "too short",
        "re looks for it",
    ],
)
def test_words_that_a_text_must_have(source: Any, words: tuple[Any, ...]) -> None:
    assert needles(re.compile(source)) == words


def test_a_pattern_that_is_asked_often_finds_the_same() -> None:
    lazy = lazy_pattern(r".(?:needle|thread)")
    first = lazy.search
    for _ in range(300):
        assert lazy.search("a needle") is not None
        assert lazy.search("a stack of hay") is None
    assert lazy.search != first
