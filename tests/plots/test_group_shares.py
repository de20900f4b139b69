import numpy as np
import pytest

from pipeline.plots import group_shares


def row(attribute, value, counted=0.4, corrected=0.5):
    ends = {"counted_low": counted - 0.1, "counted_high": counted + 0.1, "counted": counted}
    ends |= {"corrected_low": corrected - 0.1, "corrected_high": corrected + 0.1, "corrected": corrected}
    return {"attribute": attribute, "value": value, "answered": 801, "comparable": 1694, **ends}


@pytest.mark.parametrize(
    "rows",
    [
        [],
        [row("age", "$\\frac{"), row("age", "_old^2$", corrected=np.nan), row("kind " * 20, "字")],
        [row("age", str(band)) for band in range(60)],
    ],
)
def test_shares_of_any_values_are_drawn(rows, picture):
    picture(group_shares, rows)


def test_each_attribute_is_named_once_with_its_counts(texts_of):
    said = texts_of(group_shares, [row("age", "young"), row("age", "old"), row("pets", "cat")])
    assert said.count("age (801 answered, 1,694 comparable)") == 1
    assert said.count("pets (801 answered, 1,694 comparable)") == 1
    assert "young" in said
