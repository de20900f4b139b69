import os
from dataclasses import fields, is_dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from hydra import compose, initialize_config_dir
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.campaign.compose import check_source
from pipeline.configuration import parse_settings
from pipeline.errors import ConfigError
from pipeline.settings import CampaignSource, Settings, as_plain

CONF = Path(__file__).resolve().parent.parent / "conf"
GROUPS = sorted(path.name for path in CONF.iterdir() if path.is_dir())

TEN_LINES = """
name: bookshop
root: books
logs:
  purchases:
    path: orders.csv
    id: customer
    time: ordered_at
    categorical: [author, genre]
    numeric: {amount: price}
"""

FULL = """
data:
  name: shop
  logs:
    orders: {path: o.csv, id: c, time: t, categorical: [good], numeric: [amount], join: [{path: g.csv, by: [good]}]}
  profiles: {path: p.csv, id: c}
  seed: {log: orders, where: {good: tea}}
model: {name: m, estimator: {_target_: a.B}}
attributes:
  age: {kind: ordinal, declared: {column: age, bands: {young: [null, 30], old: [30, null]}}}
  lapse: {kind: binary, future: {log: orders, horizon_days: 28, at_most: 0}}
"""

SPARK = {"name": "spark", "master": "local[2]"}


def full(path="", value=None):
    """Return the full configuration with `value` at a dotted path."""
    config = yaml.safe_load(FULL)
    *above, last = path.split(".")
    place = config
    for key in above:
        place = place.setdefault(key, {}) if isinstance(place, dict) else place[int(key)]
    if path:
        place[last] = value
    return config


def refused(config):
    with pytest.raises(ConfigError, match=r"^the configuration cannot be used:\n") as caught:
        parse_settings(config)
    return str(caught.value)


# ---- what is accepted


def test_ten_lines_declare_a_source():
    found = parse_settings({"data": yaml.safe_load(TEN_LINES), "model": {"name": "m", "estimator": {}}})
    log = found.data.logs["purchases"]
    assert len(TEN_LINES.strip().splitlines()) <= 10
    assert log.categorical == {"author": "author", "genre": "genre"}
    assert log.numeric == {"amount": "price"}
    assert (found.data.time_zone, found.data.as_of, found.data.profiles) == ("UTC", "latest", None)


def test_the_full_configuration_is_usable_and_comes_back_from_plain_mappings():
    found = parse_settings(full())
    assert found.data.logs["orders"].join[0].by == {"good": "good"}
    assert found.data.seed is not None
    assert found.data.seed.where == {"good": ("tea",)}
    assert parse_settings(as_plain(found)) == found


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("customer", 1001, "1001"),
        ("stages", "features", ("features",)),
        ("data.as_of", 20180101, "20180101"),
        ("features.windows_days", 7, (7,)),
        ("attributes.lapse.values", [False, True], ("no", "yes")),  # what YAML makes of a bare no and yes
        ("data.seed.where", {"good": 12}, {"good": ("12",)}),
        ("attributes.age.declared", {"column": "c", "map": {True: True, 2: "two"}}, {"yes": "yes", "2": "two"}),
        ("engine.memory_limit_gb", "0.5", 0.5),
    ],
)
def test_values_are_taken_as_they_are_meant(path, value, expected):
    found = parse_settings(full(path, value))
    for key in path.split("."):
        found = found[key] if isinstance(found, dict) else getattr(found, key)
    if path == "attributes.age.declared":
        found = found.map
    assert found == expected


def test_settings_of_spark_may_be_written_as_yaml_writes_them():
    options = {"spark.ui.enabled": False, "spark.sql.shuffle.partitions": 400, "spark.eventLog.dir": "/logs"}
    found = parse_settings(full("engine", {**SPARK, "options": options})).engine.options
    assert [*found.values()] == ["false", "400", "/logs"]


# ---- what is refused


@pytest.mark.parametrize(
    ("path", "closest"),
    [
        ("modle", "model"),
        ("data.time_zon", "time_zone"),
        ("data.logs.orders.categoricl", "categorical"),
        ("data.logs.orders.join.0.bye", "by"),
        ("data.profiles.pth", "path"),
        ("data.quality.max_bad_shar", "max_bad_share"),
        ("data.seed.wher", "where"),
        ("engine.worker", "workers"),
        ("engine.mastr", "master"),
        ("features.bucket", "buckets"),
        ("features.vector.dimension", "dimensions"),
        ("attributes.age.knd", "kind"),
        ("attributes.age.declared.colum", "column"),
        ("attributes.lapse.future.horizon_day", "horizon_days"),
        ("model.fold", "folds"),
        ("evaluation.repeat", "repeats"),
        ("lookalike.nearst", "nearest"),
        ("lookalike.seed.fil", "file"),
        ("campaign.min_cel", "min_cell"),
        ("campaign.source.wrds", "words"),
        ("tracking.foldr", "folder"),
    ],
)
def test_an_unknown_key_is_told_by_its_full_name_with_the_closest(path, closest):
    config = full(path, 1)
    if path.startswith("lookalike.seed"):
        config["lookalike"]["seed"]["log"] = "orders"
    message = refused(config)
    assert f"\n  {path}: unknown key (allowed: " in message
    assert f"Did you mean '{closest}'?" in message


