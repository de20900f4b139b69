"""The whole configuration as frozen dataclasses: folder in `conf/` = key = class here.

The composed configuration is merged into `Settings` once, by `pipeline.configuration`; a misspelt key, a
wrong type or a value out of range is refused there by its full name. Nothing else reads the
configuration. Meaning, unit and reason of each default stand beside it in `conf/`.
"""

from __future__ import annotations

from pipeline.settings.attributes import Attribute, Declared, Future
from pipeline.settings.campaign import Campaign, CampaignSource, Price, Response
from pipeline.settings.data import Data, Join, Log, Money, Profiles, Quality, SeedRule, Table
from pipeline.settings.features import Engine, Features, Vector
from pipeline.settings.lookalike import Lookalike
from pipeline.settings.market import Market
from pipeline.settings.model import Compare, Evaluation, Model, Sweep
from pipeline.settings.report import Report
from pipeline.settings.segment import Segment, SegmentRule
from pipeline.settings.tracking import Tracking
from pipeline.settings.types import as_plain
from pipeline.settings.value import Value
from pipeline.settings.whole import DEFAULT_STAGES, STAGES, Settings

__all__ = [
    "DEFAULT_STAGES",
    "STAGES",
    "Attribute",
    "Campaign",
    "CampaignSource",
    "Compare",
    "Data",
    "Declared",
    "Engine",
    "Evaluation",
    "Features",
    "Future",
    "Join",
    "Log",
    "Lookalike",
    "Market",
    "Model",
    "Money",
    "Price",
    "Profiles",
    "Quality",
    "Report",
    "Response",
    "SeedRule",
    "Segment",
    "SegmentRule",
    "Settings",
    "Sweep",
    "Table",
    "Tracking",
    "Value",
    "Vector",
    "as_plain",
]
