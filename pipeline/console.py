"""What a run shows: progress bars on a terminal, plain lines in a job's log."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

_OUT = Console(soft_wrap=True, highlight=False)
_WIDTH_IN_A_LOG = 120


def say(text: str) -> None:
    """Print one line as it is."""
    _OUT.print(Text(text))


def warn(text: str) -> None:
    """Print one line that should be read."""
    _OUT.print(Text(text, style="yellow"))


def table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], note: str = "", left: Sequence[int] = (0,)
) -> None:
    """Print a table; the columns at the positions `left` are texts, the others numbers or short words."""
    shown = Table(title=title, box=box.SIMPLE, title_justify="left", title_style="bold", pad_edge=False)
    for number, column in enumerate(columns):
        shown.add_column(column, justify="left" if number in left else "right", no_wrap=number == 0)
    for row in rows:
        shown.add_row(*(Text(cell) for cell in row))
    wide = Console(highlight=False, width=None if _OUT.is_terminal else _WIDTH_IN_A_LOG)
    wide.print(shown)
    if note:
        wide.print(Text(note, style="dim"))


@contextmanager
def progress(what: str, total: int) -> Iterator[Callable[[str], None]]:
    """Yield a function to be called after each of `total` steps with the step's name."""
    if not _OUT.is_terminal:
        done = 0

        def report(step: str) -> None:
            nonlocal done
            done += 1
            say(f"{what} {done}/{total}: {step}")

        yield report
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[step]}"),
        console=_OUT,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=total, step="")
        yield lambda step: bar.update(task, advance=1, step=step)
