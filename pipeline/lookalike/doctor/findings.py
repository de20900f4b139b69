"""What an examination says: one finding per question, each with how serious it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

Severity = Literal["fine", "note", "warning", "stop"]


@dataclass(frozen=True)
class Finding:
    """The answer to one question about a seed.

    Attributes
    ----------
    topic
        What was looked at: size, match, events, separation, groups, leakage, growth.
    severity
        *fine*: as it should be; *note*: good to know; *warning*: the audience will suffer; *stop*: no audience should
        be made before this is settled.
    text
        One to three plain sentences.
    """

    topic: str
    severity: Severity
    text: str


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the most serious severity; fine if there is no finding.

    Examples
    --------
    >>> worst([Finding("size", "note", "-"), Finding("match", "warning", "-"), Finding("events", "fine", "-")])
    'warning'
    """
    order: tuple[Severity, ...] = get_args(Severity)
    return max((finding.severity for finding in findings), key=order.index, default="fine")
