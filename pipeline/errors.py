"""One family of errors for everything a user can get wrong.

A message says what is wrong, where, what was found and what would be right. The command line prints
the message without a traceback and exits with code 2; anything that is not a `PipelineError` is a
defect of the program and keeps its traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class PipelineError(Exception):
    """Base of all errors that a user can cause and mend."""


class ConfigError(PipelineError):
    """A configuration names something unknown, contradictory or out of range."""


class SchemaError(PipelineError):
    """A table lacks a column, or a column has another type than declared."""


class DataError(PipelineError):
    """The rows themselves are unusable: too many bad ones, none left, missing or damaged files."""


class LeakageError(PipelineError):
    """A feature would read what its label is made from, or an event at or after the cut-off."""


class ModelError(PipelineError):
    """A model is missing, damaged, or was trained for other features than the ones at hand."""


def did_you_mean(found: str, allowed: Iterable[str], limit: int = 12) -> str:
    """Return the allowed names, and the closest one as a question, for the end of an error message.

    Parameters
    ----------
    found
        The name that was given.
    allowed
        The names that would have been right.
    limit
        At most so many allowed names are listed.

    Examples
    --------
    >>> did_you_mean("amont", ["amount", "quantity"])
    "(allowed: amount, quantity). Did you mean 'amount'?"
    >>> did_you_mean("zzz", ["amount", "quantity"])
    '(allowed: amount, quantity).'
    """
    names = list(dict.fromkeys(str(name) for name in allowed))
    listed = ", ".join(names[:limit]) + (f", … ({len(names)} in all)" if len(names) > limit else "")
    text = f"(allowed: {listed})."
    folded = {name.casefold(): name for name in reversed(names)}
    close = get_close_matches(str(found).casefold(), folded, n=1, cutoff=0.6)
    return f"{text} Did you mean '{folded[close[0]]}'?" if close else text
