import gzip

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.errors import ConfigError, DataError, SchemaError
from pipeline.settings import Data, Log, Table
from pipeline.sources import files_of, open_table, place_of, require_column, resolve


def found(engine, folder, **table):
    """Return the rows of a declared table, sorted."""
    data = Data(name="one", root=str(folder), logs={"log": Log(path="x", id="id", time="time")})
    opened = open_table(engine, Table(**table), data, "data.logs.log")
    return sorted(engine.arrow(opened).to_pylist(), key=str)


def parquet(path, **columns):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def test_a_parquet_file_keeps_its_types(engine, tmp_path):
    parquet(tmp_path / "a.parquet", id=[1], x=[1.5])
    assert found(engine, tmp_path, path="a.parquet") == [{"id": 1, "x": 1.5}]
    (tmp_path / "a.parquet").rename(tmp_path / "B.PARQUET")
    assert found(engine, tmp_path, path="B.PARQUET") == [{"id": 1, "x": 1.5}]
    assert found(engine, "elsewhere", path=str(tmp_path / "B.PARQUET")) == [{"id": 1, "x": 1.5}]


CSV = 'id,time,note\n007,2024-01-01,"a, ""b"""\n#8,2024-01-02,it\'s\n\'9,,Ґанок\n'
CSV_ROWS = [
    {"id": "#8", "time": "2024-01-02", "note": "it's"},
    {"id": "'9", "time": None, "note": "Ґанок"},
    {"id": "007", "time": "2024-01-01", "note": 'a, "b"'},
]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_csv_file_is_read_as_texts_with_no_row_lost(engine, tmp_path, end, mark):
    (tmp_path / "a.csv").write_bytes((mark + CSV).replace("\n", end).encode())
    assert found(engine, tmp_path, path="a.csv") == sorted(CSV_ROWS, key=str)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_of_the_header(engine, tmp_path, delimiter):
    (tmp_path / "a.tsv").write_text(f'"id,;|x"{delimiter}time\n1{delimiter}2\n')
    assert found(engine, tmp_path, path="a.tsv") == [{"id,;|x": "1", "time": "2"}]


def test_a_compressed_csv_file(engine, tmp_path):
    with gzip.open(tmp_path / "a.csv.gz", "wt", encoding="utf-8") as file:
        file.write(CSV)
    assert found(engine, tmp_path, path="a.csv.gz") == sorted(CSV_ROWS, key=str)


def test_a_nameless_column_such_as_an_index_is_called_by_its_place(engine, tmp_path):
    (tmp_path / "a.csv").write_text(",id\n0,7\n")
    assert found(engine, tmp_path, path="a.csv") == [{"column0": "0", "id": "7"}]


def test_a_folder_is_read_as_one_table_without_hidden_files_and_manifests(engine, tmp_path):
    parquet(tmp_path / "log" / "2023.parquet", id=[1], x=["a"])
    parquet(tmp_path / "log" / "deep" / "2024.parquet", x=["b"], id=[2])
    for name in (".hidden.parquet", "_manifest.parquet", "readme.txt"):
        (tmp_path / "log" / name).write_text("no table")
    assert found(engine, tmp_path, path="log") == [{"id": 1, "x": "a"}, {"id": 2, "x": "b"}]


def test_a_folder_of_csv_files(engine, tmp_path):
    for number in (1, 2):
        (tmp_path / f"{number}.csv").write_text(f"id,x\n{number},b\n")
    assert [row["id"] for row in found(engine, tmp_path, path=".")] == ["1", "2"]
    (tmp_path / "3.csv").write_text("x,id\nb,3\n")
    with pytest.raises(DataError, match=r"3\.csv: its first line is not that of 1\.csv: id,x"):
        found(engine, tmp_path, path=".")


def test_a_name_with_the_signs_of_a_pattern_means_itself(engine, tmp_path):
    for name in ("a*.csv", "ab.csv", "c [1].csv", "it's.csv"):
        (tmp_path / name).write_text(f'id\n"{name}"\n')
        parquet(tmp_path / f"{name}.parquet", id=[name])
    for name in ("a*.csv", "c [1].csv", "it's.csv"):
        assert found(engine, tmp_path, path=name) == [{"id": name}]
        assert found(engine, tmp_path, path=f"{name}.parquet") == [{"id": name}]


