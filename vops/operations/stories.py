"""Past runs as every front end tells them."""

from __future__ import annotations

from vops.operations.running.runs import PastRun
from vops.render.runs import RunStory


def story_of(run: PastRun) -> RunStory:
    """A run with its plan, steps and ending."""
    return RunStory(run.id, run.plan, run.steps, run.ending or "", run.error, str(run.path), run.started_at)
