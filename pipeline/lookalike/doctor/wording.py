"""What an examination found, in words that a marketer understands."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.lookalike.doctor.difference import Difference, told
from pipeline.lookalike.doctor.findings import Finding, Severity
from pipeline.lookalike.doctor.groups import MIN_SPLIT, Groups
from pipeline.lookalike.doctor.growth import MIN_GROWTH, WORTH, Growth
from pipeline.lookalike.doctor.leakage import Leak
from pipeline.lookalike.doctor.report import Size
from pipeline.lookalike.doctor.separation import Separation

SMALL = 100  # members: fewer give wide intervals
_MOST = 0.5  # of the base: a seed beyond leaves fewer than itself
_ALL = 0.9
_MORE = {"attribute": 1, "token": 2, "total": 1}  # told in the verdict, of each kind


def of_size(size: Size, min_seed: int) -> Finding:
    """Tell whether there are enough members, and enough others."""
    n, rest = size.n_seed, size.n_base - size.n_seed
    share = n / size.n_base
    if n < min_seed:
        return Finding(
            "size", "stop", f"Only {n} of the ids are customers of the base; at least {min_seed} are needed."
        )
    if rest < min_seed or share >= _ALL:
        return Finding(
            "size", "stop", f"The seed holds {n:,} of {size.n_base:,} customers ({share:.0%}): hardly anybody is left."
        )
    if share >= _MOST:
        return Finding(
            "size",
            "warning",
            f"The seed holds {share:.0%} of the base: most customers are in it, so that few are left to be found and "
            "they may be those who were left out for a reason.",
        )
    if n < MIN_GROWTH:
        return Finding(
            "size", "warning", f"{n} members are very few: what is found with them is little more than a hint."
        )
    if n < SMALL:
        return Finding("size", "note", f"{n} members are few: figures have wide intervals.")
    return Finding("size", "fine", f"The seed has {n:,} members, {share:.1%} of the base.")


def of_match(size: Size) -> Finding:
    """Tell how much of the list was found."""
    rate = size.match_rate
    repeated = f" {size.n_duplicates:,} entries repeat an earlier one." if size.n_duplicates else ""
    if not size.n_unknown:
        text = f"All {size.n_seed:,} different ids are customers of the base.{repeated}"
        return Finding("match", "note" if size.n_duplicates else "fine", text)
    examples = ", ".join(f"'{name}'" for name in size.unknown_examples)
    severity: Severity = "stop" if rate < 0.1 else "warning" if rate < 0.8 else "note"
    advice = " Are both lists in the same id system and of the same time?" if rate < 0.8 else ""
    return Finding(
        "match",
        severity,
        f"{rate:.0%} of {size.n_seed + size.n_unknown:,} different ids are customers of the base; the base does not "
        f"hold {size.n_unknown:,} (such as {examples}).{advice}{repeated}",
    )


def of_events(size: Size, min_seed: int) -> Finding:
    """Tell how many members nothing is known of."""
    silent, left = size.n_silent, size.n_seed - size.n_silent
    if not silent:
        return Finding("events", "fine", "All members have visible behaviour.")
    severity: Severity = (
        "stop" if left < min_seed <= size.n_seed else "warning" if silent >= 0.1 * size.n_seed else "note"
    )
    return Finding(
        "events",
        severity,
        f"{silent:,} of {size.n_seed:,} members have no visible behaviour; {left:,} can teach anything.",
    )


def of_separation(found: Separation, shown: Sequence[Difference]) -> Finding:
    """Tell whether the seed can be told from the base, and by what."""
    figures = f"AUC {found.auc:.2f} [{found.low:.2f}, {found.high:.2f}]"
    by_chance = f"shuffled seeds of this size reach {found.shuffled[0]:.2f} on average, {_p(found)}"
    if not found.told:
        single = f" Single things differ ({shown[0].words}), too little to rank by." if shown else ""
        can = "" if found.n_seed >= SMALL else f" With {found.n_seed} members only a strong resemblance could be shown."
        return Finding(
            "separation",
            "warning",
            f"The seed cannot be told from the base ({figures}; {by_chance}): an audience made of it would be as good "
            f"as a random choice.{can}{single}",
        )
    more = [row for kind, n in _MORE.items() for row in [r for r in shown if r.kind == kind and r.lift > 1][:n]]
    how = "well" if found.auc >= 0.75 else "moderately" if found.auc >= 0.6 else "barely"
    by = f" What its members have more often: {'; '.join(told(row) for row in more)}." if more else ""
    return Finding(
        "separation",
        "note" if how == "barely" else "fine",
        f"The seed can be told {how} from the base ({figures}; {by_chance}).{by}",
    )


def of_groups(found: Groups, traits: Sequence[Sequence[Difference]]) -> Finding:
    """Tell whether the seed is one group, and what sets its groups apart."""
    if found.answer == "too few":
        n = len(found.members[0])
        text = f"With {n} members nobody can tell whether they are one group; {MIN_SPLIT} are needed."
        return Finding("groups", "note", text)
    if found.answer == "one":
        return Finding("groups", "fine", "Nothing speaks against the seed being one group.")
    parts = []
    for i, (members, rows) in enumerate(zip(found.members, traits, strict=True)):
        more = f" with more of {_listed([row.words for row in rows[:3]])}" if rows else ""
        parts.append(f"group {i + 1} of {len(members):,}{more}")
    return Finding(
        "groups",
        "warning",
        f"The seed is {len(found.members)} groups rather than one: {'; '.join(parts)}. One audience for each will be "
        "nearer to its people than one for all.",
    )


def of_leaks(found: Sequence[Leak]) -> list[Finding]:
    """Tell which features give the seed away and what to do about each."""
    if not found:
        return [Finding("leakage", "fine", "No single feature gives the seed away.")]
    return [_of_leak(leak) for leak in found]


def _of_leak(leak: Leak) -> Finding:
    hide = f"If it is what the seed was made from, hide it: seed.hide=[{leak.hide}]."
    precision, recall = (f"{v:.0%} [{low:.0%}, {high:.0%}]" for v, low, high in (leak.precision, leak.recall))
    if leak.kind == "definition":
        return Finding(
            "leakage",
            "stop",
            f"'{leak.words}' nearly is the seed: {recall} of the members have it, and {precision} of those who have it "
            f"are members. Nobody else can be found by it, and figures on hidden members mean nothing. {hide}",
        )
    if leak.kind == "nearly":
        value, low, high = leak.auc
        text = f"'{leak.words}' alone tells the seed apart (AUC {value:.2f} [{low:.2f}, {high:.2f}]). {hide}"
        return Finding("leakage", "warning", text)
    return Finding(
        "leakage",
        "warning",
        f"'{leak.words}' gives a part of the seed away: {recall} of the members have it, and {precision} of those who "
        f"have it are members. {hide}",
    )


def of_growth(found: Growth | None) -> Finding:
    """Tell what twice the seed would bring."""
    if found is None:
        return Finding("growth", "note", f"Below {MIN_GROWTH} members no learning curve can be drawn.")
    n = found.points[-1].n
    range_ = f"between {found.low:+.3f} and {found.high:+.3f}"
    if found.says == "more":
        text = f"A seed twice as large ({2 * n:,}) would raise the AUC by about {found.gain:.3f} ({range_})."
    elif found.says == "little":
        text = f"A larger seed would bring little: twice as many members raise the AUC by less than {WORTH} ({range_})."
    else:
        text = (
            f"Whether a larger seed would pay cannot be told: twice as many members would change the AUC by about "
            f"{found.gain:+.3f}, but that is unsure: {range_}."
        )
    return Finding("growth", "fine" if found.says == "little" else "note", text)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _p(found: Separation) -> str:
    """Return the p-value in words; where no shuffled seed came near, it is an upper bound."""
    return f"p {'≤' if found.p_value <= 1 / (found.n_shuffled + 1) else '='} {found.p_value:.2g}"
