"""What Python itself would make a key press wait for is kept short where the TUI runs."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from vops.tui.lag import SWITCH_S, spare_the_loop


@pytest.fixture
def as_it_was() -> Iterator[None]:
    interval, threshold = sys.getswitchinterval(), gc.get_threshold()
    yield
    sys.setswitchinterval(interval)
    gc.set_threshold(*threshold)
    gc.unfreeze()


@pytest.mark.usefixtures("as_it_was")
def test_threads_hand_over_soon_and_what_stays_is_not_searched_for_garbage() -> None:
    spare_the_loop()
    assert sys.getswitchinterval() == pytest.approx(SWITCH_S)
    assert gc.get_freeze_count() > 1000
    assert gc.isenabled()
