"""A data set is made anew where what makes it has changed, and only there."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import program
from pipeline.program import code_fingerprint

FILES = {
    "__init__.py": "",
    "counts.py": "from pipeline import columns\nfrom pipeline.engine import sql\nfrom pipeline.shapes import line\n",
    "drawn.py": "from pipeline import shapes\n",
    "shapes/__init__.py": "from pipeline.shapes.bar import bar\nfrom pipeline.shapes.curve import curve as line\n",
    "shapes/bar.py": "",
    "shapes/curve.py": "import pipeline.busy.inner\n",
    "busy/__init__.py": "from pipeline.shapes.bar import bar\nKNOWN = {}\n",
    "busy/inner.py": "",
    "columns.py": "",
    "engine/__init__.py": "",
    "engine/sql.py": "def run():\n    import pipeline.engine.late\n",
    "engine/late.py": "",
    "engine/other.py": "",
    "engine/texts/words.yaml": "",
    "model/__init__.py": "",
    "model/trees.py": "",
    "report/__init__.py": "",
    "report/stage.py": "from pipeline.counts import a\n",
    "report/page.html.j2": "",
    "note.yaml": "",
}


def forget() -> None:
    for known in (code_fingerprint, program._imported, program._listed):
        known.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "pipeline"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(program, "_ROOT", root)
    forget()
    yield root
    forget()


def decisive(package: Path, *roots: str) -> set[str]:
    """Return the files whose change changes the fingerprint."""
    found = set()
    first = code_fingerprint(*roots)
    for name in FILES:
        text = (package / name).read_text()
        (package / name).write_text(text + "# another\n")
        assert code_fingerprint(*roots) == first  # read once a process
        forget()
        if code_fingerprint(*roots) != first:
            found.add(name)
        (package / name).write_text(text)
        forget()
        assert code_fingerprint(*roots) == first
    return found


MADE_OF = {"counts.py", "columns.py", "engine/sql.py", "engine/late.py", "engine/texts/words.yaml"}
MADE_OF |= {"shapes/curve.py", "busy/__init__.py", "busy/inner.py", "shapes/bar.py"}  # `busy` itself does something


def test_a_module_is_what_it_imports_wherever_and_the_texts_beside(package: Path) -> None:
    assert decisive(package, "pipeline.counts") == MADE_OF


def test_a_package_is_all_its_modules(package: Path) -> None:
    assert decisive(package, "pipeline.model") == {"model/__init__.py", "model/trees.py"}


def test_of_a_package_that_only_lists_names_those_that_are_taken_count(package: Path) -> None:
    (package / "busy" / "__init__.py").write_text("")  # or it would take the bar
    forget()
    assert "shapes/bar.py" not in decisive(package, "pipeline.counts")
    whole = {"drawn.py", "shapes/bar.py", "shapes/curve.py", "busy/inner.py"}
    assert decisive(package, "pipeline.drawn") == whole


def test_a_relative_import_is_refused(package: Path) -> None:
    (package / "columns.py").write_text("from . import counts\n")
    with pytest.raises(ValueError, match=r"columns\.py: a relative import"):
        code_fingerprint("pipeline.columns")


def test_several_roots_add_up(package: Path) -> None:
    both = decisive(package, "pipeline.counts", "pipeline.model")
    assert both == MADE_OF | {"model/__init__.py", "model/trees.py"}


def test_without_roots_it_is_everything(package: Path) -> None:
    assert decisive(package) == {*FILES}


def test_a_new_file_with_another_name_is_another_program(package: Path) -> None:
    first = code_fingerprint("pipeline.model")
    (package / "model" / "trees.py").rename(package / "model" / "forest.py")
    forget()
    assert code_fingerprint("pipeline.model") != first


def test_a_module_that_is_not_there_is_named(package: Path) -> None:
    with pytest.raises(ValueError, match=r"no module 'pipeline\.modle'"):
        code_fingerprint("pipeline.modle")


def test_words_of_the_report_do_not_read_events_anew() -> None:
    def files(*roots: str) -> set[str]:
        return {path.relative_to(program._ROOT).as_posix() for path in program._files(roots)}

    def folders(*roots: str) -> set[str]:
        return {name.partition("/")[0] for name in files(*roots)}

    later = {"report", "campaign", "market", "segment", "value", "lookalike", "synthetic", "compare"}
    assert not later & folders("pipeline.events")
    assert not later & folders("pipeline.features.snapshot")
    assert not later & folders("pipeline.train", "pipeline.model")
    assert {"events.py", "engine", "sources.py", "schemas.py"} <= folders("pipeline.events")
    assert {"labels", "features", "evaluation.py", "model"} <= folders("pipeline.train", "pipeline.model")
    assert "plots" not in folders("pipeline.events") | folders("pipeline.features.behaviour")
    trained = files("pipeline.train", "pipeline.model")
    assert "plots/reliability_diagram.py" in trained
    assert not {"plots/market_sizes.py", "plots/segment_flow.py", "plots/rfm_grid.py"} & trained
    assert "console.py" not in files("pipeline.features.behaviour")


def test_engines_which_are_handed_in_count_for_all_that_they_make() -> None:
    asked = [
        tuple(ast.unparse(one).strip("'") for one in node.args)
        for path in program._ROOT.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "code_fingerprint" and node.args
    ]
    by_engines = [roots for roots in asked if roots != ("__name__",)]  # but the synthetic operator's, which has none
    assert len(by_engines) >= 8
    assert all("pipeline.engine" in roots for roots in by_engines)
    found = {path.name for path in program._files(("pipeline.engine",))}
    assert {"engine.py", "session.py", "duckdb.py", "choice.py"} <= found
