from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from tests.bench import __main__, features, operator, stages
from tests.bench.__main__ import arguments, main
from tests.bench.parts import PARTS


@pytest.mark.parametrize("part", PARTS.values())
def test_each_part_is_a_function(part):
    assert callable(getattr(importlib.import_module(f"tests.bench.{part.module}"), part.function))


def test_parts_stand_beside_overrides_in_the_order_asked():
    parts, asked, _ = arguments(["training", "features.buckets=8", "~attributes.gender", "operator", "--sizes", "10"])
    assert parts == ["training", "operator"]
    assert asked.sizes == (10,)
    assert asked.overrides == ("features.buckets=8", "~attributes.gender")


def test_overrides_may_follow_options():
    given = ["operator", "--sizes", "10", "--activity", "0.5", "--json", "own.json", "model.max_customers=5000"]
    parts, asked, file = arguments(given)
    assert (parts, file) == (["operator"], Path("own.json"))
    assert asked.overrides == ("model.max_customers=5000",)
    assert asked.activity == 0.5


def test_without_a_part_stages_are_measured():
    parts, asked, _ = arguments(["data=telecom"])
    assert parts == ["stages"]
    assert asked.models == ("stacked", "logistic")


def test_sizes_are_digits_thousands_or_millions():
    _, asked, _ = arguments(["features", "--sizes", "20M", "200K", "1.5m", "2k", "3_000", "7"])
    assert asked.sizes == (20_000_000, 200_000, 1_500_000, 2_000, 3_000, 7)


def test_what_each_part_takes_reaches_it(tmp_path, monkeypatch):
    reached = []
    for part in (operator, features, stages):
        monkeypatch.setattr(part, "run", lambda options, results, part=part: reached.append((part, options)))
    where = ["--folder", str(tmp_path / "work"), "--json", str(tmp_path / "bench.json")]
    main(["operator", "--models", "logistic", "--activity", "0.5", "features.buckets=2", *where])
    main(["features", "--rounds", "2", *where])
    main(["stages", "data=online_retail", "data.root=here", "--models", "logistic", "lightgbm", *where])
    assert [part for part, _ in reached] == [operator, features, stages]
    one, two, three = (options for _, options in reached)
    assert (one.models, one.activity, one.overrides) == (("logistic",), 0.5, ("features.buckets=2",))
    assert (two.rounds, two.overrides) == (2, ())
    assert (three.models, three.overrides) == (("logistic", "lightgbm"), ("data=online_retail", "data.root=here"))


def test_the_first_recipe_is_the_default_of_parts_that_take_one():
    assert arguments(["operator"])[1].models[0] == "stacked"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["features", "features.windows_days=[999]"], "features takes no overrides: features.windows_days=[999]"),
        (["refresh", "--models", "stacked"], "refresh takes no recipes: --models stacked"),
        (["growth", "--activity", "77"], "growth takes no --activity; scoring, operator do"),
        (["scoring", "--models", "logistic"], "scoring takes no recipes: --models logistic"),
        (["training", "--activity", "0.5"], "training takes no --activity"),
        (["spark", "--models", "stacked", "logistic"], "spark takes one recipe: --models stacked logistic"),
        (["operator", "features", "--activity", "0.5"], "features takes no --activity"),
        (["training", "model=logistic"], "training gives model itself: model=logistic"),
        (["operator", "model=logistic"], "operator gives model itself: model=logistic; give recipes with --models"),
        (["spark", "++engine.master=local"], "spark gives engine.master itself"),
        (["stages", "data=atus", "--sizes", "10"], "stages gives data itself: data=atus"),
        (["stages", "--models", "stacked", "data=atus"], "not data=atus: overrides stand before --models"),
        (["operator", "nonsense.key=1"], "cannot run with model=stacked nonsense.key=1: Could not override"),
        (["scoring", "features.buckets=many"], "part scoring cannot run with model=stacked features.buckets=many: the"),
        (["training", "model.estimator.linear.C=1.0"], "with model=lightgbm model.estimator.linear.C=1.0: Could not"),
        (["stages", "--models", "nope"], "part stages cannot run with model=nope: In 'config': Could not find"),
    ],
)
def test_what_a_part_does_not_take_is_refused_before_anything_is_measured(capsys, monkeypatch, given, said):
    monkeypatch.setattr(__main__, "Results", lambda *_: pytest.fail("measured"))
    with pytest.raises(SystemExit) as ended:
        main(given)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["feature"], "no part 'feature'"),
        (["--rounds", "0"], "from 1, not 0"),
        *((["--sizes", text], f"such as 2000, 200K or 20M, not {text}") for text in ("0", "0.5", "20G", "M", "1e6")),
    ],
)
def test_what_does_not_exist_is_refused(capsys, given, said):
    with pytest.raises(SystemExit):
        arguments(given)
    assert said in capsys.readouterr().err
