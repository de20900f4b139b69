"""The base at a glance: who is in it, since when, and how much of each customer is known."""

from __future__ import annotations

from collections import Counter

from pipeline.columns import DECLARED, INFERRED, WITHHELD
from pipeline.report import charts
from pipeline.report.blocks import Block, Fact, Facts, Paragraph, Picture, Section
from pipeline.report.context import Source

_SHOWN = 12  # attributes in the picture


def overview(source: Source) -> Section:
    """Return the section; portraits are left out, and this is said, where none have been written."""
    words = source.words
    events, profiles = source.manifest("events"), source.manifest("profiles")
    zone = source.settings.data.time_zone
    n = profiles["customers"]
    told = n - profiles["customers_without_profile"]
    first = min(facts["first_us"] for facts in events["logs"].values() if facts["rows"])
    last = max(facts["last_us"] for facts in events["logs"].values() if facts["rows"])
    facts = [
        Fact(words.number(n), words.say("overview.customers", n=n)),
        Fact(
            source.count(told) if source.is_small(told) else words.percent(told / n),
            words.say("overview.told"),
            "" if source.is_small(told) else words.say("overview.told_n", n=told),
        ),
    ]
    facts += [
        Fact(words.number(own["rows"]), words.say("overview.events", n=own["rows"], log=words.label(name)))
        for name, own in events["logs"].items()
    ]
    since = words.say("overview.since", first=words.day(first, zone), last=words.day(last, zone))
    blocks: list[Block] = [Facts(facts), Paragraph(since), *_bad(source, events)]
    blocks += _known(source, n)
    short = words.say("overview.short", n=n, share=words.percent(told / n))
    return Section("overview", words.say("overview.title"), blocks, short)


def _bad(source: Source, events: dict[str, dict[str, dict[str, dict[str, int]]]]) -> list[Block]:
    bad = sum(sum(facts["bad"].values()) for facts in events["logs"].values())
    return [Paragraph(source.words.say("overview.bad", n=bad), "note")] if bad else []


def _known(source: Source, n: int) -> list[Block]:
    """Return of which customers an attribute is known, told or certified."""
    words = source.words
    if not (source.outputs / "scores").is_dir():
        return [Paragraph(words.say("overview.no_portraits"), "missing")]
    states = source.manifest("scores")["states"]
    counts: dict[str, dict[str, int]] = {}
    telling: Counter[str] = Counter()  # customers of whom more is known than what is true of most
    for key, customers in states.items():
        name, state, *_ = key.split("/")
        own = counts.setdefault(name, dict.fromkeys((DECLARED, INFERRED, WITHHELD), 0))
        telling[name] += min(customers, own[INFERRED]) if state == INFERRED else customers * (state == DECLARED)
        own[state] += customers
    known = [name for name, _ in telling.most_common(_SHOWN) if counts[name][DECLARED] + counts[name][INFERRED]]
    if not known:
        return [Paragraph(words.say("overview.nothing_known"), "missing")]
    shares = [(counts[name][DECLARED] + counts[name][INFERRED]) / n for name in known]
    nothing = [float("nan")] * len(known)
    what = words.say("overview.known_axis", n=n)
    svg = charts.intervals(words, [words.label(name) for name in known], shares, nothing, nothing, what)
    return [Picture(svg, words.say("overview.known_alt"), words.say("overview.known"))]
