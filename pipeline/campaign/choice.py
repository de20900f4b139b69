"""Which approach a segment is written to with: predicted by responses, or a hypothesis that needs a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.campaign.response import RESPONDED, Later, Rate, in_time, rates, without_own
from pipeline.campaign.sample_size import per_arm
from pipeline.columns import CUSTOMER
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
    `campaign.sure`, and later contacts, which took no part in that, do not say otherwise: among them it had the highest
    rate, too.

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
    of_base = without_own(told, customers)
    before, _ = in_time(told, campaign.source.response.days)
    own = rates(before, None if of_base else customers, campaign.prior_contacts, campaign.min_cell)
    usable = {name: one for name, one in own.items() if name in set(approaches)}
    usual = _usual(told, None if of_base else customers, campaign.prior_contacts)
    tests = _tests(campaign, usual, len(customers), arms)
    if len(usable) < 2:
        why = f"fewer than two approaches with {campaign.min_cell} earlier addressed customers of the segment"
        return Choice(None, why, tuple(usable.values()), of_base, float("nan"), tests)
    best, probability = _best(usable, campaign.prior_contacts, seed)
    shown = "more than 99.9%" if probability > 0.999 else f"{probability:.1%}"
    whose = (
        "the base's earlier contacts (none of the segment responded, as those it was chosen from)"
        if of_base
        else "its earlier contacts"
    )
    why = f"{best} is the best of {', '.join(usable)} with {shown} by {whose}"
    if probability < campaign.sure:
        return Choice(
            None, f"{why}, less than {campaign.sure:.1%}", tuple(usable.values()), of_base, probability, tests
        )
    against = _contradicted(best, usable, found_later)
    if against:
        return Choice(None, f"{why}, but {against}", tuple(usable.values()), of_base, probability, tests)
    return Choice(best, why, tuple(usable.values()), of_base, probability, tests)


def _best(usable: Mapping[str, Rate], prior_contacts: float, seed: int) -> tuple[str, float]:
    """Return the approach of the highest rate and the probability that it is the best, by draws of the posteriors."""
    rng = np.random.default_rng(seed)
    weights = {name: one.effective + prior_contacts for name, one in usable.items()}
    draws = [rng.beta(one.rate * weights[name], (1 - one.rate) * weights[name], _DRAWS) for name, one in usable.items()]
    names = list(usable)
    best = int(np.argmax([one.rate for one in usable.values()]))
    return names[best], float((np.argmax(draws, axis=0) == best).mean())


def _contradicted(best: str, usable: Mapping[str, Rate], found: Later | None) -> str:
    if found is None:
        return "there are too few later contacts to judge it"
    seen = {name: found.rates[name][0] for name in usable if name in found.rates}
    if best not in seen or len(seen) < 2:
        return "later contacts do not hold two of the approaches"
    top = max(seen, key=lambda name: seen[name])
    return "" if top == best else f"among later contacts {top} had the higher rate"


def _usual(told: pd.DataFrame, customers: NDArray[np.object_] | None, prior_contacts: float) -> float | None:
    """Return the response rate of a segment, or of all, drawn to that of all; None if nobody was addressed."""
    if told.empty:
        return None
    own = told if customers is None else told[told[CUSTOMER].isin(customers)]
    base = float(told[RESPONDED].mean())
    return float((own[RESPONDED].sum() + prior_contacts * base) / (len(own) + prior_contacts))


def _tests(campaign: Campaign, known: float | None, size: int, arms: int) -> tuple[SampleSize, ...]:
    given = campaign.response_rate if campaign.response_rate is not None else known
    found = []
    for rate in _LIKELY if given is None or not 0 < given < 1 else (given,):
        needed = per_arm(rate, campaign.effect, arms)
        found.append(SampleSize(rate, needed, arms, size >= needed * arms))
    return tuple(found)
