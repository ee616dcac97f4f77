"""Whether a text explains, plans or asks in general, or somebody reports in it that something happened.

Guides, descriptions of changes, release notes and wishes speak of the same failures as reports, in the same words. They
say what may be and what to do about it; a report says who saw what, and when. Both kinds of sign are counted in what
people wrote themselves: code, quotes and the questions of a form count for neither. What a sentence means is not
understood here, and a text without signs of either kind is taken for a report.
"""

from __future__ import annotations

import re

from vops.model.patterns import lazy_pattern

_ANY = re.IGNORECASE | re.MULTILINE
_START = r"^[ \t]*(?:[-*+>] |\d{1,2}[.)] |#{1,5} |\|)?[ \t*_`]{0,4}"

_HEAVY = 3
"""What a sign counts that hardly any report has."""

_GENERAL: tuple[tuple[int, re.Pattern[str]], ...] = (
    (
        _HEAVY,
        lazy_pattern(
            r"\bthis (?:PR|pull request|change|patch|proposal|RFC|KEP|feature|post|guide|tutorial|page|document|section"
            r"|chapter|runbook|blueprint|walkthrough|article|blog)\b"
            r"|\bwe (?:propose|are proposing|recommend)\b|\bit is proposed\b"
            r"|\bwould be (?:nice|great|awesome|good|useful|helpful)\b|\bfeature request\b|/kind feature"
            r"|\bwhat this PR does\b|describe the solution you'd like",
            _ANY,
        ),
    ),
    (
        _HEAVY,
        lazy_pattern(
            r"^\W{0,6}(?:feat|docs?|chore|refactor|perf)(?:\([^)\n]{1,40}\))?!?:"
            r"|^\W{0,4}\[(?:Feature|Feat|RFC|Docs?|Proposal|Enhancement|Blog|KEP|EPIC|Helm)[^\]\n]{0,30}\]"
            r"|^\W{0,4}KEP-\d"
            r"|^This (?:adds|introduces|implements|enables|changes|updates|lets|allows|makes)\b"
            r"|^(?:add(?:s|ed)?|introduces?|implements?) (?:support|a|an|the)\b",
            _ANY,
        ),
    ),
    (
        _HEAVY,
        lazy_pattern(
            r"^#{1,5} (?:\d[\d.]*\.? )?(?:motivation|goals?|non-?goals|design|proposal|proposed (?:solution|changes?)"
            r"|user stor\w+|alternatives?|prerequisites?|overview|introduction|background|getting started|quick ?start"
            r"|install(?:ation|ing)?|configur(?:ation|ing|e)|how (?:to|it works|this works)|best practices|faqs?"
            r"|troubleshooting|common (?:errors|issues|problems|questions)|table of contents|next steps|clean ?up"
            r"|parameters|usage|examples?|what you.ll learn|limitations|test plan|release notes|features|key "
            r"|understanding|verify\w*|deploy\w*|step \d|principles|implementation|use cases?|new features|changes)\b"
            r"|^(?:#{1,5} )?(?:TL;?DR|runbook|scope|what you.ll learn|why this matters)\b",
            _ANY,
        ),
    ),
    (1, lazy_pattern(r"\byou(?:r|['’](?:ll|re|ve|d))?\b", _ANY)),
    (
        1,
        lazy_pattern(
            rf"{_START}(?:set|use|ensure|make|increase|decrease|reduce|check|run|adds?|added|create|install|configure"
            r"|enable|disable|verify|consider|note|see|deploy|avoid|confirm|apply|wait|upgrade|replaces?|prefer|scale"
            r"|allows?|remove|changes?|introduces?|implements?|supports?|fix(?:es)?|improves?|mark|update|specify|define"
            r"|restart|when|if|to|sets)\b",
            _ANY,
        ),
    ),
    (
        1,
        lazy_pattern(
            r"\b(?:(?-i:may)|might|could|would|should|will|typically|usually|generally|commonly|by default|e\.g\."
            r"|such as|for (?:example|instance)|in case|unless|whether|either|ensures?|allows?|avoid\w*|prevent\w*"
            r"|can (?:be|significantly|also|only|lead|cause|result|easily)|recommended|optional(?:ly)?)\b",
            _ANY,
        ),
    ),
    (1, lazy_pattern(r"\b(?:if|when(?:ever)?|without|so that|in order to)\b", _ANY)),
)

