"""The generated reference says what the code says now."""

import re
import subprocess
from pathlib import Path

import generate
import pytest

DOCS = Path(__file__).parents[2] / "docs"
PAGES = generate.pages()


@pytest.mark.parametrize("name", PAGES)
def test_the_reference_is_not_stale(name: str) -> None:
    assert (DOCS / "reference" / name).read_text("utf-8") == PAGES[name], "run `make docs`"


def test_nothing_else_is_in_the_reference() -> None:
    assert {path.name for path in (DOCS / "reference").iterdir()} == set(PAGES)


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
