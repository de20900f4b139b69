"""Make features in one way: `python -m tests.bench.ways <way> <events> <out> <as_of_us>`, in a process of its own.

The seconds of the work without the start of Python and its libraries are written to `<out>/seconds.json`.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

WAYS = {
    "ours": ("ours", "run"),
    "ours, kept": ("ours", "run_kept"),
    "sql": ("sql", "run"),
    "polars": ("in_polars", "run"),
    "pandas": ("in_pandas", "run"),
}

if __name__ == "__main__":
    way, events, out, as_of_us = sys.argv[1:]
    module, function = WAYS[way]
    run = getattr(importlib.import_module(f"tests.bench.ways.{module}"), function)
    started = time.monotonic()
    run(Path(events), Path(out), int(as_of_us))
    (Path(out) / "seconds.json").write_text(json.dumps(time.monotonic() - started))
