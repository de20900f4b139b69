"""A Spark cluster of this machine for as long as it is needed, whatever becomes of what needs it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.engine import cluster


@contextmanager
def started(workers: int = cluster.WORKERS, memory: str = cluster.MEMORY) -> Iterator[int]:
    """Yield the port of a master with so many workers of one core each; end all of them afterwards.

    The port is a free one: a cluster that somebody has started for other work is left alone.
    """
    with socket.socket() as free:
        free.bind((cluster.HOST, 0))
        port = int(free.getsockname()[1])
    try:
        cluster.up(port, workers=workers, memory=memory)
        yield port
    finally:
        cluster.down(port)
