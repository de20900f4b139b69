"""Pictures of how good a model is, as PNG files 900 pixels wide, one function each.

Data that a picture cannot be drawn from, such as no customers at all, give a picture that says so. Names of
values and attributes are shown as they are, never read as formulas.
"""

from pipeline.plots.carrier_bars import carriers
from pipeline.plots.cluster_number import cluster_number
from pipeline.plots.compared_runs import compared
from pipeline.plots.concentration_curve import concentration
from pipeline.plots.confusion_matrix import confusion, confusion_counts
from pipeline.plots.expected_value import expected_and_came
from pipeline.plots.group_shares import group_shares
from pipeline.plots.ideal_bars import ideal_profiles
from pipeline.plots.locomotive_bars import locomotives
from pipeline.plots.market_sizes import market_sizes
from pipeline.plots.overlap_matrix import overlap_matrix
from pipeline.plots.precision_panels import precision_coverage, precision_points
from pipeline.plots.reach_curve import reach_curve
from pipeline.plots.recall_curves import lookalike
from pipeline.plots.reliability_diagram import reliability, wilson
from pipeline.plots.rfm_grid import rfm_grid
from pipeline.plots.rule_sizes import rule_sizes
from pipeline.plots.seed_report import seed_report
from pipeline.plots.segment_flow import segment_flow
from pipeline.plots.segment_traits import segment_traits
from pipeline.plots.training_overview import catalogue

__all__ = [
    "carriers",
    "catalogue",
    "cluster_number",
    "compared",
    "concentration",
    "confusion",
    "confusion_counts",
    "expected_and_came",
    "group_shares",
    "ideal_profiles",
    "locomotives",
    "lookalike",
    "market_sizes",
    "overlap_matrix",
    "precision_coverage",
    "precision_points",
    "reach_curve",
    "reliability",
    "rfm_grid",
    "rule_sizes",
    "seed_report",
    "segment_flow",
    "segment_traits",
    "wilson",
]