def test_all_mistakes_are_told_at_once():
    config = full("features.bucket", 1)
    config["seed"], config["modle"] = -1, {}
    assert len(refused(config).splitlines()) == 4


@pytest.mark.parametrize("key", ["data", "model", "data.name", "data.logs", "model.estimator", "attributes.age.kind"])
def test_a_required_key_is_told(key):
    config = full()
    *above, last = key.split(".")
    place = config
    for part in above:
        place = place[part]
    del place[last]
    assert refused(config).endswith(f"\n  {key}: this key is required")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        # wrong types
        ("features.buckets", "many", "features.buckets: Input should be a valid integer.*; found 'many'"),
        ("features.buckets", 1.5, "features.buckets: .*integer.*; found 1.5"),
        ("features.buckets", True, "features.buckets: a number is needed; found true"),
        ("features.windows_days", [7, True], r"features\.windows_days\.1: a number is needed; found true"),
        ("model.min_precision", False, "model.min_precision: a number is needed; found false"),
        ("lookalike.size", True, "lookalike.size: a number is needed; found true"),
        ("attributes.lapse.future.at_most", True, "a number is needed; found true"),
        ("data.profiles", "people.csv", "data.profiles: .*; found 'people.csv'"),
        ("data.logs", ["orders"], r"data\.logs: .*dict"),
        ("data.logs.orders.has_clock", "maybe", "data.logs.orders.has_clock: .*boolean"),
        ("data.logs.orders.id", False, "data.logs.orders.id: Input should be a valid string; found False"),
        ("data.logs.orders.categorical", [True], r"categorical: a column's name is a text; found True\. .*quote it"),
        ("data.logs.orders.categorical", [["good"]], r"categorical: a column's name is a text; found \['good'\]"),
        ("data.logs.orders.numeric", "amount", "numeric: .*dict"),
        ("attributes.age.hide", {"orders": "good"}, r"attributes\.age\.hide\.0: .*string"),
        ("attributes.age.declared.bands", {"young": 30}, "bands.young: .*tuple"),
        ("model.estimator", "a.B", "model.estimator: .*dict"),
        # out of range
        ("seed", -1, "seed: .*greater than or equal to 0; found -1"),
        ("features.buckets", 0, "features.buckets: .*greater than or equal to 1"),
        ("features.buckets", 65537, "features.buckets: .*less than or equal to 65536"),
        ("features.windows_days", [7, 7], "features: windows_days must be different whole numbers of days from 1"),
        ("features.windows_days", [0], "features: windows_days must be different whole numbers of days from 1"),
        ("data.quality.max_bad_share", 1.01, "max_bad_share: .*less than or equal to 1"),
        ("data.quality.max_bad_share", float("nan"), "max_bad_share"),
        ("model.min_precision", 1, "model.min_precision: .*less than 1"),
        ("model.confidence", 0, "model.confidence: .*greater than 0"),
        ("engine.memory_limit_gb", 0, "engine.memory_limit_gb: .*greater than 0"),
        ("attributes.lapse.future.horizon_days", 0, "horizon_days: .*greater than or equal to 1"),
        # one of several
        ("engine.name", "duckbd", "engine.name: Input should be 'duckdb' or 'spark'; found 'duckbd'"),
        ("engine.name", "spark", "engine: master: this key is required, for example spark://127.0.0.1:7077"),
        ("engine.master", "local[2]", "engine: master: only engine=spark has this key; this engine is 'duckdb'"),
        ("engine.executor_memory", "2 GB", "engine.executor_memory: .*should match pattern"),
        ("engine", {**SPARK, "options": {"sql.x": 1}}, "engine: options: 'sql.x' is none of Spark's settings"),
        (
            "engine",
            {**SPARK, "options": {"spark.sql.ansi.enabled": "false"}},
            "engine: options: 'spark.sql.ansi.enabled' is set by this program and cannot be changed",
        ),
        ("data.logs.orders.time_unit", "ns", "time_unit: Input should be 's', 'ms' or 'us'; found 'ns'"),
        ("data.logs.orders.duplicates", "drop", "duplicates: Input should be 'quarantine' or 'keep'"),
        ("attributes.age.kind", "number", "attributes.age.kind: Input should be 'binary', 'nominal' or 'ordinal'"),
        (
            "model.calibration",
            "none",
            "model.calibration: Input should be 'auto', 'temperature'",
        ),
        (
            "stages",
            ["features", "trian"],
            r"\n  stages: 'trian' does not exist \(allowed: .*\)\. Did you mean 'train'\?",
        ),
        ("stages", [], r"\n  stages: none given; write stages=\[features,train,score,shares,lookalike\]"),
        # contradictions
        ("data.logs", {}, "data: 'logs' is empty: a source needs at least one event log"),
        ("data.logs.orders.database", "d.duckdb", "data.logs.orders: give either 'path' .* or 'database' with 'table'"),
        ("data.logs.orders.path", None, "data.logs.orders: give either 'path'"),
        ("data.profiles", {"database": "d", "id": "c"}, "data.profiles: 'database' also needs 'table'"),
        ("data.profiles.table", "people", "data.profiles: 'table' names a table of a 'database'"),
        ("data.logs.orders.time", "", "data.logs.orders: 'time' is missing"),
        ("data.profiles.id", "", "data.profiles: 'id' is missing"),
        ("data.logs.orders", {"path": "x", "id": "c", "time": "t", "time_unit": "s", "time_format": "%Y"}, "not both"),
        ("data.logs.orders.numeric", ["good"], "data.logs.orders: field 'good' is declared twice"),
        ("data.logs.orders.numeric", {"Good": "x"}, "field 'Good' is declared twice.*upper and lower case are one"),
        ("data.logs.orders.numeric", ["hour"], "field name 'hour' cannot be used.*write 'name: column'"),
        ("data.logs.orders.numeric", ["Reason"], "field name 'Reason' cannot be used"),
        ("data.logs.orders.numeric", ["raw"], "field name 'raw' cannot be used"),
        ("data.logs.orders.numeric", ["a__b"], "field name 'a__b' cannot be used"),
        ("data.logs.orders.numeric", ["unit price"], "field name 'unit price' cannot be used"),
        ("data.logs", {"a b": {"path": "x", "id": "c", "time": "t"}}, "data: log name 'a b' must be letters"),
        ("data.name", "../elsewhere", r"data\.name: a folder is named after it.*found '\.\./elsewhere'"),
        ("data.name", "", "data.name: a folder is named after it"),
        ("lookalike.name", "a/b", "lookalike.name: a folder is named after it"),
        (
            "outputs",
            "s3://bucket/out",
            "outputs: a file or folder is needed; found the address 's3://bucket/out'.*mount",
        ),
        ("data.root", "gs://logs", "data.root: a file or folder is needed; found the address"),
        ("data.logs.orders.path", "hdfs://name/orders", "orders.path: a file or folder is needed; found the address"),
        ("tracking.folder", "s3://models", "tracking.folder: a file or folder is needed; found the address"),
        ("engine.spill", "file:///spill", "engine.spill: a file or folder is needed; found the address.*Write /spill"),
        ("campaign.templates", "s3:/bucket/t", "campaign.templates: a file or folder is needed; found the address"),
        ("campaign.files", {"vip": "s3://b/x.csv"}, "campaign.files.*a file or folder is needed; found the address"),
        (
            "data.seed",
            {"log": "orders", "file": "f"},
            r"data\.seed: a seed is given in exactly one way.*\['file', 'log'\]",
        ),
        ("data.seed", {}, "data.seed: a seed is given in exactly one way: .*found none"),
        ("lookalike.seed", {"file": "f", "where": {"good": "tea"}}, "lookalike.seed: 'where' narrows a log"),
        ("attributes.age.future", {"log": "orders", "horizon_days": 1, "at_least": 1}, "age: give either 'declared'"),
        ("attributes.age.declared", None, "attributes.age: give either 'declared'"),
        ("attributes.age.declared.map", {"a": "b"}, "declared: give 'map' .* or 'bands' .* not both"),
        ("attributes.age.declared.bands", {"a": [1, 5], "b": [4, 9]}, "bands 'a' and 'b' overlap between 4.0 and 5.0"),
        ("attributes.age.declared.bands", {"a": [5, 5]}, "band 'a' is empty: from 5.0 up to, but not including, 5.0"),
        ("attributes.age.declared.bands", {}, "'bands' is empty"),
        ("attributes.lapse.future.at_least", 1, r"exactly one of at_least.*found \['at_least', 'at_most'\]"),
        ("attributes.lapse.future.aggregate", "sum", "'sum' needs a numeric 'field'"),
        ("attributes.lapse.future.field", "amount", "'count' counts events or days and takes no 'field'"),
        ("attributes.lapse.kind", "ordinal", "attributes.lapse: an ordinal attribute needs its order"),
        ("attributes", {"a-b": full()["attributes"]["lapse"]}, r"\n  attributes: the name 'a-b' must be letters"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_full_name(path, value, told):
    with pytest.raises(ConfigError, match=f"(?s){told}"):
        parse_settings(full(path, value))


def nested(children):
    return st.lists(children, max_size=3) | st.dictionaries(
        st.text(max_size=5) | st.integers() | st.booleans(), children
    )


PATHS = [
    "data",
    "data.logs",
    "data.logs.orders",
    "data.logs.orders.join",
    "attributes",
    "attributes.age",
    "model",
    "stages",
]
PATHS += ["attributes.age.declared", "features", "data.seed", "data.as_of", "customer", "lookalike.seed", "seed"]
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from(["path", "id"])


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PATHS), st.recursive(LEAVES, nested, max_leaves=6))
def test_whatever_stands_there_is_accepted_or_refused_by_name(path, value):
    try:
        assert isinstance(parse_settings(full(path, value)), Settings)
    except ConfigError as error:
        assert str(error).startswith("the configuration cannot be used:\n  ")  # noqa: PT017 (both outcomes are right)


