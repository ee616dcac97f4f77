"""How a run's end is told on a screen: a line for each line of what is said."""

from __future__ import annotations

from vops.errors import ApprovalNeeded, Refused
from vops.render.flow import ending_lines
from vops.render.text import plain


def test_a_role_to_apply_stands_in_lines_of_its_own() -> None:
    error = Refused(
        "these credentials lack a permission", hint="have this applied:\nkind: Role\nrules:\n- verbs: [get]"
    )
    told = plain(ending_lines("failed", "", error)).splitlines()
    assert told[1:] == [
        "  these credentials lack a permission",
        "  next: have this applied:",
        "  kind: Role",
        "  rules:",
        "  - verbs: [get]",
    ]


def test_what_waits_for_a_person_is_no_error() -> None:
    told = plain(ending_lines("waiting", "1 of 1 serve", ApprovalNeeded("Revoke the old token\nAt the Hub.")))
    assert told.splitlines() == [
        "▲ what is left is for a person",
        "  1 of 1 serve",
        "  Revoke the old token",
        "  At the Hub.",
    ]
