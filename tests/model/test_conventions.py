"""Every estimator follows scikit-learn's conventions, checked by scikit-learn itself."""

from sklearn.utils.estimator_checks import parametrize_with_checks

from pipeline.model.blended import BlendedClassifier
from pipeline.model.boosting import DenseBoosting
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.linear import SparseLogistic
from pipeline.model.log_count_ratio import LogCountRatio
from pipeline.model.past_logistic import PastLogistic
from pipeline.model.stacked import StackedClassifier
from pipeline.model.token_boosting import TokenBoosting
from pipeline.model.vector_ridge import VectorRidge

# Fewer trees and folds than by default: the checks fit each estimator some 60 times.
ESTIMATORS = [
    SparseLogistic(),
    SparseLogistic(weighting="bm25"),
    VectorRidge(),
    PastLogistic(),
    DenseBoosting(),
    LogCountRatio(),
    TokenBoosting(n_estimators=20),
    BlendedClassifier({"linear": SparseLogistic(), "boosting": DenseBoosting(n_estimators=20)}, folds=3),
    StackedClassifier(boosting=DenseBoosting(n_estimators=20), folds=3),
    CertifiedClassifier(SparseLogistic(), folds=3),
    CertifiedClassifier(SparseLogistic(), folds=3, holdout_from=2),
]


def expected(estimator):
    if getattr(estimator, "weighting", None) is None:
        return {}
    return {"check_decision_proba_consistency": "predicts negative numbers, which are no counts"}


# The array-API check skips itself unless SCIPY_ARRAY_API is set: features are NumPy or SciPy here.
@parametrize_with_checks(ESTIMATORS, expected_failed_checks=expected)
def test_follows_scikit_learn(estimator, check):
    check(estimator)
