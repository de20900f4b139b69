"""What a bench is asked for."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

DEFAULT_EVENTS = (200_000, 2_000_000)
DEFAULT_CUSTOMERS = (10_000,)


@dataclass(frozen=True)
class Options:
    """Sizes (events or customers, as the part counts), rounds, where files stand meanwhile, recipes, overrides.

    `activity` multiplies what a synthetic operator's subscribers do: at 1 they have some 600 events a year each.
    """

    sizes: tuple[int, ...]
    rounds: int
    folder: Path
    models: tuple[str, ...] = ("stacked", "logistic")
    overrides: tuple[str, ...] = ()
    activity: float = 1.0

    @property
    def events(self) -> tuple[int, ...]:
        """Return the sizes of parts that count events, smallest first."""
        return tuple(sorted(self.sizes)) or DEFAULT_EVENTS

    @property
    def customers(self) -> tuple[int, ...]:
        """Return the sizes of parts that count customers, smallest first."""
        return tuple(sorted(self.sizes)) or DEFAULT_CUSTOMERS


def command(module: str, *arguments: object) -> list[str]:
    """Return the command that runs a module with this Python."""
    return [sys.executable, "-m", module, *map(str, arguments)]
