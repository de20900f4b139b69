"""What estimators say of the two blocks apart is what they say of the one matrix."""

import numpy as np
import pytest
from scipy import sparse

from pipeline.errors import ConfigError
from pipeline.model.blended import BlendedClassifier
from pipeline.model.boosting import DenseBoosting
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.linear import SparseLogistic
from pipeline.model.log_count_ratio import LogCountRatio
from pipeline.model.past_logistic import PastLogistic
from pipeline.model.split_matrix import DenseColumns, SplitMatrix
from pipeline.model.stacked import StackedClassifier
from pipeline.model.token_boosting import TokenBoosting
from pipeline.model.vector_ridge import VectorRidge

N, N_PAST, N_SHARED, N_VECTOR, N_TOKENS = 300, 2, 5, 2, 30
N_DENSE = N_PAST + N_SHARED


@pytest.fixture(scope="module")
def split() -> SplitMatrix:
    rng = np.random.default_rng(3)
    own, shared = rng.exponential(size=(N, N_PAST)), rng.normal(size=(N, N_SHARED))
    own[rng.random(own.shape) < 0.2] = np.nan
    shared[:, 0][rng.random(N) < 0.2] = np.nan
    counts = rng.poisson(0.3, (N, N_TOKENS)).astype(float)
    counts[0] = 0  # a customer without any token
    return SplitMatrix(own, DenseColumns(shared), sparse.csr_matrix(counts))


def labels(split: SplitMatrix, n_classes: int) -> np.ndarray:
    pull = split.shared.values[:, 1] + split.tokens[:, :3].sum(axis=1).A1
    return np.digitize(pull, np.quantile(pull, np.linspace(0, 1, n_classes + 1)[1:-1]))


MODELS = {
    "stacked": lambda: StackedClassifier(SparseLogistic(weighting="bm25"), n_dense=N_DENSE, folds=2),
    "boosting": lambda: DenseBoosting(n_dense=N_DENSE, n_estimators=20),
    "tokens": lambda: TokenBoosting(n_dense=N_DENSE, n_estimators=20, least_tokens=9, most_tokens=9),
    "large": lambda: DenseBoosting(n_dense=N_DENSE, n_estimators=20, large_from=N),
    "large tokens": lambda: TokenBoosting(n_dense=N_DENSE, n_estimators=20, large_from=N),
    "linear": lambda: SparseLogistic(n_dense=N_DENSE, weighting="bm25"),
    "unweighed": lambda: SparseLogistic(n_dense=N_DENSE),
    "presence": lambda: LogCountRatio(n_dense=N_DENSE),
    "past": lambda: PastLogistic(n_past=N_PAST),
    "vectors": lambda: VectorRidge(n_dense=N_DENSE, n_vector=N_VECTOR),
    "blended": lambda: BlendedClassifier(
        {"linear": SparseLogistic(weighting="bm25"), "past": PastLogistic(), "boosting": TokenBoosting()},
        n_dense=N_DENSE,
        n_vector=N_VECTOR,
        n_past=N_PAST,
        folds=2,
    ),
}


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("name", MODELS)
def test_the_blocks_apart_say_what_the_matrix_says(split: SplitMatrix, name: str, n_classes: int) -> None:
    model = MODELS[name]().fit(split.tocsr(), labels(split, n_classes))
    expected = model.predict_proba(split.tocsr())
    assert np.ptp(expected[:, 0]) > 0.05
    np.testing.assert_allclose(model.predict_proba(split), expected, rtol=0, atol=1e-12)


def test_a_certified_classifier_judges_the_same_customers_strange(split: SplitMatrix) -> None:
    model = CertifiedClassifier(MODELS["stacked"](), folds=2, novelty_level=0.1, n_dense=N_DENSE, n_past=N_PAST)
    model.fit(split.tocsr(), labels(split, 2))
    strange = model.unlike(split.tocsr())
    assert 0 < strange.sum() < N
    np.testing.assert_array_equal(model.unlike(split), strange)
    np.testing.assert_allclose(model.predict_proba(split), model.predict_proba(split.tocsr()), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(model.stated(split), model.stated(split.tocsr()))


def test_tokens_and_shared_columns_are_not_copied(split: SplitMatrix) -> None:
    assert split.after(N_DENSE) is split.tokens
    assert SplitMatrix(None, split.shared, split.tokens).leading(N_SHARED) is split.shared.values


def test_another_width_is_refused(split: SplitMatrix) -> None:
    model = DenseBoosting(n_dense=N_DENSE, n_estimators=2).fit(split.tocsr(), labels(split, 2))
    narrower = SplitMatrix(None, split.shared, split.tokens)
    with pytest.raises(ConfigError, match="DenseBoosting: fitted on 37 columns, but the matrix has 35"):
        model.predict_proba(narrower)
