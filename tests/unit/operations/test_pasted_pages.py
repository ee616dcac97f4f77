"""Texts as they stand in a page's source are read as a browser shows them; data is not."""

from __future__ import annotations

import pytest

from vops.operations.intake.bundle_wrappings import unwrapped


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<p>Why?</p>\n<pre><code>a &lt;none&gt; &quot;b&quot;\n</code></pre>\n", 'Why?\na <none> "b"\n\n'),
        ("x &#39;y&#39;<br>z&nbsp;z", "x 'y'\nz z"),
        ("Labels: <none>\nNode: <unknown>\n", "Labels: <none>\nNode: <unknown>\n"),
        ('{"a": "&quot;"}', '{"a": "&quot;"}'),
        ("<pre>&lt;code&gt;</pre>", "<code>"),
    ],
)
def test_a_page_is_read_as_it_is_shown(body: str, shown: str) -> None:
    assert unwrapped(body.encode()).decode() == shown
