"""Time, memory and recall of the look-alike indexes: `make bench-lookalike ARGS="--help"`.

Bases are made on disk, block by block, and read as memory maps. A customer is a point of a segment in a space of
twelve tastes, seen through 64 columns with noise of its own, at length one. There are 300 segments, the j-th as
frequent as j^-0.7; within a segment tastes differ 0.6 times as much as between segments. The intrinsic dimension is
about 13 (ratio of the two nearest distances: Facco et al. 2017, Scientific Reports 7; behaviour vectors of the default
source: 23). Queries come from the same world and are not in the base. The seed's 5,000 members lie around five
customers; its audience has 100,000 members, or a tenth of a smaller base.

exact    FAISS IndexFlatIP alone; its audience: all customers scored by their mean similarity to the ten nearest seeds
sklearn  NearestNeighbors(brute) on a part of the queries; no audience
others   `build_index`; their audience: three times as many candidates around the seed, then scored in the same way

Each row runs in a process of its own, in turn; printed are medians over the rounds. Memory is the peak of what is
resident, pages of the mapped base among them. "found" is the share of exact's audience in the other's. Ratios are of
rows of the same round, once by the clock and once by the processor's time, which others on the machine disturb less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil
from rich.console import Console
from rich.table import Table
from sklearn.neighbors import NearestNeighbors

from pipeline.lookalike.index import ExactIndex, build_index
from pipeline.lookalike.neighbours import candidates, mean_similarity

WIDTH, TASTES, SEGMENTS, BLOCK = 64, 12, 300, 250_000
N_SEED, AUDIENCE, K, NEAREST = 5_000, 100_000, 100, 10
ROWS = ("exact", "sklearn", "inverted", "quantised", "graph")


def main() -> None:
    """Measure, print a table, and write it as JSON."""
    parser = argparse.ArgumentParser(
        prog="make bench-lookalike", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[100_000, 1_000_000], help="customers; also 5000000")
    parser.add_argument(
        "--kinds", nargs="+", choices=ROWS, default=list(ROWS), help="what is compared; exact always is"
    )
    parser.add_argument("--repeats", type=int, default=1, help="how often each row runs")
    parser.add_argument("--queries", type=int, default=2_000, help="queries of the throughput and of recall")
    parser.add_argument("--min-recall", type=float, default=0.98, help="that indexes are built for")
    parser.add_argument("--folder", type=Path, default=Path("outputs/bench_lookalike"), help="where the bases are kept")
    parser.add_argument("--json", type=Path, default=Path("outputs/bench_lookalike.json"), help="where figures go")
    parser.add_argument("--row", help=argparse.SUPPRESS)  # kind and size: measure here, in this process
    chosen = parser.parse_args()
    if chosen.row:
        kind, size = chosen.row.split(":")
        print(json.dumps(measure(kind, int(size), chosen)))
        return
    rows = []
    for size in chosen.sizes:
        make_base(chosen.folder, size, chosen.queries)
    for number in range(chosen.repeats):
        for size in chosen.sizes:
            for kind in ["exact", *(kind for kind in chosen.kinds if kind != "exact")]:
                command = [sys.executable, "-m", "tests.bench.lookalike", "--row", f"{kind}:{size}", *sys.argv[1:]]
                done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
                if done.returncode:
                    raise SystemExit(f"{kind} of {size:,} failed")
                rows.append({"round": number, **json.loads(done.stdout.splitlines()[-1])})
                print(rows[-1], flush=True)
    show(rows)
    chosen.json.parent.mkdir(parents=True, exist_ok=True)
    chosen.json.write_text(
        json.dumps({"machine": machine(), "options": vars(chosen), "rows": rows}, indent=1, default=str)
    )
    print(f"written to {chosen.json}")


def customers(n: int, draw: int) -> np.ndarray:
    """Return vectors (n, 64) of the made world; each number of a draw gives others."""
    world, rng = np.random.default_rng(0), np.random.default_rng([1, draw])
    segments, view = world.normal(size=(SEGMENTS, TASTES)), world.normal(size=(TASTES, WIDTH)) / np.sqrt(TASTES)
    frequency = np.arange(1, SEGMENTS + 1) ** -0.7
    own = segments[rng.choice(SEGMENTS, n, p=frequency / frequency.sum())] + 0.6 * rng.normal(size=(n, TASTES))
    seen = own @ view + 0.15 * rng.normal(size=(n, WIDTH))
    unit: np.ndarray = (seen / np.linalg.norm(seen, axis=1, keepdims=True)).astype(np.float32)
    return unit


def make_base(folder: Path, size: int, n_queries: int) -> None:
    """Write the base, its seed and its queries, unless they stand there."""
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / f"queries_{size}.npy", customers(n_queries, 10**6))
    if (folder / f"seed_{size}.npy").exists():
        return
    base = np.lib.format.open_memmap(folder / f"base_{size}.npy", "w+", np.float32, (size, WIDTH))
    around, keys = customers(5, 10**6 + 1), np.empty(size)
    for start in range(0, size, BLOCK):
        block = customers(min(BLOCK, size - start), start // BLOCK)
        base[start : start + len(block)] = block
        chance = np.random.default_rng([2, start]).gumbel(size=len(block))
        keys[start : start + len(block)] = 12 * (block @ around.T).max(axis=1) + chance
    base.flush()
    # The largest of weight plus Gumbel noise are a draw without replacement, as likely as exp(12 * similarity).
    np.save(folder / f"seed_{size}.npy", np.sort(np.argpartition(-keys, N_SEED)[:N_SEED]))


def measure(kind: str, size: int, chosen: argparse.Namespace) -> dict[str, Any]:
    """Return the row of one kind and size."""
    base = np.load(chosen.folder / f"base_{size}.npy", mmap_mode="r")
    seed, queries = (np.load(chosen.folder / f"{part}_{size}.npy") for part in ("seed", "queries"))
    ids = np.char.zfill(np.arange(size).astype("U7"), 7)
    measured = {"exact": exact, "sklearn": scikit_learn}.get(kind, ours)
    row = measured(kind, base, ids, seed, queries, chosen)
    return {"kind": kind, "size": size, **row, "peak_mb": peak_mb()}


def exact(kind: str, base: Any, ids: Any, seed: Any, queries: Any, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure FAISS's exact index and the scoring of everybody; keep the right answers for the other rows."""
    started = time.monotonic()
    index = faiss.IndexFlatIP(WIDTH)
    for start in range(0, len(base), BLOCK):
        index.add(np.ascontiguousarray(base[start : start + BLOCK]))
    built = time.monotonic()
    # Asked 1,000 at a time FAISS 1.15 spends four times as long on each: it is given enough to be at its best.
    (scores, _), speed = timed(index.search, np.resize(queries, (max(len(queries), 2_000), WIDTH)))
    done, cpu = time.monotonic(), time.process_time()
    np.save(chosen.folder / f"kth_{len(base)}.npy", scores[: len(queries), -1])
    np.save(
        chosen.folder / f"audience_{len(base)}.npy",
        chosen_of(base, ids, seed, np.setdiff1d(np.arange(len(base)), seed)),
    )
    return {
        "build_s": built - started,
        **speed,
        "audience_s": time.monotonic() - done,
        "audience_cpu_s": time.process_time() - cpu,
        "recall": 1.0,
        "found": 1.0,
    }


