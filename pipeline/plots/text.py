"""Names and numbers as pictures show them."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from matplotlib import font_manager

FONT = "DejaVu Sans"  # comes with matplotlib; has Latin, Greek, Cyrillic, Arabic and Hebrew letters


def plain(text: Any, limit: int) -> str:
    """Return `text` on one line of at most `limit` characters, cut in the middle, all of them drawable.

    Examples
    --------
    >>> plain("purchases: category BABY FOODS", 20)
    'purchases: c…Y FOODS'
    """
    line = " ".join(str(text).split())
    if len(line) > limit:
        tail = (limit - 1) * 2 // 5
        line = f"{line[: limit - 1 - tail]}…{line[len(line) - tail :]}"
    return "".join(letter if ord(letter) in _letters() else "□" for letter in line)


def percent(share: Any) -> str:
    """Return a share as a whole percentage; a dash if there is none.

    Examples
    --------
    >>> percent(0.123), percent(0.001), percent(None)
    ('12 %', '<1 %', '–')
    """
    value = number(share, math.nan)
    return "–" if np.isnan(value) else "<1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %"


def number(value: Any, otherwise: float) -> float:
    """Return `value`, or `otherwise` if it is None, NaN or infinite."""
    return otherwise if value is None or not np.isfinite(value) else float(value)


@lru_cache(maxsize=1)
def _letters() -> frozenset[int]:
    """Return the code points that the font can draw; matplotlib warns at each of the others."""
    return frozenset(font_manager.get_font(font_manager.findfont(FONT)).get_charmap())
