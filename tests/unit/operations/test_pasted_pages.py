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
        ("Why?\n```\n    a: b\n      c\n```\n  so\n```py\n1:a\n2:b\n3: c\n```\n", "Why?\na: b\n  c\n  so\na\nb\n c\n"),
        ("Why?\n```\nvllm-1  | a\nvllm-1  | b\n```\nvllm-1  | c\n", "Why?\na\nb\nvllm-1  | c\n"),
    ],
)
def test_a_page_is_read_as_it_is_shown(body: str, shown: str) -> None:
    assert unwrapped(body.encode()).decode() == shown
