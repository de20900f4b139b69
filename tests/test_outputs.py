import errno
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import joblib
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import outputs
from pipeline.errors import ConfigError, DataError
from tests.source import contents


def no_space(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_fingerprint_depends_on_every_part_and_not_on_the_order_of_keys():
    assert outputs.fingerprint({"a": 1, "b": 2}) == outputs.fingerprint({"b": 2, "a": 1})
    parts = [("a",), ("b",), ("a", "b"), (["a", "b"],), ({"a": 1},), ({"a": "1"},), (None,), ("",), ({"a": {"b": 1}},)]
    prints = [outputs.fingerprint(*part) for part in parts]
    assert len(set(prints)) == len(prints)
    assert all(len(text) == 16 and set(text) <= set("0123456789abcdef") for text in prints)


@given(st.dictionaries(st.text(), st.integers() | st.text() | st.none()))
def test_fingerprint_is_the_same_for_any_order_of_the_same_mapping(mapping):
    backwards = dict(reversed(list(mapping.items())))
    assert outputs.fingerprint(mapping) == outputs.fingerprint(backwards)


def test_file_facts_change_with_size_time_and_name(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("1")
    os.utime(file, ns=(5, 5))
    assert outputs.file_facts(file) == [["a.csv", 1, 5]]
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "b.csv").write_text("22")
    assert [fact[:2] for fact in outputs.file_facts(tmp_path)] == [["a.csv", 1], ["b.csv", 2]]


def test_a_folder_without_a_manifest_holds_no_data_set(tmp_path):
    assert not outputs.is_current(tmp_path, "x")
    with pytest.raises(DataError, match=r"no finished data set here.*Run the stage that writes it first"):
        outputs.read_manifest(tmp_path)


@pytest.mark.parametrize("text", [b"{", b"", b"[]", b"[1]", b"null", b"\xff\xfe", b'"text"'])
def test_a_damaged_manifest_is_told_as_such(tmp_path, text):
    (tmp_path / outputs.MANIFEST).write_bytes(text)
    with pytest.raises(DataError, match=rf"_manifest\.json: cannot be read: .+\. Delete the folder {tmp_path} and run"):
        outputs.read_manifest(tmp_path)


def test_write_file_replaces_the_old_file_only_when_the_new_one_is_whole(tmp_path):
    file = tmp_path / "deep" / "file.txt"
    outputs.write_file(file, lambda partial: partial.write_text("old"))
    seen = []

    def interrupted(partial):
        partial.write_text("half")
        seen.extend([partial != file, file.read_text()])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        outputs.write_file(file, interrupted)
    assert seen == [True, "old"]
    assert contents(tmp_path) == {"deep/file.txt": b"old"}


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
def test_a_full_disk_is_told_with_its_place_and_leaves_nothing(tmp_path, monkeypatch, failing):
    if failing == "fsync":
        monkeypatch.setattr(os, "fsync", no_space)
    if failing == "replace":
        monkeypatch.setattr(Path, "replace", no_space)
    write = no_space if failing == "write" else lambda partial: partial.write_text("x")
    with pytest.raises(DataError, match=r"file\.txt: .* No space left on device\..*free some space and run the same"):
        outputs.write_file(tmp_path / "file.txt", write)
    assert contents(tmp_path) == {}


def test_a_full_disk_while_the_manifest_is_written_leaves_no_finished_data_set(tmp_path, monkeypatch):
    folder = tmp_path / "set"

    def unfinished():
        with outputs.whole(folder, "f1", {}) as partial:
            outputs.write_json(partial / "a.json", {"a": 1})
            monkeypatch.setattr(os, "fsync", no_space)

    with pytest.raises(DataError, match="cannot be written: No space left"):
        unfinished()
    assert not folder.exists()
    monkeypatch.undo()
    with outputs.whole(folder, "f1", {}) as partial:
        assert (partial / "a.json").exists()  # the next run goes on with it
    assert outputs.is_current(folder, "f1")


def test_whole_shows_the_data_set_at_the_end_with_manifest_and_facts(tmp_path):
    folder = tmp_path / "deep" / "set"
    facts = {"rows": 0}
    with outputs.whole(folder, "f1", facts) as partial:
        outputs.write_file(partial / "part.txt", lambda path: path.write_text("x"))
        facts["rows"] = 7
        assert not folder.exists()
        assert not outputs.is_current(folder, "f1")
    assert outputs.read_manifest(folder) == {"fingerprint": "f1", "rows": 7}
    assert outputs.is_current(folder, "f1")
    assert not outputs.is_current(folder, "f2")
    assert sorted(path.name for path in folder.parent.iterdir()) == ["set"]


def test_a_run_that_fails_leaves_the_old_data_set_and_the_finished_parts_of_the_new_one(tmp_path):
    folder = tmp_path / "set"
    with outputs.whole(folder, "f1", {}) as partial:
        outputs.write_json(partial / "a.json", {"a": 1})
    before = contents(folder)

    def broken():
        with outputs.whole(folder, "f2", {}) as partial:
            outputs.write_json(partial / "b.json", {"b": 1})
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        broken()
    assert contents(folder) == before
    with outputs.whole(folder, "f2", {}) as partial:
        assert json.loads((partial / "b.json").read_text()) == {"b": 1}
    assert sorted(contents(folder)) == ["_manifest.json", "b.json"]


def test_stale_partials_of_other_settings_and_temporary_files_are_removed(tmp_path):
    folder = tmp_path / "set"
    for name in ("set.partial-old", "set.partial-f1", "set.replaced", "settled.partial-old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".x.parquet.77.partial").write_text("half")
    with outputs.whole(folder, "f1", {}):
        assert not (tmp_path / "set.partial-old").exists()
    assert sorted(contents(tmp_path)) == ["set/_manifest.json", "settled.partial-old/.x.parquet.77.partial"]


def test_a_partial_that_cannot_be_removed_is_told(tmp_path, monkeypatch):
    stale = tmp_path / "set.partial-old"
    stale.mkdir()

    def refuse(path):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)

    monkeypatch.setattr(outputs.shutil, "rmtree", refuse)
    with pytest.raises(DataError, match=rf"^{stale}: cannot be written: Permission denied\."):
        outputs.drop_partials(tmp_path / "set")
    assert stale.is_dir()
    outputs.drop_partials(tmp_path / "set", but=stale)


def test_a_kill_between_the_two_renames_loses_nothing(tmp_path, monkeypatch):
    folder = tmp_path / "set"
    with outputs.whole(folder, "f1", {}):
        pass
    rename = Path.rename

    def killed(self, target):
        if "partial" in self.name:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", killed)

    def renamed_by_half():
        with outputs.whole(folder, "f2", {}) as partial:
            outputs.write_json(partial / "a.json", {"a": 1})

    with pytest.raises(KeyboardInterrupt):
        renamed_by_half()
    assert not folder.exists()
    monkeypatch.undo()
    with outputs.whole(folder, "f2", {}) as partial:
        assert (partial / "a.json").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_the_next_run_finds_what_a_run_killed_between_the_two_renames_was_replacing(tmp_path, monkeypatch):
    """It reads the standing data set before it knows under which name the other would be taken up."""
    folder = tmp_path / "family" / "set"
    with outputs.whole(folder, "f1", {}):
        pass
    with outputs.whole(tmp_path / "other", "f1", {}):
        pass
    folder.rename(tmp_path / "family" / "set.replaced")
    shutil.copytree(tmp_path / "other", tmp_path / "other.replaced")
    with outputs.exclusive(tmp_path):
        assert outputs.is_current(folder, "f1")
    assert not list(tmp_path.rglob("*.replaced"))
    assert outputs.is_current(tmp_path / "other", "f1")


def test_files_made_in_another_way_are_not_taken_up(tmp_path):
    def killed():
        with outputs.whole(tmp_path / "set", "f1", {}, parts="one") as partial:
            outputs.write_json(partial / "a.json", {"a": 1})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    with outputs.whole(tmp_path / "set", "f1", {}, parts="two") as partial:
        assert not list(partial.iterdir())
    assert outputs.is_current(tmp_path / "set", "f1")


HOLDER = """
import sys, time
from pathlib import Path
from pipeline.outputs import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_held_by_one_process_and_freed_by_its_death(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "out")], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with (
            pytest.raises(DataError, match=r"out: another run is writing here.*outputs=<folder>"),
            outputs.exclusive(tmp_path / "out"),
        ):
            pytest.fail("two processes held the folder")
        with outputs.exclusive(tmp_path / "other"):
            pass
        holder.kill()
        holder.wait()
    time.sleep(0.05)
    with outputs.exclusive(tmp_path / "out"):
        pass


def test_an_outputs_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    held = outputs.exclusive(tmp_path / "file" / "shop")
    with pytest.raises(ConfigError, match=r"outputs: the folder .*file/shop cannot be written to: Not a directory"):
        held.__enter__()


def test_a_file_is_loaded_once_and_anew_when_it_has_changed(tmp_path):
    outputs.write_file(tmp_path / "x.joblib", lambda path: joblib.dump([1], path))
    first = outputs.load_once(tmp_path / "x.joblib")
    assert first == [1]
    assert outputs.load_once(tmp_path / "x.joblib") is first
    outputs.write_file(tmp_path / "x.joblib", lambda path: joblib.dump([1, 2], path))
    assert outputs.load_once(tmp_path / "x.joblib") == [1, 2]
    (tmp_path / "x.joblib").write_bytes(b"damaged")
    with pytest.raises(DataError, match="cannot be loaded"):
        outputs.load_once(tmp_path / "x.joblib")
