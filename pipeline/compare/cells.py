"""The figures of one attribute of one training, and how it differs from a reference on the same test customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.judged import Judged, judged_of
from pipeline.paired import MEAN, Difference, differences, holm, not_comparable
from pipeline.tracking import CHAMPION, PARENT, Run, Tracker

THE_REFERENCE = "is the reference"


_LEVEL = 0.05  # family-wise error of what is marked in a table


@dataclass(frozen=True)
class Cell:
    """One attribute of one training, or under the attribute `mean` all that the compared trainings share.

    Attributes
    ----------
    n
        Test customers; of the mean, attributes.
    estimate, sd, n_figures
        The metric, the mean over repeats, as the training reports it; the standard deviation of its figures within each
        fold of each repeat (NaN with fewer than two, and for the mean); and how many these are.
    coverage, coverage_rarer
        Share of test customers for whom a certified value was stated; and for whom one besides the most common.
    min_precision
        The precision that statements are certified for; NaN where attributes differ.
    reference
        The training that the difference is to; of the mean, how many attributes it is taken over.
    difference
        This training minus the reference, paired; None where there is none, and `reason` says why.
    survives
        Whether the difference survives Holm's correction over all attributes and trainings of the comparison.
    """

    attribute: str
    run: Run
    n: int
    estimate: float
    sd: float
    n_figures: int
    coverage: float
    coverage_rarer: float
    min_precision: float
    reference: str
    difference: Difference | None
    reason: str
    survives: bool = False


@dataclass(frozen=True)
class Question:
    """What is compared: a metric, against the champions or one training, with so many bootstrap resamples."""

    metric: str
    against: Run | None
    n_resamples: int
    seed: int


class Kept:
    """What trainings kept of each attribute, read once."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._nested: dict[str, dict[str, Run]] = {}
        self._judged: dict[str, Judged | None] = {}

    def attributes(self, run: Run) -> dict[str, Run]:
        """Return a training's nested runs by attribute."""
        if run.id not in self._nested:
            nested = self._tracker.nested(run.id)
            self._nested[run.id] = {one.tags["attribute"]: one for one in nested if "attribute" in one.tags}
        return self._nested[run.id]

    def judged(self, run: Run) -> Judged | None:
        """Return an attribute's test customers, or None if the training kept none."""
        if run.id not in self._judged:
            table = self._tracker.read_table(run.id, "out_of_fold")
            self._judged[run.id] = None if table is None else judged_of(table)
        return self._judged[run.id]

    def reference(self, attribute: str, question: Question) -> Run | None:
        """Return the run that an attribute is compared with, or None if there is none."""
        if question.against is not None:
            return self.attributes(question.against).get(attribute)
        champion = self._tracker.champion(attribute)
        return self._tracker.find(champion.run_id) if champion else None


def matrix(kept: Kept, chosen: Sequence[Run], known: Mapping[str, Run], question: Question) -> list[Cell]:
    """Return the cells of each training, its mean last; Holm's correction is over all of them but the means.

    Parameters
    ----------
    known
        Trainings by id, to name the one that a champion stems from.
    """
    owned = [set(kept.attributes(run)) for run in chosen]
    shared = set.intersection(*owned) if owned else set()
    references = {name: kept.reference(name, question) for name in sorted(set().union(*owned))}
    cells = [cell for run in chosen for cell in _of_run(kept, run, references, known, question, shared)]
    single = [i for i, cell in enumerate(cells) if cell.difference is not None and cell.attribute != MEAN]
    corrected = holm([_p(cells[i]) for i in single])
    for i, p in zip(single, corrected, strict=True):
        cells[i] = replace(cells[i], survives=bool(p <= _LEVEL))
    return cells


def _p(cell: Cell) -> float:
    return float("nan") if cell.difference is None else cell.difference.p