def test_data_of_an_installed_package(tmp_path, monkeypatch):
    package = tmp_path / "carried_data"
    package.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('data are read without importing the package')")
    monkeypatch.syspath_prepend(tmp_path)
    assert resolve("package:carried_data/data", "a.csv") == package / "data" / "a.csv"
    assert resolve("package:carried_data", "a.csv") == package / "a.csv"


@pytest.mark.parametrize("root", ["package:no_such", "package:no_such.inner/data", "package:", "package:json.decoder"])
def test_a_package_that_is_not_there(root):
    with pytest.raises(ConfigError, match=r"data\.root: the package '.*' is not installed"):
        resolve(root, "a.csv")


def test_a_table_of_a_database_is_only_read(engine, tmp_path):
    with duckdb.connect(tmp_path / "shop.duckdb") as connection:
        connection.execute("create table orders as select 1 as id, timestamp '2024-01-01' as time")
        connection.execute("create schema old; create table old.orders as select 2 as id")
    before = (tmp_path / "shop.duckdb").read_bytes()
    assert [row["id"] for row in found(engine, tmp_path, database="shop.duckdb", table="orders")] == [1]
    assert [row["id"] for row in found(engine, tmp_path, database="shop.duckdb", table="old.orders")] == [2]
    with pytest.raises(DataError, match=r"no table 'order' in it \(allowed: orders\)\. Did you mean 'orders'\?"):
        found(engine, tmp_path, database="shop.duckdb", table="order")
    with pytest.raises(DataError, match=r"no table 'new\.orders' in it"):
        found(engine, tmp_path, database="shop.duckdb", table="new.orders")
    assert (tmp_path / "shop.duckdb").read_bytes() == before


def test_what_is_no_database(engine, tmp_path):
    (tmp_path / "shop.duckdb").write_text("no database" * 1000)
    with pytest.raises(DataError, match=r"shop\.duckdb: cannot be attached"):
        found(engine, tmp_path, database="shop.duckdb", table="orders")


def test_a_missing_file_is_told_with_its_neighbours(engine, tmp_path):
    parquet(tmp_path / "orders.parquet", id=[1])
    with pytest.raises(DataError, match=r"data\.logs\.log: file not found: .*Did you mean 'orders\.parquet'\?"):
        found(engine, tmp_path, path="order.parquet")
    with pytest.raises(DataError, match=r"file not found: .* The folder .*nowhere does not exist"):
        found(engine, tmp_path, path="nowhere/order.parquet")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"the folder .*empty holds no Parquet or CSV file"):
        found(engine, tmp_path, path="empty")


def test_files_of_mixed_kinds_and_other_kinds(engine, tmp_path):
    parquet(tmp_path / "a.parquet", id=[1])
    (tmp_path / "b.csv").write_text("id\n1\n")
    with pytest.raises(DataError, match=r"of one kind; found \.csv, \.parquet"):
        found(engine, tmp_path, path=".")
    (tmp_path / "c.xlsx").write_text("")
    with pytest.raises(DataError, match=r"c\.xlsx: expected Parquet .* found \.xlsx"):
        found(engine, tmp_path, path="c.xlsx")


@pytest.mark.parametrize("cut", [0, 3, 200, -4])
def test_a_parquet_file_that_was_cut_off(engine, tmp_path, cut):
    parquet(tmp_path / "a.parquet", id=list(range(1000)))
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:cut])
    with pytest.raises(DataError, match=r"a\.parquet: cannot be read as Parquet"):
        found(engine, tmp_path, path="a.parquet")


def test_a_parquet_file_damaged_in_the_middle(engine, tmp_path):
    parquet(tmp_path / "a.parquet", id=np.random.default_rng(0).integers(0, 1000, 50_000))
    damaged = bytearray((tmp_path / "a.parquet").read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 2000] = b"\x7f" * 2000
    (tmp_path / "a.parquet").write_bytes(damaged)
    with pytest.raises(DataError, match=r"a source file: cannot be read"):
        found(engine, tmp_path, path="a.parquet")


