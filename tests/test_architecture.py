"""Rules about the code itself. The order in which modules may import each other is checked by import-linter."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "pipeline"
FILES = sorted(PACKAGE.rglob("*.py"))
MODULES = [".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for file in FILES]


def imported(file):
    """Return the top-level packages that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("libraries", "owners"),
    [
        ({"hydra", "omegaconf"}, {"__main__.py"}),
        ({"mlflow"}, {"tracking.py"}),
        ({"duckdb"}, {"engine/duckdb.py"}),
        ({"pyspark"}, {"engine/spark/engine.py", "engine/spark/session.py"}),
        ({"pandera"}, {"schemas.py"}),
    ],
)
def test_a_library_has_one_owner(libraries, owners):
    found = {str(file.relative_to(PACKAGE)) for file in FILES if imported(file) & libraries}
    assert found == owners


def imported_here(file):
    """Return the modules below this package that a file imports anywhere in it: of `pipeline.a.b`, `a`."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            assert not isinstance(node, ast.ImportFrom), f"{file}:{node.lineno}: a relative import"
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("pipeline.")}
        assert "pipeline" not in names, f"{file}:{node.lineno}: imports the whole package"
    return found


def test_the_synthetic_operator_is_read_like_any_other_source_and_knows_nothing_of_who_reads_it():
    files = [file for file in FILES if PACKAGE / "synthetic" in file.parents]
    # These stand lowest among the layers, so that nothing else comes in behind them.
    found = set().union(*(imported_here(file) for file in files))
    assert found == {"synthetic", "errors", "console", "outputs", "program"}


def test_no_module_is_a_place_for_odds_and_ends():
    assert not {file.stem for file in FILES} & {"utils", "common", "helpers", "misc", "util", "base"}


LISTENER = """
import importlib, io, os, sys
opened = []
TOUCHED = {"socket.connect", "socket.bind", "sqlite3.connect", "subprocess.Popen", "os.mkdir", "os.rename", "os.remove"}

def listen(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        writing = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND)
        if writing or str(path).endswith((".yaml", ".parquet", ".csv", ".json", ".db", ".duckdb")):
            opened.append((event, str(path)))
    elif event in TOUCHED:
        opened.append((event, str(arguments)))

# Libraries may look at files of their own; what counts is what our modules do beyond that.
import duckdb, ibis, lightgbm, faiss, matplotlib, pandera.ibis, pydantic, rich, scipy.sparse, sklearn, pyarrow.parquet
import hydra, joblib, pandas, omegaconf, mlflow
import matplotlib.pyplot, sklearn.linear_model
sys.addaudithook(listen)
for module in sys.argv[1:]:
    importlib.import_module(module)
theirs = (sys.prefix, sys.base_prefix, "/proc/", "/sys/", "/dev/")
print([item for item in opened if not any(part in item[1] for part in theirs)])
"""


def test_importing_opens_nothing_and_says_nothing(tmp_path):
    command = [sys.executable, "-B", "-c", LISTENER, *MODULES]
    environment = {"PYTHONPATH": str(ROOT), "PATH": "", "HOME": str(tmp_path), "MPLCONFIGDIR": str(tmp_path / "mpl")}
    # pandera loads PySpark where the extra is installed; `schemas` silences it, the listener above is first.
    environment["PYTHONWARNINGS"] = "ignore:PySpark does not yet fully support pandas:FutureWarning"
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout == "[]\n"
    assert done.returncode == 0


# Names of sources that are English words as well, and why the program needs them.
GENERIC = {
    "activity": "what features of counts and recency describe",
    "amount": "the standing example of a numeric field",
    "app": "part of a name of Spark's",
    "calls": "the log of examples",
    "campaign": "what an audience is for",
    "campaigns": "what an audience is for; the reason why a seed has something to hide",
    "category": "the standing example of a categorical field",
    "coupon": "the reason why a seed has something to hide",
    "customers": "the program's own word",
    "direction": "of a coefficient's pull",
    "events": "the program's own word",
    "kind": "of an attribute",
    "messages": "of errors",
    "minutes": "an example of an amount",
    "price": "an example of a numeric field",
    "product": "an example of a token",
    "products": "of vectors",
    "profiles": "the program's own word",
    "purchases": "the standing example of a log",
    "quantity": "an example of a column in an error message",
    "roaming": "the token of examples",
    "store": "where models are kept",
    "title": "of a plot",
    "type": "of a value",
    "year": "of history",
}


def words_of_sources():
    """Return every name in conf/data: of sources, files, logs, fields and columns."""
    found = set()
    for file in sorted((ROOT / "conf" / "data").glob("*.yaml")):
        data = yaml.safe_load(file.read_text("utf-8"))
        found.add(data["name"])
        tables = [*data["logs"].values(), *([data["profiles"]] if "profiles" in data else [])]
        found |= set(data["logs"])
        for table in tables:
            joins = table.get("join", [])
            found |= {Path(part["path"]).stem for part in (table, *joins)}
            found |= {table[key] for key in ("id", "time") if key in table}
            for key in ("categorical", "numeric"):
                columns = table.get(key, {})
                found |= set(columns) | (set(columns.values()) if isinstance(columns, dict) else set())
            for join in joins:
                found |= set(join["by"])
    return found


def test_no_source_is_built_into_the_program():
    assert {"household_id", "StockCode", "online_retail", "redemptions"} <= words_of_sources()
    forbidden = sorted(words_of_sources() - set(GENERIC))
    found = [
        f"{file.relative_to(ROOT)}:{number}: {word}"
        for file in FILES
        if PACKAGE / "synthetic" not in file.parents  # it writes a source, and nothing of the program reads it
        for number, line in enumerate(file.read_text("utf-8").splitlines(), 1)
        for word in forbidden
        if re.search(rf"(?<![A-Za-z0-9_]){re.escape(word)}(?![A-Za-z0-9_])", line)
    ]
    assert found == []


def test_every_word_that_is_let_through_is_needed():
    assert set(GENERIC) <= words_of_sources()
