"""Trees as tables say what LightGBM says, to the last bit."""

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from lightgbm import Booster, LGBMClassifier
from scipy import sparse

from pipeline.model import decision_tables
from pipeline.model.boosting import DenseBoosting
from pipeline.model.decision_tables import MOST_CONDITIONS, WORTH_ASKING, WORTH_MAKING, DecisionTables, tables_of
from pipeline.model.split_matrix import DenseColumns, SplitMatrix
from pipeline.model.stacked import StackedClassifier
from pipeline.model.token_boosting import TokenBoosting

COLUMNS = 6


def customers(n: int, seed: int = 0) -> np.ndarray:
    """Return counts, amounts and shares; some are unknown in all columns but the first and the last."""
    rng = np.random.default_rng(seed)
    X = np.column_stack(
        [rng.poisson(1.0, n), rng.exponential(9.0, n), rng.normal(size=(n, COLUMNS - 3)), rng.random(n)]
    )
    X[:, 1:-1][rng.random((n, COLUMNS - 2)) < 0.2] = np.nan
    return X


def fitted(n_classes: int = 2, X: np.ndarray | None = None, **parameters: Any) -> Booster:
    X = customers(600) if X is None else X
    pull = np.nan_to_num(X[:, 0] + X[:, 1] / 9 + X[:, 2])
    y = np.digitize(pull, np.quantile(pull, np.linspace(0, 1, n_classes + 1)[1:-1]))
    chosen = {"n_estimators": 15, "num_leaves": 7, "verbose": -1, "n_jobs": 1} | parameters
    return LGBMClassifier(**chosen).fit(X, y).booster_


def said_by_lightgbm(booster: Booster, X: np.ndarray) -> np.ndarray:
    return np.reshape(booster.predict(X, raw_score=True), (len(X), -1))


def tables(booster: Booster) -> DecisionTables:
    found = tables_of(booster)
    assert found is not None
    return found


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("leaves", [2, 7, MOST_CONDITIONS + 1])
@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_scores_are_those_of_lightgbm_to_the_last_bit(n_classes: int, leaves: int, kind: type) -> None:
    booster = fitted(n_classes, num_leaves=leaves)
    new = customers(3_000, seed=1).astype(kind)
    assert (tables(booster).scores([new]) == said_by_lightgbm(booster, new)).all()


def test_values_on_a_threshold_go_where_lightgbm_sends_them() -> None:
    booster = fitted()
    numbers = [(asked.column, asked.number) for asked in tables(booster).conditions]
    for kind in (np.float64, np.float32):
        new = customers(len(numbers), seed=2).astype(kind)
        for row, (column, number) in enumerate(numbers):
            new[row, column] = number
        assert (tables(booster).scores([new]) == said_by_lightgbm(booster, new)).all()


def test_unknown_values_where_training_had_none_count_as_zero_as_in_lightgbm() -> None:
    booster = fitted(X=np.nan_to_num(customers(600)))
    new = customers(2_000, seed=3)
    new[::3] = np.nan
    assert (tables(booster).scores([new]) == said_by_lightgbm(booster, new)).all()


@settings(deadline=None, max_examples=60)
@given(arrays.arrays(np.float64, (9, COLUMNS), elements=st.floats(-1e300, 1e300) | st.just(np.nan) | st.just(-0.0)))
def test_any_finite_or_unknown_number_goes_where_lightgbm_sends_it(new: np.ndarray) -> None:
    booster = TRAINED
    assert (tables(booster).scores([new]) == said_by_lightgbm(booster, new)).all()


TRAINED = fitted(3)


def test_blocks_and_their_order_in_memory_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    booster, new = fitted(3), customers(1_000, seed=4)
    whole = tables(booster).scores([new])
    assert (tables(booster).scores([new[:, :2], np.asfortranarray(new[:, 2:])]) == whole).all()
    monkeypatch.setattr(decision_tables, "_AT_ONCE", 300)
    assert (tables(booster).scores([new]) == whole).all()
    assert tables(booster).scores([new[:0]]).shape == (0, 3)


def test_trees_that_found_nothing_to_split_have_the_value_of_their_root() -> None:
    X = np.ones((50, COLUMNS))
    booster = LGBMClassifier(n_estimators=3, verbose=-1).fit(X, np.arange(50) % 5 > 0).booster_
    assert (tables(booster).scores([X]) == said_by_lightgbm(booster, X)).all()


def test_a_booster_that_was_stored_says_the_same() -> None:
    booster, new = fitted(), customers(500, seed=5)
    again = pickle.loads(pickle.dumps(booster))
    assert (tables(again).scores([new]) == tables(booster).scores([new])).all()


