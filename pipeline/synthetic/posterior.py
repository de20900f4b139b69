"""Which users a line's evidence speaks for: the causal model of the SYNTHETIC operator read backwards.

A *cell* is a combination of flags. Given the cell, the statistics of a line are independent, so that

    P(cell | evidence) ∝ P(cell) · ∏ P(statistic | cell)

and each factor is an integral over the line's own latent: of Poisson × normal (streams, and whether use declines),
binomial × normal (shares), normal × normal (levels), or a probability (choices, and whether home and work are one
region). The integrals are sums over a grid of the latent, of so small a step that a finer one changes nothing; P(cell)
is counted in simulated households.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from pipeline.synthetic.behaviour import exposure
from pipeline.synthetic.causes import (
    CHOICES,
    FLAGS,
    HAZARD,
    LEVELS,
    SHARES,
    STREAMS,
    Level,
    Share,
    Stream,
    choice_weights,
    means,
)
from pipeline.synthetic.evidence import Evidence
from pipeline.synthetic.population import COMMUTES, REGION_WEIGHTS

_STEP = 0.05  # of the grid, in units of the log rate or logit
_WIDTH = 4.5  # standard deviations on either side


@dataclass(frozen=True)
class Lines:
    """What is known of lines besides their events: use before a day, and tokens that every row carries."""

    declines: np.ndarray
    leaves: np.ndarray
    tokens: dict[str, np.ndarray]
    activity: float
    below: int  # the day before which evidence counts

    def of(self, part: slice) -> Lines:
        """Return what is known of some lines."""
        tokens = {name: values[part] for name, values in self.tokens.items()}
        return Lines(self.declines[part], self.leaves[part], tokens, self.activity, self.below)


def log_likelihood(
    evidence: Evidence, lines: Lines, cells: np.ndarray, without: frozenset[str] = frozenset()
) -> np.ndarray:
    """Return log P(evidence | cell) up to a constant of the line, shape (n_lines, n_cells).

    Parameters
    ----------
    cells
        Flags of the cells, shape (n_cells, n_flags).
    without
        Names of the causes that are left out.
    """
    total = np.zeros((len(lines.declines), len(cells)))
    used = np.minimum(lines.declines, lines.below).astype(float)
    none = np.zeros(len(used))
    for stream in [s for s in STREAMS if s.name not in without]:
        total += stream_likelihood(stream, evidence, lines, cells)
    total += _mixed(HAZARD, cells, *of_rate(HAZARD, (lines.declines < lines.below) * 1.0, used, cells))
    for share in [s for s in SHARES if s.name not in without]:
        of = evidence.rows[share.log]
        grid = _grid(share, cells)
        hit = evidence.sorts.get(share.name, none)[:, None]
        total += _mixed(share, cells, grid, hit * grid - of[:, None] * np.logaddexp(0.0, grid))
    for level in [s for s in LEVELS if s.name not in without]:
        number = np.maximum(evidence.rows[level.log], 1e-9)
        mean = evidence.sums.get(level.name, none) / number
        variance = (level.spread**2 + level.noise**2 / number)[:, None]
        total -= 0.5 * (mean[:, None] - means(cells, level)) ** 2 / variance
    for choice in [s for s in CHOICES if s.name not in without]:
        total += np.log(choice_weights(cells, choice)).T[lines.tokens[choice.name]]
    return total if "regions" in without else total + regions_likelihood(evidence, cells)


def stream_likelihood(stream: Stream, evidence: Evidence, lines: Lines, cells: np.ndarray) -> np.ndarray:
    """Return the part of one stream in `log_likelihood`."""
    count = evidence.counts.get(stream.name, np.zeros(len(lines.declines)))
    return _mixed(stream, cells, *of_rate(stream, count, days_of(stream, lines), cells))


def regions_likelihood(evidence: Evidence, cells: np.ndarray) -> np.ndarray:
    """Return log P(regions of sightings | cell), shape (n_lines, n_cells): a sum over the region that is home.

    Who works or studies, and is no child, works in another region with probability `COMMUTES`. Sightings away from home
    and work are in any other region than home, alike.
    """
    if not evidence.regions:
        return np.zeros((1, len(cells)))
    home, work, away = (evidence.regions[kind] for kind in ("home", "work", "away"))
    unseen, idle = (~seen.any(axis=1, keepdims=True) for seen in (home, work))
    may_be_home = REGION_WEIGHTS * (home | unseen) * ~away
    by_share = []
    for share in (0.0, COMMUTES):
        at_work = np.where(work, 1 - share, share / (len(REGION_WEIGHTS) - 1))
        by_share.append((may_be_home * np.where(idle, 1.0, at_work)).sum(axis=1))
    may = (cells[:, FLAGS.index("at_home")] == 0) & (cells[:, FLAGS.index("age_10_17")] == 0)
    return np.asarray(np.log(np.maximum(by_share, 1e-300)).T[:, may.astype(int)])


def days_of(stream: Stream, lines: Lines) -> np.ndarray:
    """Return how many days of full rate the evidence of a stream comes from, shape (n,)."""
    return lines.activity * exposure(stream.season, lines.declines, lines.leaves, 0, lines.below)


def of_rate(
    cause: Stream | Level, count: np.ndarray, days: np.ndarray, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a grid of log rates and log P(count | rate), shapes (n_grid,) and (n, n_grid)."""
    grid = _grid(cause, cells)
    expected = np.outer(days, np.exp(grid))
    seen = count[:, None] * (np.log(np.maximum(days, 1e-9))[:, None] + grid)
    return grid, seen - expected - gammaln(count + 1)[:, None]


def density(cause: Stream | Share | Level, cells: np.ndarray, grid: np.ndarray) -> np.ndarray:
    """Return the probability of each grid point given the cell, shape (n_grid, n_cells)."""
    z = (grid[:, None] - means(cells, cause)) / cause.spread
    weight = np.exp(-0.5 * z * z)
    return np.asarray(weight / weight.sum(axis=0))


def _grid(cause: Stream | Share | Level, cells: np.ndarray) -> np.ndarray:
    found = means(cells, cause)
    return np.arange(found.min() - _WIDTH * cause.spread, found.max() + _WIDTH * cause.spread, _STEP)


def _mixed(cause: Stream | Share | Level, cells: np.ndarray, grid: np.ndarray, log_seen: np.ndarray) -> np.ndarray:
    """Return log of the integral over the latent, shape (n_lines, n_cells)."""
    _, first, which = np.unique(np.round(means(cells, cause), 9), return_index=True, return_inverse=True)
    most = log_seen.max(axis=1, keepdims=True)
    mixed = np.exp(log_seen - most) @ density(cause, cells[first], grid)
    return (np.log(np.maximum(mixed, 1e-300)) + most)[:, which]


def normalised(log_weights: np.ndarray) -> np.ndarray:
    """Return probabilities that sum to 1 in each row."""
    return np.asarray(np.exp(log_weights - logsumexp(log_weights, axis=1, keepdims=True)))
