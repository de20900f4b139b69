"""What Spark raises, in this program's words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import ConfigError, DataError, PipelineError

_LITTLE = ("INVALID_DRIVER_MEMORY", "INVALID_EXECUTOR_MEMORY")
_HEAP = "OutOfMemoryError"
_LOST = (
    "ExecutorLostFailure",
    "exited unexpectedly",
    "worker exited",
    "Answer from Java side is empty",
    "MemoryError",
    "Not enough memory",
)
_UNREACHED = ("JAVA_GATEWAY_EXITED", "Could not parse Master URL", "All masters are unresponsive", "Failed to connect")
_ENDED = "stopped SparkContext"  # Spark asks a master for a minute and then stops by itself
_UNFIT = ("Cannot run program", "ModuleNotFoundError", "bad magic number")
_GONE = ("FILE_NOT_EXIST", "PATH_NOT_FOUND", "FileNotFoundException")
_DAMAGED = ("is not a Parquet file", "FAILED_READ_FILE", "CANNOT_READ_FILE", "UNABLE_TO_INFER_SCHEMA")
_FULL = ("No space left on device", "Permission denied", "Read-only file system")

_LONGEST = 300  # characters of what Spark says


class SparkError(RuntimeError):
    """A defect that showed in Spark, with all it said: its own exceptions lose their text when the session ends."""


@contextmanager
def told(origin: str) -> Iterator[None]:
    """Turn what Spark raises for the machine's or the files' sake into a `PipelineError`; defects into `SparkError`.

    Parameters
    ----------
    origin
        What is worked on, for the message.
    """
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        if not type(error).__module__.startswith(("py4j", "pyspark")):
            raise
        said = str(error)
        raise explained(origin, said) or SparkError(f"{origin}: {said}") from None


def explained(origin: str, text: str) -> PipelineError | None:
    """Return the error that a message of Spark stands for, None where it tells of a defect of the program.

    >>> str(explained("events", "Job aborted: ExecutorLostFailure (executor 1 exited)"))[:25]
    'events: a worker was lost'
    """
    if any(word in text for word in _UNREACHED):
        return ConfigError(
            f"{origin}: Spark does not start there: {_reason(text, _UNREACHED)}. Check the address, and that the "
            "master has this Spark's version; engine.master=local[*] needs no master"
        )
    if _ENDED in text:
        return ConfigError(
            f"{origin}: Spark has stopped, because the master did not take this program or has ended it. Is a Spark "
            "master of this Spark's version there, and does it reach this machine? Its log tells; "
            "engine.master=local[*] needs no master"
        )
    if any(word in text for word in _UNFIT):
        return ConfigError(
            f"{origin}: the workers cannot run this program: {_reason(text, _UNFIT)}. Each needs Python and this "
            "program's libraries in the same place; another Python is named by "
            "'engine.options={spark.pyspark.python: /path/to/python}'"
        )
    if any(word in text for word in _FULL):
        return DataError(
            f"{origin}: cannot be written: {_reason(text, _FULL)}. Nothing half-written is left as finished; free some "
            "space (Spark spills to spark.local.dir) and run the same command again"
        )
    if any(word in text for word in _LITTLE):
        return ConfigError(
            f"{origin}: engine.executor_memory is less than the 450m that Spark itself needs: {_reason(text, _LITTLE)}"
        )
    if _HEAP in text:
        return DataError(
            f"{origin}: Java's memory in an executor was not enough: {_reason(text, (_HEAP,))}. It is what Spark reads "
            "and splits the source's files in. Raise engine.executor_memory and run the same command again; what is "
            "finished stands"
        )
    if any(word in text for word in _LOST):
        return DataError(
            f"{origin}: a worker was lost again and again, most likely for want of memory: {_reason(text, _LOST)}. "
            "Raise 'engine.options={spark.executor.memoryOverhead: 6g}', which is what queries and models take beside "
            "Java, or engine.executor_memory, or features.buckets so that each has fewer customers, and run the same "
            "command again; it goes on where it stopped"
        )
    if any(word in text for word in _GONE):
        return DataError(
            f"{origin}: a file that was there a moment ago does not exist: {_reason(text, _GONE)}. Its folder is not "
            "shared between the machines, or the file was removed meanwhile. Let every worker see the source and the "
            "outputs, and run the same command again"
        )
    if any(word in text for word in _DAMAGED):
        return DataError(f"{origin}: cannot be read: {_reason(text, _DAMAGED)}")
    return None


def _reason(text: str, words: tuple[str, ...]) -> str:
    """Return the line of a message that says why, without Java's names."""
    lines = [line.strip() for line in text.splitlines() if any(word in line for word in words)]
    line = re.sub(r"\b(?:[a-z]\w*\.)+([A-Z]\w+)", r"\1", lines[0] if lines else "no reason given")
    return _shortened(line.removeprefix(": ").removeprefix("SparkException: ")).rstrip(". ")


def _shortened(line: str) -> str:
    """Return the sentences of a line that fit in; the first one always, because it names the file.

    >>> _shortened("The file is gone. " * 30).endswith("The file is gone"), len(_shortened("No " * 200 + "file. Well."))
    (True, 604)
    """
    if len(line) <= _LONGEST:
        return line
    whole, end, _ = line[:_LONGEST].rpartition(". ")
    return whole if end else line.partition(". ")[0]