@pytest.mark.parametrize(
    "parameters",
    [{"num_leaves": 31}, {"linear_tree": True}, {"zero_as_missing": True}, {"boosting_type": "rf", "bagging_freq": 1,
     "bagging_fraction": 0.5}],
    ids=["many leaves", "linear leaves", "zero is unknown", "a mean instead of a sum"],
)  # fmt: skip
def test_trees_that_are_no_small_tables_are_left_to_lightgbm(parameters: dict[str, Any]) -> None:
    assert tables_of(fitted(**parameters)) is None


def test_categories_are_left_to_lightgbm() -> None:
    X = np.random.default_rng(0).integers(0, 5, (300, 1)).astype(float)
    trees = LGBMClassifier(n_estimators=3, verbose=-1, min_data_per_group=1, cat_smooth=1)
    assert tables_of(trees.fit(X, np.isin(X[:, 0], [1, 3]), categorical_feature=[0]).booster_) is None


def test_tables_are_made_once_for_a_booster(monkeypatch: pytest.MonkeyPatch) -> None:
    booster = fitted()
    first = tables_of(booster)
    monkeypatch.setattr(Booster, "dump_model", lambda *_: pytest.fail("made anew"))
    assert tables_of(booster) is first


def test_tables_are_made_for_many_rows_and_then_asked_for_fewer() -> None:
    booster = fitted()
    assert tables_of(booster, WORTH_MAKING - 1) is None
    made = tables_of(booster, WORTH_MAKING)
    assert made is not None
    assert tables_of(booster, WORTH_ASKING) is made
    assert tables_of(booster, WORTH_ASKING - 1) is None


def split(n: int, n_past: int) -> SplitMatrix:
    X, counts = customers(n, seed=6), np.random.default_rng(7).poisson(0.5, (n, 20)).astype(float)
    own = X[:, :n_past] if n_past else None
    return SplitMatrix(own, DenseColumns(X[:, n_past:]), sparse.csr_matrix(counts))


MODELS: dict[str, Callable[[], Any]] = {
    "dense": lambda: DenseBoosting(n_dense=COLUMNS),
    "tokens": lambda: TokenBoosting(n_dense=COLUMNS, least_tokens=9, most_tokens=9),
    "stacked": lambda: StackedClassifier(n_dense=COLUMNS, folds=2),
    "stacked on float32": lambda: StackedClassifier(boosting=TokenBoosting(), n_dense=COLUMNS, folds=2),
}


@pytest.mark.parametrize("n_past", [0, 2])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_classifiers_say_the_same_by_tables_and_by_lightgbm(
    monkeypatch: pytest.MonkeyPatch, name: str, n_classes: int, n_past: int
) -> None:
    X = split(500, n_past)
    pull = np.nan_to_num(X.dense[:, 1]) + 5 * X.tokens[:, :3].sum(axis=1).A1
    y = np.digitize(pull, np.quantile(pull, np.linspace(0, 1, n_classes + 1)[1:-1]))
    model = MODELS[name]().fit(X.tocsr(), y)
    by_lightgbm = model.decision_function(X)
    assert np.allclose(by_lightgbm, model.decision_function(X.tocsr()), rtol=1e-12, atol=1e-12)
    monkeypatch.setattr(decision_tables, "WORTH_MAKING", 1)
    monkeypatch.setattr(Booster, "predict", lambda *_, **__: pytest.fail("LightGBM was asked"))
    assert (model.decision_function(X) == by_lightgbm).all()


def test_numbers_between_two_of_float32_are_rounded_before_trees_that_learnt_from_float32_are_asked() -> None:
    X = split(500, 0)
    model = TokenBoosting(n_dense=COLUMNS, least_tokens=1, most_tokens=1).fit(
        X.tocsr(), X.tokens[:, :9].sum(axis=1).A1 > 4
    )
    conditions = [asked for asked in tables(model.booster_).conditions if asked.column < COLUMNS]
    new = np.tile(customers(1), (WORTH_MAKING, 1))
    for row, asked in enumerate(conditions):
        new[row, asked.column] = np.nextafter(asked.number, np.inf)
    blocks = [new, np.zeros((len(new), 1))]
    expected = model.booster_.predict(np.hstack(blocks).astype(np.float32), raw_score=True)
    assert (expected != model.booster_.predict(np.hstack(blocks), raw_score=True)).any()
    assert (model.decision_of(blocks) == expected).all()
