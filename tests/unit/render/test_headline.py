"""The first line of every screen: what it is about stays to be read, however narrow the terminal."""

from __future__ import annotations

import pytest

from vops.model.objects import Ref
from vops.render.headline import Headline, subject_title
from vops.render.text import Tone, plain

POD = Ref("Pod", "llama3-8b-klmfr7nmdl-ktx4q", "inference")
CLOUD = "arn:aws:eks:eu-west-1:123456789012:cluster/prod-gpu"


def told(width: int, *, context: str = "prod-gpu", title: str = "", badges: tuple[str, ...] = ("READ-ONLY",)) -> str:
    marked = [(badge, Tone.WARN) for badge in badges]
    found = Headline(context, "all", marked, ["fleet"], subject_title(title, POD))
    return plain([found.line(width)]).rstrip()


def test_a_line_with_room_tells_everything() -> None:
    assert told(120) == " ▲ vops  prod-gpu  ns all  READ-ONLY  › fleet › inference/llama3-8b-klmfr7nmdl-ktx4q"


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (78, " ▲ vops  prod-gpu  READ-ONLY  › fleet › inference/llama3-8b-klmfr7nmdl-ktx4q"),
        (67, " ▲ vops  prod-gpu  READ-ONLY  › fleet › llama3-8b-klmfr7nmdl-ktx4q"),
        (58, " ▲ vops  prod-gpu  READ-ONLY  › llama3-8b-klmfr7nmdl-ktx4q"),
        (46, " ▲ vops  prod-gpu  READ-ONLY  › llama3-8b…tx4q"),
    ],
)
def test_filter_namespace_and_way_leave_before_the_middle_of_the_name_does(width: int, shown: str) -> None:
    assert told(width) == shown


@pytest.mark.parametrize("title", ["", "diagnosis"])
def test_a_clouds_name_for_a_context_does_not_hide_what_the_screen_is_about(title: str) -> None:
    text = told(66, context=CLOUD, title=title, badges=())
    assert text.startswith(" ▲ vops  arn:aws:eks:eu-…prod-gpu  ")
    assert text.endswith("x4q")
    assert len(text) <= 66