def scikit_learn(kind: str, base: Any, ids: Any, seed: Any, queries: Any, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure scikit-learn's brute force: of unit vectors the nearest by distance are the nearest by cosine."""
    started = time.monotonic()
    index = NearestNeighbors(n_neighbors=K, algorithm="brute", n_jobs=-1).fit(np.asarray(base))
    built = time.monotonic()
    asked = queries[: min(len(queries), max(50, 200_000_000 // len(base)))]
    (_, found), speed = timed(index.kneighbors, asked)
    return {
        "build_s": built - started,
        **speed,
        "recall": recall(base, asked, found, chosen),
    }


def ours(kind: str, base: Any, ids: Any, seed: Any, queries: Any, chosen: argparse.Namespace) -> dict[str, Any]:
    """Measure an approximate index of this package."""
    started, cpu = time.monotonic(), time.process_time()
    index = build_index(base, ids, kind=kind, min_recall=chosen.min_recall)
    build_cpu = time.process_time() - cpu
    built, held = time.monotonic(), psutil.Process().memory_info().rss / 1e6
    (found, _), speed = timed(index.search, queries)
    done, cpu = time.monotonic(), time.process_time()
    near = candidates(index, base[seed], ids[seed], 3 * audience_size(len(base)))
    members = chosen_of(base, ids, seed, np.searchsorted(ids, near.ids))
    finished, cpu = time.monotonic(), time.process_time() - cpu
    right = np.load(chosen.folder / f"audience_{len(base)}.npy")
    return {
        "build_s": built - started,
        "build_cpu_s": build_cpu,
        **speed,
        "audience_s": finished - done,
        "audience_cpu_s": cpu,
        "recall": recall(base, queries, np.searchsorted(ids, found), chosen),
        "found": len(np.intersect1d(members, right)) / len(right),
        "candidates": len(near),
        "effort": getattr(index, "effort_", None),
        "recall_when_built": getattr(index, "recall_", None),
        "resident_after_building_mb": held,
    }


def timed(search: Callable[[Any, int], Any], queries: Any) -> tuple[Any, dict[str, float]]:
    """Return the answers after a first small search, and queries per second and milliseconds of CPU per query."""
    search(queries[:50], K)
    wall, cpu = time.monotonic(), time.process_time()
    answers = search(queries, K)
    wall, cpu = time.monotonic() - wall, time.process_time() - cpu
    return answers, {"per_s": len(queries) / wall, "cpu_ms": 1000 * cpu / len(queries)}


def audience_size(size: int) -> int:
    """Return how many members the audience has."""
    return min(AUDIENCE, size // 10)


def chosen_of(base: Any, ids: Any, seed: Any, rows: Any) -> np.ndarray:
    """Return the positions of the audience: of these customers the most similar to their nearest members."""
    seeds = ExactIndex().fit(base[seed], ids[seed])
    scores = np.concatenate(
        [
            mean_similarity(seeds, base[part], ids[part], NEAREST)
            for part in np.array_split(rows, len(rows) // BLOCK + 1)
        ]
    )
    best: np.ndarray = rows[np.argpartition(-scores, audience_size(len(base)) - 1)[: audience_size(len(base))]]
    return best


def recall(base: Any, queries: Any, found: Any, chosen: argparse.Namespace) -> float:
    """Return the share of answers as near as the exact k-th."""
    kth = np.load(chosen.folder / f"kth_{len(base)}.npy")
    near = [base[row] @ query >= limit - 2e-6 for row, query, limit in zip(found, queries, kth, strict=False)]
    return float(np.mean(near))


def peak_mb() -> float:
    """Return the largest resident set of this process so far, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1000
    raise SystemExit("the bench reads its memory from /proc/self/status, which this system has not")


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = next((x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")), "unknown")
    return {
        "processor": model.partition(":")[2].strip() or platform.machine(),
        "cores": psutil.cpu_count(),
        "threads": faiss.omp_get_max_threads(),
        "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
        "faiss": faiss.__version__,
    }


def show(rows: list[dict[str, Any]]) -> None:
    """Print medians over the rounds, and the ratio of the throughput to exact FAISS in the same round."""
    table = Table(title=f"Look-alike indexes: medians; {N_SEED:,} seeds, recall@{K}")
    for column in (
        "customers",
        "index",
        "build s",
        "audience s",
        "found",
        "peak MB",
        "recall",
        "queries / s",
        ": exact",
    ):
        table.add_column(column, justify="right")
    exact_of = {(row["round"], row["size"]): row for row in rows if row["kind"] == "exact"}
    for size, kind in dict.fromkeys((row["size"], row["kind"]) for row in rows):
        own = [row for row in rows if (row["size"], row["kind"]) == (size, kind)]
        median = {
            key: statistics.median(row[key] for row in own) if key in own[0] else None
            for key in ("build_s", "audience_s", "found", "peak_mb", "recall", "per_s")
        }
        faster = statistics.median(row["per_s"] / exact_of[row["round"], size]["per_s"] for row in own)
        cheaper = statistics.median(exact_of[row["round"], size]["cpu_ms"] / row["cpu_ms"] for row in own)
        written = {
            "build_s": ".1f",
            "audience_s": ".1f",
            "found": ".3f",
            "peak_mb": ",.0f",
            "recall": ".3f",
            "per_s": ",.0f",
        }
        cells = ["" if median[key] is None else format(median[key], form) for key, form in written.items()]
        table.add_row(f"{size:,}", kind, *cells, f"{faster:.1f}", f"{cheaper:.1f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
