"""Which index a base gets, by its size and the memory allowed; and reading back whichever it was."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pipeline.errors import ConfigError
from pipeline.lookalike.index.approximate import ApproximateIndex
from pipeline.lookalike.index.exact import ExactIndex
from pipeline.lookalike.index.faiss_index import FaissIndex
from pipeline.lookalike.index.file import read_index
from pipeline.lookalike.index.graph import EDGES, GraphIndex
from pipeline.lookalike.index.inverted import InvertedIndex, QuantisedIndex, n_cells
from pipeline.lookalike.vectors import Floats, Ids

Kind = Literal["auto", "exact", "inverted", "graph", "quantised"]
KINDS: dict[str, type[FaissIndex]] = {
    index.kind: index for index in (ExactIndex, InvertedIndex, GraphIndex, QuantisedIndex)
}


def build_index(
    vectors: Floats,
    ids: Ids,
    exact_up_to: int = 200_000,
    min_recall: float = 0.95,
    seed: int = 0,
    *,
    kind: Kind = "auto",
    memory_limit_gb: float | None = None,
    snapshot: str | None = None,
) -> FaissIndex:
    """Return a fitted index.

    Parameters
    ----------
    vectors, ids
        (n, d) and (n,); a memory map will do.
    exact_up_to
        With `auto`: the largest base that is searched exactly.
    min_recall
        Of an approximate index, in [0, 1].
    seed
        Of what is random in building and measuring.
    kind
        `auto`: exact up to `exact_up_to`, beyond it inverted, and quantised where an inverted index (or the
        exact one) needs more than the memory limit. Never a graph: of a million vectors it answered about
        three times as many queries a second as the inverted file and took about three times as long to build (one
        thread), which pays from some hundred thousand queries. An audience asks as many as its seed has members.
    memory_limit_gb
        See `index_bytes`. None: no limit.
    snapshot
        Name of the snapshot that the vectors come from.

    Raises
    ------
    ConfigError
        An unknown kind, or one that needs more memory than allowed.
    DataError
        See `FaissIndex.fit`.
    ModelError
        An approximate index misses `min_recall`.
    """
    if kind != "auto" and kind not in KINDS:
        raise ConfigError(f"look-alike index: kind='{kind}'; allowed are auto, {', '.join(KINDS)}.")
    n, width = len(vectors), vectors.shape[-1]
    wanted = [kind] if kind != "auto" else ["exact", "quantised"] if n <= exact_up_to else ["inverted", "quantised"]
    room = {name: index_bytes(name, n, width) / 1e9 for name in wanted}
    fitting = [name for name in wanted if memory_limit_gb is None or room[name] <= memory_limit_gb]
    if not fitting:
        needs = ", ".join(f"{name} {gb:.2g} GB" for name, gb in room.items())
        raise ConfigError(
            f"look-alike index of {n:,} vectors of {width} columns: memory_limit_gb={memory_limit_gb:g} is too little "
            f"({needs}; the smallest kind is quantised). Raise the limit or use shorter vectors."
        )
    chosen = KINDS[fitting[0]]
    if issubclass(chosen, ApproximateIndex):
        return chosen(min_recall=min_recall, seed=seed).fit(vectors, ids, snapshot)
    return chosen().fit(vectors, ids, snapshot)


def index_bytes(kind: str, n: int, width: int) -> int:
    """Return the bytes that an index of `n` distinct vectors of `width` columns takes while it is built.

    ===========  =============================================================================
    exact        4 * width each
    inverted     (4 * width + 8) each, half as much again for lists that grow, and the cells
    quantised    (width + 8) each, half as much again, and the cells
    graph        (4 * width + 8 * edges + 20) each, and 4 * width again while the table doubles
    ===========  =============================================================================

    The cells take 4 * width for each of their centres, and 40 times as much while they are learnt. Every index
    takes 60 bytes per customer besides: its id (4 bytes a character), and where its vector stands.
    """
    cells = 0 if kind in ("exact", "graph") else 4 * width * 41 * n_cells(n)
    each = {
        "exact": 4 * width,
        "inverted": 1.5 * (4 * width + 8),
        "quantised": 1.5 * (width + 8),
        "graph": 8 * width + 8 * EDGES + 20,
    }[kind]
    return round(n * (each + 60) + cells)


def load_index(path: Path | str, expect: str | None = None) -> FaissIndex:
    """Return the index that `save` wrote to `path`, of whichever kind.

    Raises
    ------
    ModelError
        See `FaissIndex.load`.
    """
    header, ids, numbers, index = read_index(Path(path), expect)
    return KINDS[header["kind"]]._restored(header, ids, numbers, index)