_TROUBLE = (
    r"see|sees|saw|seen|seeing|gets?|got|getting|hit|hits|hitting|r[au]n(?:ning)? into|notice\w*|observ(?:ed?|ing)"
    r"|fac(?:e|ed|ing)|experienc\w+|encounter(?:ed|ing)?|unable|can(?:no|['’])t|could ?n[o'’]t|stuck|fail(?:s|ed|ing)?"
    r"|crash\w*|tried|trying|keeps?|kept|restart(?:s|ed|ing)|lost|hangs?|happen\w*|(?:do|does|is|are) ?n[o'’]t|error"
)
_REPORT: tuple[tuple[int, re.Pattern[str]], ...] = (
    (
        1,
        lazy_pattern(
            rf"\b(?:I|we|I['’](?:ve|m)|we['’](?:ve|re)|my|our|me|us)\b[^.\n]{{0,60}}?\b(?:{_TROUBLE})\b", _ANY
        ),
    ),
    (
        1,
        lazy_pattern(
            r"\bI(?:['’]m| am| was)\b|\bmy (?:pods?|cluster|nodes?|setup|server|deployment|GPUs?|model)\b"
            r"|\b(?:these|following) (?:messages?|errors?|logs?)\b|\bwith this (?:event|error|message)\b",
            _ANY,
        ),
    ),
    (
        2,
        lazy_pattern(
            r"^\W{0,6}(?:\d[\d.]* )?(?:describe the (?:bug|issue|problem)|bug (?:description|report)"
            r"|what (?:steps did you take|happened)|actual (?:behaviou?r|results?|outcome)"
            r"|(?:steps to |how to |to )?reproduc\w+|observed behaviou?r|your current environment|symptoms?\b"
            r"|root cause|environment\b|issue or feature description|what did you (?:do|see|expect)"
            r"|expected behaviou?r|problem description)"
            r"|^\W{0,4}\[Bug[^\]\n]{0,12}\]"
            r"|^\W{0,6}Step \d{1,2}\b[^\n]{0,80}\b(?:fails?|failed|errors?)\b"
            r"|\b(?:is|was) (?:created|started|scheduled|deployed),? but (?:it )?(?:fails|crashes|hangs|never)\b",
            _ANY,
        ),
    ),
    (
        1,
        lazy_pattern(
            r"\b(?:today|yesterday|this morning|last (?:night|week|month)|all of a sudden|suddenly|recently|randomly"
            r"|for (?:hours|days|\d{1,3} (?:hours|days|minutes|mins))|intermittent\w*|no matter|again and again"
            r"|(?:\d{1,3}|several|few|some|couple of) (?:minutes|mins|hours|days|weeks)(?: ago| later| back)?)\b",
            _ANY,
        ),
    ),
    (
        1,
        lazy_pattern(
            r"\b(?:any (?:ideas?|help|suggestions?|pointers|clue)|please help|is (?:this|it) (?:expected|a bug|normal)"
            r"|(?:how|what) (?:do|can|should|could) I\b|why (?:is|does|do|are|did)\b|help me\b)",
            _ANY,
        ),
    ),
    (
        1,
        lazy_pattern(
            r"\b(?:was|were|got|been|gets|keeps?(?: getting)?|is being|are being) (?:\w+ ){0,2}(?:OOM\w*|killed"
            r"|evicted|restart(?:ed|ing)|terminated|preempted|rejected|refused|denied|blocked|crashing|failing"
            r"|throttled|stuck)\b",
            _ANY,
        ),
    ),
    (
        1,
        lazy_pattern(
            r"(?<!\bthe )(?<!\ba )(?<!\bany )\b(?:failed(?! (?:pod|node|job|request|task|stat))|crashed|died|hung"
            r"|froze|timed out|stopped working|broke|disappeared|ran out|turned out"
            r"|went (?:down|away|(?:in(?:to)? )?NotReady))\b",
            _ANY,
        ),
    ),
    (
        1,
        lazy_pattern(
            r"\bin (?:my|our) case\b|\bafter (?:upgrading|updating|installing|restarting|rebooting|deploying"
            r"|the upgrade|\d{1,3} )",
            _ANY,
        ),
    ),
    (
        2,
        lazy_pattern(
            r"^[ \t]{0,40}\[?\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:|toomanyrequests: |^\([^)\n]{1,40}\bpid=\d{1,7}\)"
            r"|^(?:[\w.]{1,80}(?:Error|Exception)|Error|ERROR): |^[\w.-]{1,60}: error: "
            r"|^[ \t]{0,40}(?:\([^)\n]{1,40}\) ?)*(?:Traceback |(?:DEBUG|INFO|WARNING|ERROR|CRITICAL)\b)"
            r"|^[ \t]{0,40}(?:Warning|Normal)[ \t]{1,40}\w+[ \t]{1,40}\d{1,4}[smhd]\b|^Name:[ \t]{1,40}\S",
            re.MULTILINE,
        ),
    ),
)