def _of_run(
    kept: Kept,
    run: Run,
    references: Mapping[str, Run | None],
    known: Mapping[str, Run],
    question: Question,
    shared: set[str],
) -> list[Cell]:
    """Return one training's cells; its differences are bootstrapped together, so that their mean has an interval."""
    pairs: dict[str, tuple[Judged, Judged]] = {}
    told: dict[str, tuple[str, str]] = {}
    runs = kept.attributes(run)
    judged = {name: kept.judged(one) for name, one in runs.items()}
    for name, one in runs.items():
        reference, new = references[name], judged[name]
        old = kept.judged(reference) if reference else None
        reason = _not_paired(one, reference, new, old)
        trained_in = known.get(reference.tags.get(PARENT, "")) if reference else None
        told[name] = (trained_in.name if trained_in else "", reason)
        if new is not None and old is not None and reason in ("", THE_REFERENCE):
            pairs[name] = (new, old)  # the reference itself differs by 0, and counts so in the mean
    found = differences(pairs, question.metric, question.n_resamples, question.seed, shared)
    cells = []
    for name, one in runs.items():
        difference = None if told[name][1] else found[name]
        cells.append(_cell(name, run, one, judged[name], *told[name], difference, question.metric))
    among = [cell for cell in cells if cell.attribute in shared and not np.isnan(cell.estimate)]
    paired = sum(cell.attribute in pairs for cell in among)
    itself = all(told[cell.attribute][1] == THE_REFERENCE for cell in among)
    return [*cells, _mean(run, among, paired, None if itself else found.get(MEAN), itself)] if among else cells


def _not_paired(one: Run, reference: Run | None, new: Judged | None, old: Judged | None) -> str:
    """Return why there is no difference to the reference, or nothing."""
    if reference is None:
        return f"there is no {CHAMPION}, or the reference does not have the attribute"
    if reference.id == one.id:
        return THE_REFERENCE
    if new is None or old is None:
        which = "it" if new is None else "the reference"
        return f"{which} kept no probabilities: a training of an earlier version, or its files are gone"
    for tag in ("as_of",):
        if one.tags.get(tag) != reference.tags.get(tag):
            return f"another {tag}: {one.tags.get(tag)}, not {reference.tags.get(tag)}"
    if one.params.get("values") != reference.params.get("values"):
        return f"other values: {one.params.get('values')}, not {reference.params.get('values')}"
    return not_comparable(new, old) or ""


def _cell(
    name: str,
    run: Run,
    one: Run,
    judged: Judged | None,
    reference: str,
    reason: str,
    difference: Difference | None,
    metric: str,
) -> Cell:
    nan = float("nan")
    precision = float(one.params.get("min_precision", nan))
    if judged is None:
        return Cell(name, run, 0, nan, nan, 0, nan, nan, precision, reference, None, reason)
    figures = judged.fold_figures(metric)
    return Cell(
        attribute=name,
        run=run,
        n=len(judged.y),
        estimate=float(judged.score(metric)),
        sd=float(figures.std(ddof=1)) if len(figures) > 1 else nan,
        n_figures=len(figures),
        coverage=judged.coverage()[0],
        coverage_rarer=judged.coverage()[1],
        min_precision=precision,
        reference=reference,
        difference=difference,
        reason=reason,
    )


def _mean(run: Run, cells: Sequence[Cell], n_paired: int, difference: Difference | None, itself: bool) -> Cell:
    """Return the mean over the attributes that the compared trainings share."""
    nan = float("nan")
    precisions = {cell.min_precision for cell in cells}
    estimate, coverage, rarer = np.mean([(c.estimate, c.coverage, c.coverage_rarer) for c in cells], axis=0)
    reason = THE_REFERENCE if itself else "" if difference else "no attribute can be compared"
    return Cell(
        attribute=MEAN,
        run=run,
        n=len(cells),
        estimate=float(estimate),
        sd=nan,
        n_figures=0,
        coverage=float(coverage),
        coverage_rarer=float(rarer),
        min_precision=precisions.pop() if len(precisions) == 1 else nan,
        reference=f"{n_paired} of {len(cells)} attributes",
        difference=difference,
        reason=reason,
    )
