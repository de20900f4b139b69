"""The seed doctor: size, match, groups, difference from the base, leaks and what a larger seed would bring.

The numeric core: arrays in, a report out. It reads no configuration and no file of another stage.
"""

from pipeline.lookalike.doctor.examination import examine
from pipeline.lookalike.doctor.findings import Finding, Severity
from pipeline.lookalike.doctor.report import SeedReport

__all__ = ["Finding", "SeedReport", "Severity", "examine"]
