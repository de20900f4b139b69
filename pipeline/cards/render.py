"""A model card as one self-contained HTML page, and in short as Markdown."""

from __future__ import annotations

import base64
import math
from functools import lru_cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from pipeline.cards.facts import Card
from pipeline.cards.groups import HIDDEN_BELOW, LEAST
from pipeline.features.naming import readable

N_CARRIERS = 8  # told
_LONGEST = 4_900  # characters of Markdown: MLflow's registry keeps 5,000
MEASURES = {
    "auc": "AUC: share of pairs of customers ranked rightly",
    "log_loss": "log-loss, lower is better",
    "brier": "Brier score, lower is better",
    "ece": "expected calibration error, 0 is best",
    "accuracy": "accuracy of the likeliest value",
    "balanced_accuracy": "balanced accuracy",
    "mean_absolute_error_bands": "bands missed by, on average",
    "coverage": "customers for whom a value is stated",
    "precision": "statements that are right",
    "precision_silent": "statements that are right, weighed to stand for customers who did not tell",
    "set_coverage": "prediction sets that hold the true value",
    "set_size": "values in a prediction set, on average",
}


def html(card: Card) -> str:
    """Return the card as one HTML page that needs nothing beside it: pictures are part of it."""
    pictures = {name: base64.b64encode(data).decode("ascii") for name, data in card.pictures.items()}
    return _template("card.html.j2").render(_told(card), pictures=pictures)


def markdown(card: Card) -> str:
    """Return the card in short, as the description of a registered version, at most 4,900 characters long."""
    text = _template("card.md.j2").render(_told(card)).strip() + "\n"
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST].rpartition(chr(10))[0]}\n\n…\n"


def number(value: float | None, digits: int = 3) -> str:
    """Return a number for a table; a dash if there is none.

    >>> number(0.73456), number(float("nan"))
    ('0.735', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    """Return a share as a percentage; a dash if there is none.

    >>> percent(0.734), percent(None)
    ('73 %', '–')
    """
    return "–" if value is None or math.isnan(value) else f"{100 * value:.0f} %"


def interval(figure: Any, share: bool = False) -> str:
    """Return an estimate with its interval, for what has `estimate`, `low` and `high`.

    >>> from pipeline.cards.groups import Figure
    >>> interval(Figure(0.5, 0.4, 0.6, 100)), interval(Figure(0.5, 0.4, 0.6, 100), share=True), interval(Figure())
    ('0.500 [0.400, 0.600]', '50 % [40, 60]', '–')
    """
    if math.isnan(figure.estimate):
        return "–"
    if share:
        around = "" if math.isnan(figure.low) else f" [{100 * figure.low:.0f}, {100 * figure.high:.0f}]"
        return f"{percent(figure.estimate)}{around}"
    around = "" if math.isnan(figure.low) else f" [{figure.low:.3f}, {figure.high:.3f}]"
    return f"{figure.estimate:.3f}{around}"


def _told(card: Card) -> dict[str, Any]:
    shares = ("coverage", "precision", "accuracy", "set_coverage")
    listed = [(MEASURES[e.metric], e, e.metric in shares) for e in card.measures if e.metric in MEASURES]
    return {
        "card": card,
        "measures": listed,
        "carriers": card.carried.carriers[:N_CARRIERS],
        "hidden_below": HIDDEN_BELOW,
        "least": LEAST,
    }


@lru_cache(maxsize=2)
def _template(name: str) -> Template:
    escape = name.endswith(".html.j2")
    found = Environment(
        loader=PackageLoader("pipeline.cards", ""),
        autoescape=escape,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"number": number, "percent": percent, "interval": interval, "readable": readable}
    return found.get_template(name)
