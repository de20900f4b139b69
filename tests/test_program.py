"""A data set is made anew where what makes it has changed, and only there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import program
from pipeline.program import code_fingerprint

FILES = {
    "__init__.py": "",
    "counts.py": "from pipeline import columns\nfrom pipeline.engine import sql\n",
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


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "pipeline"
    for name, text in FILES.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    monkeypatch.setattr(program, "_ROOT", root)
    code_fingerprint.cache_clear()
    yield root
    code_fingerprint.cache_clear()


def decisive(package: Path, *roots: str) -> set[str]:
    """Return the files whose change changes the fingerprint."""
    found = set()
    first = code_fingerprint(*roots)
    for name, text in FILES.items():
        (package / name).write_text(text + "# another\n")
        assert code_fingerprint(*roots) == first  # read once a process
        code_fingerprint.cache_clear()
        if code_fingerprint(*roots) != first:
            found.add(name)
        (package / name).write_text(text)
        code_fingerprint.cache_clear()
        assert code_fingerprint(*roots) == first
    return found


MADE_OF = {"counts.py", "columns.py", "__init__.py", "engine/__init__.py", "engine/sql.py", "engine/late.py"}


def test_a_module_is_what_it_imports_wherever_and_the_texts_beside(package: Path) -> None:
    assert decisive(package, "pipeline.counts") == MADE_OF | {"engine/texts/words.yaml"}


def test_a_package_is_all_its_modules(package: Path) -> None:
    assert decisive(package, "pipeline.model") == {"__init__.py", "model/__init__.py", "model/trees.py"}


def test_several_roots_add_up(package: Path) -> None:
    both = decisive(package, "pipeline.counts", "pipeline.model")
    assert both == MADE_OF | {"engine/texts/words.yaml", "model/__init__.py", "model/trees.py"}


def test_without_roots_it_is_everything(package: Path) -> None:
    assert decisive(package) == {*FILES}


def test_a_new_file_with_another_name_is_another_program(package: Path) -> None:
    first = code_fingerprint("pipeline.model")
    (package / "model" / "trees.py").rename(package / "model" / "forest.py")
    code_fingerprint.cache_clear()
    assert code_fingerprint("pipeline.model") != first


def test_a_module_that_is_not_there_is_named(package: Path) -> None:
    with pytest.raises(ValueError, match=r"no module 'pipeline\.modle'"):
        code_fingerprint("pipeline.modle")


def test_words_of_the_report_do_not_read_events_anew() -> None:
    def folders(*roots: str) -> set[str]:
        return {path.relative_to(program._ROOT).parts[0] for path in program._files(roots)}

    later = {"report", "campaign", "market", "segment", "value", "lookalike", "synthetic", "compare"}
    assert not later & folders("pipeline.events")
    assert not later & folders("pipeline.features.snapshot")
    assert not later & folders("pipeline.train", "pipeline.model")
    assert {"events.py", "engine", "sources.py", "schemas.py"} <= folders("pipeline.events")
    assert {"labels", "features", "evaluation.py", "model"} <= folders("pipeline.train", "pipeline.model")