# ---- conf/


def composed(*overrides):
    """Return the settings of the shipped configuration with overrides, as the command line reads them."""
    before = dict(os.environ)
    from pipeline.__main__ import settings_of

    os.environ.clear()
    os.environ.update(before)  # the command line's own, such as the number of threads, are not meant for tests
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return settings_of(compose("config", list(overrides)))


CHOICES = [(group, path.stem) for group in GROUPS for path in sorted((CONF / group).glob("*.yaml"))]


def _has_sweeper():
    return find_spec("hydra_plugins") is not None and find_spec("hydra_plugins.hydra_optuna_sweeper") is not None


@pytest.mark.parametrize(("group", "choice"), [pair for pair in CHOICES if not pair[1].startswith("_")])
def test_every_file_of_the_configuration_is_usable(group, choice):
    if "hydra/sweeper: optuna" in (CONF / group / f"{choice}.yaml").read_text("utf-8") and not _has_sweeper():
        pytest.skip("needs the extra [sweep]")
    assert isinstance(composed(f"{group}={choice}"), Settings)


def test_every_source_brings_its_own_attributes():
    for name in [choice for group, choice in CHOICES if group == "data"]:
        found = composed(f"data={name}")
        assert found.data.name == name
        assert found.attributes == composed(f"data={name}", f"attributes={name}").attributes
        for attribute in found.attributes.values():
            assert attribute.future is None or attribute.future.log in found.data.logs


