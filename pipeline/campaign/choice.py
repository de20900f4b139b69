"""Which approach a segment is written to with: predicted by responses, or a hypothesis that needs a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.campaign.response import Later, Rate, in_time, rates, usual_rate, without_own
from pipeline.campaign.sample_size import per_arm
from pipeline.settings import Campaign

CHOSEN, OTHER, HYPOTHESIS = "chosen", "not chosen", "hypothesis A/B"
_DRAWS = 20_000
_LIKELY = (0.01, 0.05)  # response rates that the size of a test is told for where none is known


@dataclass(frozen=True)
class SampleSize:
    """Customers per arm that a test needs at a response rate; `enough` tells whether the segment is large enough."""

    rate: float
    per_arm: int
    arms: int
    enough: bool


@dataclass(frozen=True)
class Choice:
    """The approach of a segment's messages.

    Attributes
    ----------
    approach
        The chosen one; None where the variants are hypotheses.
    why
        In words.
    rates
        Predicted by earlier contacts, by approach; of the base where `of_base`.
    probability
        That the best one is the best; NaN without responses.
    tests
        How large a test of all variants must be.
    """

    approach: str | None
    why: str
    rates: tuple[Rate, ...]
    of_base: bool
    probability: float
    tests: tuple[SampleSize, ...]

    def status(self, approach: str) -> str:
        """Return what a variant of an approach is; one nobody has been addressed with stays a hypothesis."""
        if self.approach is None or approach not in {one.approach for one in self.rates}:
            return HYPOTHESIS
        return CHOSEN if approach == self.approach else OTHER


def choose(
    told: pd.DataFrame | None,
    customers: NDArray[np.object_],
    approaches: Sequence[str],
    campaign: Campaign,
    found_later: Later | None,
    seed: int,
) -> Choice:
    """Return the choice for one segment.

    An approach is chosen if by earlier contacts it is the best of those with responses with a probability of at least
    `campaign.sure`, and later contacts, which took no part in that, can judge it and do not say otherwise: no other is
    better among them with such a probability. They are the base's, because who belongs to a segment today was decided
    with later responses in sight.

    Parameters
    ----------
    told
        See `response.contacts`; None if the source has no response log.
    approaches
        Of the templates.
    """
    arms = max(2, len(set(approaches)))
    if told is None or campaign.source.response is None or not campaign.source.response.approach:
        reason = "no response log is declared" if told is None else "no offer says by which approach it was made"
        known = None if told is None or told.empty else float(told["responded"].mean())
        return Choice(None, reason, (), False, float("nan"), _tests(campaign, known, len(customers), arms))
    before, _ = in_time(told, campaign.source.response.days)
    of_base = without_own(before, customers)
    own = rates(before, None if of_base else customers, campaign.prior_contacts, campaign.min_cell)
    usable = {name: one for name, one in own.items() if name in set(approaches)}
    usual = usual_rate(told, None if of_base else customers, campaign.prior_contacts)
    tests = _tests(campaign, usual, len(customers), arms)
    if len(usable) < 2:
        why = f"fewer than two approaches with {campaign.min_cell} earlier addressed customers of the segment"
        return Choice(None, why, tuple(usable.values()), of_base, float("nan"), tests)
    best, probability = _best(usable, seed)
    whose = (
        "the base's earlier contacts (none of the segment responded to them, as those it was chosen from)"
        if of_base
        else "its earlier contacts"
    )
    why = f"{best} is the best of {', '.join(usable)} with {_shown(probability)} by {whose}"
    if probability < campaign.sure:
        return Choice(
            None, f"{why}, less than {campaign.sure:.1%}", tuple(usable.values()), of_base, probability, tests
        )
    against, judged = _contradicted(best, usable, found_later, campaign, seed)
    if against:
        return Choice(None, f"{why}, but {against}", tuple(usable.values()), of_base, probability, tests)
    return Choice(best, f"{why}; {judged}", tuple(usable.values()), of_base, probability, tests)


def _best(usable: Mapping[str, Rate], seed: int) -> tuple[str, float]:
    """Return the approach of the highest rate and the probability that it is the best, by draws of the posteriors."""
    best = max(usable, key=lambda name: usable[name].rate)
    drawn = {name: _draws(one, seed + place) for place, (name, one) in enumerate(usable.items())}
    others = np.max([draws for name, draws in drawn.items() if name != best], axis=0)
    return best, float((drawn[best] > others).mean())


def _draws(one: Rate, seed: int) -> NDArray[np.float64]:
    return np.random.default_rng(seed).beta(one.rate * one.weight, (1 - one.rate) * one.weight, _DRAWS)


def _contradicted(
    best: str, usable: Mapping[str, Rate], found: Later | None, campaign: Campaign, seed: int
) -> tuple[str, str]:
    """Return why later contacts of the base speak against an approach, or an empty text, and how they judge it."""
    if found is None:
        return "there are too few later contacts to judge it", ""
    seen = {name: found.rates[name] for name in usable if name in found.rates}
    if best not in seen or len(seen) < 2:
        return f"later contacts do not hold it and another one with {campaign.min_cell} customers each", ""
    own = _draws(seen[best], seed)
    better = {
        name: float((_draws(one, seed + place) > own).mean())
        for place, (name, one) in enumerate(seen.items(), start=1)
        if name != best
    }
    rival = max(better, key=lambda name: better[name])
    rates_ = (
        f"{seen[rival].rate:.1%} of {seen[rival].n:,} for {rival}, {seen[best].rate:.1%} of {seen[best].n:,} for it"
    )
    if better[rival] >= campaign.sure:
        return f"among later contacts of the base {rival} was better with {_shown(better[rival])} ({rates_})", ""
    if better[rival] <= 1 - campaign.sure:
        return "", f"later contacts of the base agree ({rates_})"
    return "", f"later contacts of the base do not tell it from all others ({rates_})"


def _shown(probability: float) -> str:
    return "more than 99.9%" if probability > 0.999 else f"{probability:.1%}"


def _tests(campaign: Campaign, known: float | None, size: int, arms: int) -> tuple[SampleSize, ...]:
    given = campaign.response_rate if campaign.response_rate is not None else known
    found = []
    for rate in _LIKELY if given is None or not 0 < given < 1 else (given,):
        needed = per_arm(rate, campaign.effect, arms)
        found.append(SampleSize(rate, needed, arms, size >= needed * arms))
    return tuple(found)
