"""Lazy patterns: what `re.compile` gives, later."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

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
