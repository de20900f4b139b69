"""The best possible prediction on the SYNTHETIC operator: `python -m pipeline.synthetic.best --folder data/telecom`.

No model of each line's own events can rank better, on average, than the exact posterior given them; the generator's own
tables give it, nearly: P(cell) is counted in 200,000 simulated households of another seed, and `partner` is left out.
Where the posterior is also told what no log says, the figure is an upper bound:

========================= ====================================== ==================================================
attributes                score                                  told besides the evidence before as_of
========================= ====================================== ==================================================
declared, of the account  P(holder's answer | evidence), from    the days on which the line's use declined and
holder                    P(user's cell | evidence) and from     ended, as far as they are past; its tariff and
                          who holds such users' lines            handset (the log says both, but for lines without
                                                                 a payment); that the holder answered
handset_class,            P(token | user's cell), without the    the same
operating_system          log of handsets
uses_<app>,               P(an event in the horizon): the rate's the same, and the hazard of declining
domestic_travel, travel   posterior given its own past events
                          and the user's cell
tops_up                   the same at the known rate             the same
will_churn                P(no session in the horizon) of a      all rates and the hazard, but not the days
                          filter over use                        of decline and end
========================= ====================================== ==================================================

A line's contacts are drawn from its household and from chance: who joined lines by the pseudonyms of `partner` would
learn of households what is not counted here, and could rank better. (The pipeline counts each partner as a token of its
own, and joins none.) No bound is worked out for regions and for amounts (`heavy_data`, …).

Bounds can nearly be reached: boosted trees on the counts and shares that `evidence` holds came to 0.007 to 0.024 below
them for five declared attributes (17,500 to 19,200 labels), and to 0.006 to 0.014 for four future ones (20,000 lines).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import rankdata

from pipeline import console
from pipeline.errors import ConfigError, PipelineError, did_you_mean
from pipeline.synthetic.bounds import ATTRIBUTES, DECLARED, FUTURE, TOKENS, Source


@dataclass(frozen=True)
class Best:
    """How well an attribute can be predicted at best."""

    auc: float  # beyond two values the mean of one-against-rest areas
    lines: np.ndarray  # `line_id` of those with a label, shape (n,)
    labels: np.ndarray  # positions of their values, shape (n,)
    scores: np.ndarray  # probabilities of the values, shape (n, n_values)


def best_possible(source: Source, attribute: str) -> Best:
    """Return the best possible scores of an attribute, and their AUC among the lines with a label.

    Raises
    ------
    ConfigError
        If no best prediction is known for the attribute, or the operator has too few days for it.
    """
    if attribute in FUTURE:
        lines, labels, scores = source.future(attribute)
    elif attribute in DECLARED or attribute in TOKENS:
        lines, labels, scores = source.declared(attribute)
    else:
        raise _unknown(attribute)
    return Best(_auc(labels, scores), source.ids[lines], labels, scores)


def _unknown(attribute: str) -> ConfigError:
    return ConfigError(f"'{attribute}': no best prediction is known {did_you_mean(attribute, ATTRIBUTES)}")


def _auc(labels: np.ndarray, scores: np.ndarray) -> float:
    """Return the area under the ROC curve; beyond two values the mean of one-against-rest areas; NaN for one value."""
    values = [1] if scores.shape[1] == 2 else range(scores.shape[1])
    areas = []
    for value in values:
        of = labels == value
        n, others = int(of.sum()), int((~of).sum())
        if n and others:
            areas.append((rankdata(scores[:, value])[of].sum() - n * (n + 1) / 2) / (n * others))
    return float(np.mean(areas)) if areas else float("nan")


def main(given: Sequence[str] | None = None) -> None:
    """Print the best possible AUC of each attribute; a user's mistake ends with one message and exit code 2."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.synthetic.best",
        description="Print how well the attributes of a SYNTHETIC operator can be predicted at best.",
    )
    parser.add_argument(
        "--folder", type=Path, default=Path("data/telecom"), help="what pipeline.synthetic.telecom wrote"
    )
    parser.add_argument("--lines", type=int, default=20_000, help="of at most so many lines, as good as drawn")
    parser.add_argument("attributes", nargs="*", help=f"some of {', '.join(ATTRIBUTES)}; default: all")
    chosen = parser.parse_args(given)
    try:
        source = Source(chosen.folder, chosen.lines)
        names = chosen.attributes or ATTRIBUTES
        for name in names:
            if name not in ATTRIBUTES:
                raise _unknown(name)
        source.require_days(names)  # before minutes are spent on others
        rows = []
        with console.progress("best possible", len(names)) as step:
            for name in names:
                best = best_possible(source, name)
                auc = "one value" if np.isnan(best.auc) else f"{best.auc:.3f}"
                rows.append([name, f"{len(best.lines):,}", auc])
                step(name)
        console.table(
            f"Best possible on the SYNTHETIC operator in {chosen.folder}", ["attribute", "lines", "AUC"], rows
        )
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
