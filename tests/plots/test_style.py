import subprocess
import sys

import matplotlib

from pipeline.plots import reliability


def test_drawing_changes_nothing_global_and_repeats_exactly(customers, names, tmp_path):
    y, proba = customers(100, 2)
    before = dict(matplotlib.rcParams)
    for name in ("a.png", "b.png"):
        reliability(y, proba, names, "same", tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert dict(matplotlib.rcParams) == before


def test_importing_does_not_load_pyplot():
    check = "import sys, pipeline.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