def test_what_messages_know_of_a_source_fits_the_source():
    for file in sorted((CONF / "campaign" / "source").glob("*.yaml")):
        found = composed(f"data={file.stem}")
        assert found.campaign.source != CampaignSource()
        check_source(found.campaign, found.data)


def test_folders_of_the_configuration_are_keys_and_classes():
    keys = {field.name for field in fields(Settings)}
    assert set(GROUPS) - {"experiment"} <= keys
    found = composed()
    assert all(is_dataclass(getattr(found, group)) for group in set(GROUPS) - {"experiment", "attributes"})


def test_an_experiment_changes_only_what_it_names():
    plain, fast = as_plain(composed()), as_plain(composed("experiment=fast"))
    changed = {key for key in plain if plain[key] != fast[key]}
    assert changed == {"model", "evaluation"}


def test_a_value_of_the_command_line_wins():
    assert composed("features.buckets=9", "stages=[score]").features.buckets == 9


def test_defaults_of_the_files_are_those_of_the_classes():
    """Whoever composes no file, such as a test, gets what the files say."""
    shipped = composed()
    bare = parse_settings({"data": as_plain(shipped.data), "model": as_plain(shipped.model)})
    for group in ("engine", "features", "evaluation", "lookalike", "tracking"):
        assert getattr(bare, group) == getattr(shipped, group)
    assert bare.campaign == replace(
        shipped.campaign, source=CampaignSource()
    )  # what belongs to a source has a file of its own
    assert (bare.stages, bare.seed, bare.outputs) == (shipped.stages, shipped.seed, shipped.outputs)
