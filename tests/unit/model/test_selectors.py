"""Label selectors mean what kubectl means by them."""

from __future__ import annotations

import pytest

from vops.model.selectors import selector

LABELS = {"app": "llama", "tier": "prod", "zone": "a"}


@pytest.mark.parametrize(
    ("text", "matches"),
    [
        ("", True),
        ("app=llama", True),
        ("app==llama, tier=prod", True),
        ("app=llama,tier=dev", False),
        ("tier!=dev", True),
        ("gone!=x", True),
        ("zone in (a, b)", True),
        ("zone notin (a,b)", False),
        ("app", True),
        ("!app", False),
        ("!gone,app", True),
        ("app=", False),
    ],
)
def test_terms_hold_as_in_kubectl(text: str, matches: bool) -> None:
    assert selector(text)(LABELS) is matches


@pytest.mark.parametrize("text", ["app in", "=x", "app=a b", "!app=x", "a,,b", "app in (a"])
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a label selector"):
        selector(text)
