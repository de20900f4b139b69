from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.judged import Judged
from pipeline.value.foretold import _out_of_fold


def test_predictions_for_test_customers_are_the_mean_of_repeats_and_nothing_for_others():
    ids = np.array(["a", "b"], dtype=object)
    proba = np.array([[[0.2, 0.8], [0.4, 0.6]], [[0.4, 0.6], [0.4, 0.6]]])
    table = Judged(ids, np.array([0, 1]), proba, np.full((2, 2), -1), np.zeros((2, 2), int)).table()
    known = _out_of_fold(table, ("no", "yes"), np.array(["b", "x", "a"], dtype=object))
    assert known.proba[:, 1] == pytest.approx([0.6, np.nan, 0.7], nan_ok=True)
    assert _out_of_fold(table, ("only",), ids) is None
    assert _out_of_fold(pd.DataFrame({"customer_id": ["a"], "y": [0]}), ("no", "yes"), ids) is None