_NOT_WRITTEN = lazy_pattern(
    r"^[ \t]{0,40}[-*] \[[ xX]\][^\n]*$|^[ \t]{0,40}[\"'>][^\n]*[\"'][ \t]{0,40}$"
    r"|^[^\n]*(?:\b\w*(?:[Ee]rror|ERROR|WARNING|INFO|toomanyrequests|Warning|Normal)\b ?[:=]|\bdesc = )[^\n]*$"
    r"|^[ \t]{0,40}(?:\{|\[\d|\d{4}[-/]\d\d|Warning|Normal)[^\n]*$"
    r"|\"[^\"\n]{30,400}\"|`[^`\n]{1,200}`",
    re.MULTILINE,
)
"""Boxes to tick, names, quotes and lines that a program wrote."""

_STANDS_FOR = lazy_pattern(
    r"<(?:your[-_])?(?:pod|namespace|ns|node|deployment|container|image|release)(?:[-_]name)?>|\[POD_NAME\]"
    r"|\b(?:your|my)-(?:app|pod|namespace|registry|project)\b|\bmyregistry\b"
)
"""Names that stand for any: what a program says of them is an example."""

_LONGEST = 30_000
_FEWEST = 5
"""Signs of explaining that a page has."""

_PER_REPORT = 4
"""Signs of explaining that weigh as much as one of a report: guides tell of what failed, too."""

_WORDS_PER_SIGN = 50
"""A text with fewer signs of explaining than one in so many words is about something else."""


def only_explains(text: str) -> bool:
    """Whether nobody reports in a text that something happened, although it speaks of what can.

    A text that begins with what a program says is a log, whatever that advises next.
    """
    if _REPORT[-1][1].match(text.lstrip()):
        return False
    general, report, words = signs(text)
    return general >= max(_FEWEST, words / _WORDS_PER_SIGN, _PER_REPORT * report)


def signs(text: str) -> tuple[int, int, int]:
    """How much speaks for explaining, how much for a report, and in how many words."""
    page = _without_code(text[:_LONGEST])
    written = _NOT_WRITTEN.sub("", page)
    general = sum(weight * len(sign.findall(written)) for weight, sign in _GENERAL)
    *told, of_programs = _REPORT
    report = sum(weight * len(sign.findall(written)) for weight, sign in told)
    if not _STANDS_FOR.search(page):
        report += of_programs[0] * len(of_programs[1].findall(page))
    return general, report, len(written.split())


_FENCES = ("```", "~~~")


def _without_code(text: str) -> str:
    """A page without its code, and without what the template of a form says in comments."""
    kept: list[str] = []
    fence = ""
    for line in text.splitlines():
        mark = line.lstrip()[:3]
        if fence:
            fence = "" if mark == fence else fence
        elif mark in _FENCES:
            fence = mark
        else:
            kept.append(line)
    head, *commented = "\n".join(kept).split("<!--")
    return head + "".join(part.partition("-->")[2] for part in commented)
