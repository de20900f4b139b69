import numpy as np
import pandas as pd
import pytest

from pipeline.plots import reach_curve

SIZE = np.array([10, 30, 100, 300, 1000])
TABLE = pd.DataFrame({"size": SIZE, "share": SIZE / 1000})
for name, values in (("recall", (SIZE / 1000) ** 0.4), ("lift", (SIZE / 1000) ** -0.6)):
    TABLE[name], TABLE[f"{name}_low"], TABLE[f"{name}_high"] = values, 0.8 * values, np.minimum(1.2 * values, 1e9)


@pytest.mark.parametrize("table", [TABLE, TABLE[:1], TABLE[:0]])
def test_curves_of_any_length_are_drawn(table, picture):
    picture(reach_curve, table, stops={"narrow": 30, "broad": 0}, chosen=100)


def test_the_stops_are_named_with_their_sizes_and_zero_is_no_stop(texts_of):
    said = texts_of(reach_curve, TABLE, stops={"narrow": 30, "broad": 0}, chosen=1000)
    assert "narrow: 30" in said
    assert "this audience: 1,000" in said
    assert "broad" not in said
    assert "nobody is available" in texts_of(reach_curve, TABLE[:0])
