"""Nearest-neighbour search over behaviour vectors: one contract, an exact and three approximate indexes.

========== ============================== ================================================================
kind        how it searches                when
========== ============================== ================================================================
exact       every vector                   bases up to `exact_up_to`; the measure of the others
inverted    the nearest cells (IVF-Flat)   larger bases: built fast, reproducible, forgets in place
quantised   the same, eight bits a column  bases that would not fit into memory otherwise
graph       a walk (HNSW)                  an index that answers hundreds of thousands of queries
========== ============================== ================================================================
"""

from pipeline.lookalike.index.approximate import ApproximateIndex
from pipeline.lookalike.index.choice import KINDS, Kind, build_index, index_bytes, load_index
from pipeline.lookalike.index.contract import VectorIndex
from pipeline.lookalike.index.exact import ExactIndex
from pipeline.lookalike.index.faiss_index import FaissIndex
from pipeline.lookalike.index.graph import GraphIndex
from pipeline.lookalike.index.inverted import InvertedIndex, QuantisedIndex

__all__ = [
    "KINDS",
    "ApproximateIndex",
    "ExactIndex",
    "FaissIndex",
    "GraphIndex",
    "InvertedIndex",
    "Kind",
    "QuantisedIndex",
    "VectorIndex",
    "build_index",
    "index_bytes",
    "load_index",
]
