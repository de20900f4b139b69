"""The program, as far as a data set depends on it: where that has changed, the data set is made anew."""

from __future__ import annotations

import ast
import hashlib
from functools import cache
from pathlib import Path

_ROOT = Path(__file__).parent
_BESIDE = (".j2", ".yaml")


@cache
def code_fingerprint(*roots: str) -> str:
    """Return the fingerprint of the source that a data set is made by, so that a changed program recomputes it.

    A package whose `__init__.py` does nothing but list names of its modules counts with the names that are taken.

    Parameters
    ----------
    roots
        Modules or packages of this program, such as "pipeline.events". Counted are they, whatever of this program they
        import, wherever in a file that is written, and the templates and texts beside these. What is handed to them is
        not seen: engines, and estimators that the configuration names, must be among the roots. None: everything.
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
            waiting += _imported(path)
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
    """Return the files that decide what a module is: its own, and its packages' unless these only list names."""
    top, *inner = name.split(".")
    if top != _ROOT.name:
        return []
    ways = [_ROOT.joinpath(*inner[:depth]) for depth in range(len(inner) + 1)]
    files = [[way / "__init__.py", way.with_suffix(".py")] for way in ways]
    return [file for both in files for file in both if file.is_file() and _listed(file) is None]


@cache
def _imported(path: Path) -> list[Path]:
    """Return the files of the modules that a file imports, and of what it takes from them, which may be modules."""
    files: list[Path] = []
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            files += [file for one in node.names for file in _whole(one.name)]
        elif isinstance(node, ast.ImportFrom) and node.module is not None and node.level == 0:
            files += [file for one in node.names for file in _taken(node.module, one.name)]
        elif isinstance(node, ast.ImportFrom):
            raise ValueError(f"{path}: a relative import; this program's are absolute")
    return files


def _taken(module: str, name: str) -> list[Path]:
    """Return the files behind `from module import name`."""
    listed = _listed(_ROOT.parent.joinpath(*module.split("."), "__init__.py"))
    if listed is not None and name in listed:
        return _taken(*listed[name])
    return [*_sources(module), *_whole(f"{module}.{name}")]


def _whole(name: str) -> list[Path]:
    """Return the files behind a module that is used as a whole: of a package that lists names, all of these."""
    listed = _listed(_ROOT.parent.joinpath(*name.split("."), "__init__.py")) or {}
    return [*_sources(name), *(file for module, inner in listed.values() for file in _taken(module, inner))]


@cache
def _listed(file: Path) -> dict[str, tuple[str, str]] | None:
    """Return which name a package takes from where, if its `__init__.py` does nothing else; else None."""
    if file.name != "__init__.py" or not file.is_file() or not file.is_relative_to(_ROOT):
        return None
    listed: dict[str, tuple[str, str]] = {}
    for node in _parsed(file).body:
        if isinstance(node, ast.ImportFrom) and node.module is not None and node.module != "__future__":
            listed |= {one.asname or one.name: (node.module, one.name) for one in node.names}
        elif not isinstance(node, ast.Expr | ast.ImportFrom) and not _names_all(node):
            return None
    return listed


def _names_all(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and [ast.unparse(one) for one in node.targets] == ["__all__"]


def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))
