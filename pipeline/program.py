"""The program, as far as a data set depends on it: where that has changed, the data set is made anew."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent
_BESIDE = (".j2", ".yaml")


@cache
def code_fingerprint(*roots: str) -> str:
    """Return the fingerprint of the source that a data set is made by, so that a changed program recomputes it.

    Parameters
    ----------
    roots
        Modules or packages of this program, such as "pipeline.events". Counted are they, whatever of this program they
        import, wherever in a file that is written, and the templates and texts beside these. None: everything.
    """
    digest = hashlib.sha256()
    for path in sorted(_files(roots) if roots else _everything()):
        digest.update(path.relative_to(_ROOT).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def _everything() -> set[Path]:
    return {path for path in _ROOT.rglob("*") if path.suffix in (".py", *_BESIDE)}


def _files(roots: tuple[str, ...]) -> set[Path]:
    """Return the files of modules and of all that they import."""
    found: set[Path] = set()
    waiting = [path for root in roots for path in _below(root)]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [source for name in _imported(path) for source in _sources(name)]
    folders = {path.parent for path in found if path.parent != _ROOT}
    return found | {path for folder in folders for path in folder.rglob("*") if path.suffix in _BESIDE}


def _below(root: str) -> list[Path]:
    """Return the files of a module, or of all modules of a package, and of the packages that it lies in.

    Raises
    ------
    ValueError
        If this program has no such module.
    """
    place = _ROOT.parent.joinpath(*root.split("."))
    if (place / "__init__.py").is_file():
        return [*_sources(root), *place.rglob("*.py")]
    if not place.with_suffix(".py").is_file():
        raise ValueError(f"there is no module '{root}' in {_ROOT}")
    return _sources(root)


def _sources(name: str) -> list[Path]:
    """Return the files that run when a module is imported: those of its packages, and its own; of others none."""
    top, *inner = name.split(".")
    if top != _ROOT.name:
        return []
    ways = [_ROOT.joinpath(*inner[:depth]) for depth in range(len(inner) + 1)]
    files = [[way / "__init__.py", way.with_suffix(".py")] for way in ways]
    return [file for both in files for file in both if file.is_file()]


def _imported(path: Path) -> Iterator[str]:
    """Yield the names of modules that a file imports, and of what it takes from them, which may be modules as well."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module
            yield from (f"{node.module}.{one.name}" for one in node.names)
