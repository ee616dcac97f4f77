"""Parts are put in place when a runbook is read, and what is wrong in one is told with its own file and line."""

from __future__ import annotations

import pytest

from vops.errors import InputError, UsageError
from vops.library import read_part_file
from vops.runbooks.schema import read_runbook

HEAD = "vops: 1\nid: x\ntitle: X\nrisk: low\nsteps:\n"
PART = """with: {say: null, level: fail}
steps:
  - id: checks
    kind: assert
    that: [{cel: 'true', say: 'It is ${with.say}!', level: '${with.level}'}]
"""


def read_part(name: str) -> tuple[str, str]:
    return {"checks": PART, "loop": "steps:\n  - {kind: include, part: loop}\n"}[name], f"parts/{name}.yaml"


def test_an_included_step_stands_where_it_is_included_with_what_was_given() -> None:
    text = HEAD + "  - {kind: include, part: checks, if: 'false', with: {say: so, level: warn}}\n"
    (step,) = read_runbook(text, "x.yaml", read_part).steps
    assert step.args["that"] == [{"cel": "true", "say": "It is so!", "level": "warn"}]
    assert (step.id, step.common.if_, step.source.path, step.where) == (
        "checks",
        "false",
        "parts/checks.yaml",
        ("steps", 0),
    )


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{kind: include}", "x.yaml:6: include needs `part`"),
        ("{kind: include, part: checks}", "x.yaml:6: part checks needs with: say"),
        ("{kind: include, part: checks, with: {say: a, x: 1}}", "x.yaml:6: part checks has no 'x'"),
        ("{kind: include, part: checks, with: 3}", "x.yaml:6: `with` is a mapping"),
        ("{kind: include, part: checks, timeout: 3}", "x.yaml:6: include has no key 'timeout'"),
        ("{kind: include, part: loop}", "parts/loop.yaml:2: parts include each other more than 4 deep"),
    ],
)
def test_an_include_that_is_wrong_is_named(step: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        read_runbook(f"{HEAD}  - {step}\n", "x.yaml", read_part)
    assert raised.value.message.startswith(words)


def test_a_part_that_changes_changes_the_digest() -> None:
    text = HEAD + "  - {kind: include, part: checks, with: {say: so}}\n"
    one = read_runbook(text, "x.yaml", read_part).digest
    other = read_runbook(text, "x.yaml", lambda name: (PART.replace("!", "."), "p.yaml")).digest
    assert one != other


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(UsageError, match="there is no part 'nothing'"):
        read_part_file("nothing", {})