def test_parquet_files_with_other_columns(engine, tmp_path):
    parquet(tmp_path / "a.parquet", id=[1], x=["a"])
    parquet(tmp_path / "b.parquet", id=[1], y=["a"])
    with pytest.raises(DataError, match=r"cannot be read: .*b\.parquet.*column \"x\""):
        found(engine, tmp_path, path=".")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "the first line is empty"),
        (b"\nid,time\n1,2\n", "the first line is empty"),
        ("id,имя\n".encode("utf-16"), "cannot be read as CSV in UTF-8"),
        ("id,имя\n".encode("cp1251"), "cannot be read as CSV in UTF-8"),
        (b"id,time\n1,caf\xe9\n", "cannot be read"),
        (b"id,time\n1,2\n3\n", r"Line: 3; Original Line: 3; Expected Number of Columns: 2 Found: 1 \(in .*a\.csv\)"),
        (b"id,time\n1,2\n3,4,5\n", "Line: 3.*Expected Number of Columns: 2 Found: 3"),
        (b'id,time\n1,"2\n3,4\n', "unterminated quote|Original Line: 1"),
        (b'"id\n1,2\n', "its first line cannot be read as a CSV header"),
    ],
)
def test_a_csv_file_that_cannot_be_read(engine, tmp_path, content, message):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError, match=message):
        found(engine, tmp_path, path="a.csv")


def test_what_is_not_gzip(engine, tmp_path):
    (tmp_path / "a.csv.gz").write_text("id\n1\n")
    with pytest.raises(DataError, match=r"a\.csv\.gz: cannot be read"):
        found(engine, tmp_path, path="a.csv.gz")


@pytest.mark.parametrize("header", ["id,id", "id,ID", "Час,час"])
def test_a_column_that_stands_twice(engine, tmp_path, header):
    (tmp_path / "a.csv").write_text(f"{header}\n1,2\n", "utf-8")
    with pytest.raises(SchemaError, match=r"the column '.*' stands twice in the header"):
        found(engine, tmp_path, path="a.csv")


ONE = Data(name="one", logs={"log": Log(path="x", id="id", time="time")})


def test_a_column_that_is_not_there(engine, tmp_path):
    parquet(tmp_path / "a.parquet", amount=[1])
    table, declared = engine.parquet(tmp_path / "a.parquet"), Table(path=str(tmp_path / "a.parquet"))
    require_column(table, "amount", "data.logs.log", ONE, declared)
    with pytest.raises(SchemaError, match=r"^data\.logs\.log: column 'amont' not found in .*a\.parquet .*'amount'\?$"):
        require_column(table, "amont", "data.logs.log", ONE, declared)


def test_names_of_folders_are_no_columns(engine, tmp_path):
    root = tmp_path / "id=7"
    parquet(root / "log" / "region=north" / "a.parquet", id=["a"], region=["south"])
    parquet(root / "log" / "region=east" / "a.parquet", id=["b"], region=["west"])
    assert found(engine, root, path="log") == [{"id": "a", "region": "south"}, {"id": "b", "region": "west"}]
    for name, line in (("north", "a,south"), ("east", "b,west")):
        (root / "texts" / f"region={name}").mkdir(parents=True)
        (root / "texts" / f"region={name}" / "a.csv").write_text(f"id,region\n{line}\n")
    assert found(engine, root, path="texts") == [{"id": "a", "region": "south"}, {"id": "b", "region": "west"}]


def test_a_column_that_is_a_folder_s_name_alone(engine, tmp_path):
    parquet(tmp_path / "log" / "day=2024-01-01" / "a.parquet", id=["a"])
    declared = Table(path=str(tmp_path / "log"))
    table = open_table(engine, declared, ONE, "data.logs.log")
    said = r"^data\.logs\.log: column 'day' stands in no file of .*log, only in the names of folders \(day=…\)\. These"
    with pytest.raises(SchemaError, match=said):
        require_column(table, "day", "data.logs.log", ONE, declared)


def test_a_home_folder_and_places_in_messages(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.csv").write_text("id\n")
    assert resolve("~", "a.csv") == tmp_path / "a.csv"
    assert files_of(Table(path="~/a.csv"), "elsewhere", "x") == [tmp_path / "a.csv"]
    assert place_of(Table(path="a.csv")) == "a.csv"
    assert place_of(Table(database="d.duckdb", table="t")) == "d.duckdb:t"


def test_data_that_a_module_makes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = "made:shop.generator/made/here"
    told = r"^x: not found: made/here/a\.csv\. .*: python -m shop\.generator --folder made/here$"
    with pytest.raises(DataError, match=told):
        files_of(Table(path="a.csv"), root, "x")
    (tmp_path / "made" / "here").mkdir(parents=True)
    (tmp_path / "made" / "here" / "a.csv").write_text("id\n")
    assert [str(file) for file in files_of(Table(path="a.csv"), root, "x")] == ["made/here/a.csv"]
    assert str(resolve("made:shop.generator//absolute", "a.csv")) == "/absolute/a.csv"
