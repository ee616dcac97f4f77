"""How much a line or sentence tells of a failure, whatever it is about: what is shown of a text should.

People hand in forms with headings, what they run and on what, and manifests beside what went wrong. All of that has
words of the cause, and none of it says what happened.
"""

from __future__ import annotations

import re

from vops.model.patterns import lazy_pattern

_AROUND = lazy_pattern(
    r"[\W_]*(?:"
    # the headings and boxes of forms
    r"(?:your (?:current )?environment|describe (?:the|your) (?:bug|issue|question)|(?:steps )?to reproduce"
    r"|how to reproduce|expected (?:behaviou?r|result)|actual (?:behaviou?r|result)"
    r"|what (?:did you expect|happened|version)|system info|before submitting"
    r"|additional context|information|reproduction|logs?|motivation|possible solution|version)s?\b\W*$"
    r"|[xX ]\] |</?(?:details|summary)\b"
    # what was run, and on what
    r"|(?:sudo |\$ ?)?(?:docker (?:run|compose)|kubectl|helm|vllm serve|python3? -m|pip3? install|curl|export [A-Z])\b"
    r"|(?:OS|GPU|CPU|card|driver|kernel|platform|python|pytorch|cuda|nvidia-smi|docker|kubernetes|image|k8s|hardware)"
    r"(?: (?:version|model|name|used))?s?\s?[:=] "
    # parts of manifests, and flags
    r"|(?:[\w./-]{1,60}:(?: {1,4}[\w./\"'-]{1,60})?\W*|--[\w-]{2,40}\b.{0,40})$"
    # what may be, and what to do
    r"|(?:if|please|make sure|note that|see also|for more)\b)",
    re.IGNORECASE,
)
_FAILS = lazy_pattern(
    r"\b(?:errors?|fail\w*|cannot|can't|could ?n[o']t|unable|refus\w+|den(?:y|ied)|stuck|hangs?|hung|never|kill\w*"
    r"|crash\w*|time(?:d|s)? ?out|timeout|o?oom\w*|out of|exceed\w*|missing|invalid|insufficient|not|no|n't|lost"
    r"|forbidden|dead|evicted|unhealthy|back-?off|abort\w*|die[sd]|slow\w*|doesn't|don't|won't|isn't|\w*(?:Error|Exception))\b",
    re.IGNORECASE,
)
_MARKUP = lazy_pattern(r"^(?:#{1,6} |>+ ?|[*+-] (?:\[[ xX]\] )?|\d{1,2}[.)] )+")
_QUOTED = lazy_pattern(r"`{1,3}([^`]+)`{1,3}")
_FEW = 3

_SAYS_THAT_IT_FAILS, _SAYS_NOTHING = 1.5, 0.2


def tells(sentence: str) -> float:
    """What the words of a sentence count: 1, more where it says that something fails, little where it says nothing."""
    if sentence.count(" ") < _FEW - 1 or _AROUND.match(sentence):
        return _SAYS_NOTHING
    return _SAYS_THAT_IT_FAILS if _FAILS.search(sentence) else 1.0


def plain(sentence: str) -> str:
    """A sentence without the marks of Markdown around it."""
    bare = _MARKUP.sub("", sentence).strip() or sentence
    quoted = _QUOTED.fullmatch(bare)
    return quoted[1].strip() if quoted is not None else bare
