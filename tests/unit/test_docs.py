"""The generated reference says what the code says now."""

import re
import subprocess
from functools import cache
from pathlib import Path

import generate
import pytest

from vops.runbooks.schema import read_runbook

DOCS = Path(__file__).parents[2] / "docs"
WRITTEN = sorted(path.name for path in (DOCS / "reference").iterdir())
pages = cache(generate.pages)
"""Made once, by whoever runs these tests: not wherever they are only collected."""


@pytest.mark.parametrize("name", WRITTEN)
def test_the_reference_is_not_stale(name: str) -> None:
    assert (DOCS / "reference" / name).read_text("utf-8") == pages()[name], "run `make docs`"


def test_nothing_else_is_in_the_reference() -> None:
    assert sorted(pages()) == WRITTEN


@pytest.mark.parametrize("page", [*DOCS.parent.glob("*.md"), *DOCS.rglob("*.md")], ids=lambda path: path.name)
def test_links_and_images_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text("utf-8")):
        assert target.startswith("http") or (page.parent / target).exists(), f"{page}: {target}"


def test_the_guide_for_ci_has_the_script_that_the_cluster_tests_run() -> None:
    (script,) = re.findall(r"```bash\n(.*?)```", (DOCS / "guides/ci.md").read_text("utf-8"), re.DOTALL)
    assert [line.split()[1] for line in script.splitlines() if line.startswith("step ")] == [
        "seed",
        "deploy",
        "split",
        "back",
    ]
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)


def test_decisions_have_numbers_of_their_own_and_are_listed() -> None:
    pages = sorted(path for path in (DOCS / "decisions").glob("*.md") if path.name != "README.md")
    assert [path.name[:4] for path in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    titles = [page.read_text("utf-8").splitlines()[0].removeprefix("# ") for page in pages]
    listed = re.findall(r"^- \[(.+)\]\((.+)\)$", (DOCS / "decisions/README.md").read_text("utf-8"), re.MULTILINE)
    assert listed == [(title, page.name) for title, page in zip(titles, pages, strict=True)]
    assert all(title.startswith(page.name[:4]) for title, page in zip(titles, pages, strict=True))


def test_the_readme_names_every_command() -> None:
    readme = (DOCS.parent / "README.md").read_text("utf-8")
    commands = re.findall(r"^## vops (\S+)$", pages()["commands.md"], re.MULTILINE)
    assert [name for name in commands if f"`vops {name}" not in readme] == []


def test_the_runbook_of_the_guide_is_one() -> None:
    text = (DOCS / "guides/runbooks.md").read_text("utf-8")
    example = re.findall(r"```yaml\n(vops: 1\n.*?)```", text, re.DOTALL)[0]
    assert read_runbook(example, "fewer-sequences.yaml").id == "fewer-sequences"
