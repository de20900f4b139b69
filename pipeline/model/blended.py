"""Several kinds of model, blended by what each is worth on customers it had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils.validation import validate_data

from pipeline.errors import ConfigError
from pipeline.model.blocks import FEATURE_CHECKS, Floats, Ints, Matrix, as_matrix, checked, encode_labels
from pipeline.model.boosting import DenseBoosting
from pipeline.model.crossfit import align_columns, decided_for, fold_numbers
from pipeline.model.linear import SparseLogistic
from pipeline.model.log_linear_pool import fit_weights

_LEAST = 1e-6  # a probability below is taken as this much


class BlendedClassifier(ClassifierMixin, BaseEstimator):
    """A weighted geometric mean of the members' probabilities, with weights fitted out of fold.

    1. Each member is cross-fitted; its out-of-fold probabilities become centred log-probabilities Z_m.
    2. The score of a class is the sum of w_m Z_m plus an intercept. Weights w_m >= 0, shared by the classes, and
       intercepts are fitted by maximum likelihood with a ridge that draws the weights to 1 / M, M being the number
       of members: on few labels the blend is nearly an equal one, which never hurt much; on many the members that know
       more decide (stacked generalization, Wolpert 1992, Neural Networks 5, 241-259; non-negative weights after
       Breiman 1996, Machine Learning 24, 49-64; the log-linear pool: Genest, Zidek 1986, Statistical Science 1).
    3. Each member is refitted on all customers.

    Since no member reads another's output, `fit_out_of_fold` has honest predictions of the whole blend at
    no further cost: rows of a fold are blended with weights fitted on the other folds.

    Parameters
    ----------
    members
        Classifiers by name; None: `SparseLogistic` and `DenseBoosting`. The `n_dense`, `n_vector` and `n_past` of each
        are set by the blend.
    n_dense
        Number of leading dense columns; None: every column is dense, or a token, as each member takes it.
    n_vector
        How many of these, the last ones, are the behaviour vector; None: all. Who reads only it is left out at 0.
    n_past
        How many, the first ones, are the attribute's own past; None: all. Who reads only it is left out at 0.
    folds
        Folds of the cross-fitting in `fit`.
    shrinkage
        Strength of the ridge, in customers: about so many labels weigh as much as equal weights.
    random_state
        Seed of the folds. The members have seeds of their own.

    Attributes
    ----------
    classes_ : (n_classes,)
    members_ : fitted members by name; one without any column to read is left out
    weights_ : (n_members,)
    intercept_ : (n_classes,)
    n_features_in_ : number of columns of X

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = np.hstack([rng.normal(size=(200, 1)), rng.random((200, 2))])  # one dense column, two tokens
    >>> y = X[:, 0] + X[:, 1] > 0.5
    >>> BlendedClassifier(n_dense=1).fit(X, y).predict([[-2.0, 0.1, 0.5], [2.0, 0.9, 0.5]])
    array([False,  True])
    """

    reads_blocks = True

    def __init__(
        self,
        members: Mapping[str, Any] | None = None,
        n_dense: int | None = None,
        n_vector: int | None = None,
        folds: int = 5,
        shrinkage: float = 5.0,
        random_state: int = 0,
        n_past: int | None = None,
    ) -> None:
        self.members = members
        self.n_dense = n_dense
        self.n_vector = n_vector
        self.folds = folds
        self.shrinkage = shrinkage
        self.random_state = random_state
        self.n_past = n_past

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; `deep`: with the members' own, as `<member>__<parameter>`."""
        params = super().get_params(deep=False)
        named = self.members.items() if deep and isinstance(self.members, Mapping) else ()
        for name, member in named:
            params |= {name: member} | {f"{name}__{key}": value for key, value in member.get_params().items()}
        return params

    def fit(self, X: Matrix, y: Any) -> BlendedClassifier:
        """Fit on features `X` (n, n_features) and labels `y` (n,)."""
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        _, y_index = encode_labels(y, type(self).__name__)
        self._cross_fit(X, y, fold_numbers(y_index, self.folds, self.random_state))
        return self

    def fit_out_of_fold(self, X: Matrix, y: Any, folds: Ints) -> Floats:
        """Fit on everything; return out-of-fold probabilities, shape (n, n_classes).

        The probabilities of a fold's rows come from members fitted on the other folds and from weights
        fitted on the other folds' scores. Those scores are of members that did see the fold's rows: an influence
        through as many numbers as there are members and classes.

        Parameters
        ----------
        folds
            Fold of each row, shape (n,); the fold numbers need not be consecutive.
        """
        X, y = validate_data(self, X, y, **FEATURE_CHECKS)
        scores, y_index = self._cross_fit(X, y, folds)
        blended = np.empty_like(scores[0])
        for fold in np.unique(folds):
            test = folds == fold
            weights, intercept = fit_weights(scores[:, ~test], y_index[~test], self.shrinkage)
            blended[test] = np.tensordot(weights, scores[:, test], axes=1) + intercept
        return np.asarray(softmax(blended, axis=1))

    def _cross_fit(self, X: Matrix, y: Any, folds: Ints) -> tuple[Floats, Ints]:
        """Fit members and blend; return the out-of-fold scores (n_members, n, n_classes) and the class indices."""
        self.classes_, y_index = encode_labels(y, type(self).__name__)
        made = {name: decided_for(member, len(y_index)) for name, member in self._make(X.shape[1]).items()}
        out = {name: np.empty((len(y_index), len(self.classes_))) for name in made}
        for fold in np.unique(folds):
            test, train = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
            present = np.unique(y_index[train])
            X_train, X_test = X[train], X[test]
            for name, member in made.items():
                part = np.ones((len(test), 1))
                if len(present) > 1:
                    part = clone(member).fit(X_train, y_index[train]).predict_proba(X_test)
                out[name][test] = align_columns(part, present, len(self.classes_))
        scores = np.stack([_centred(proba) for proba in out.values()])
        self.members_ = {name: clone(member).fit(X, y_index) for name, member in made.items()}
        self.weights_, self.intercept_ = fit_weights(scores, y_index, self.shrinkage)
        return scores, y_index

    def decision_function(self, X: Matrix) -> Floats:
        """Return log-odds of the second class (n,) for two classes, else scores (n, n_classes).

        The softmax of the scores is the probability.
        """
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict_proba(self, X: Matrix) -> Floats:
        """Return probabilities (n, n_classes); rows sum to 1."""
        return np.asarray(softmax(self._scores(X), axis=1))

    def predict(self, X: Matrix) -> NDArray[Any]:
        """Return the most probable class of each row."""
        best = self._scores(X).argmax(axis=1)
        return self.classes_[best]

    def contributions(self, X: Matrix, class_index: int) -> Matrix:
        """Return the members' contributions, weighed as in the blend, shape (n, n_features_in_), sparse if `X` is.

        For two classes in log-odds of the class, exact but for members whose own are approximate. For more, a
        member's contributions to its score of the class.
        """
        X = self._checked(X)
        total: Any = sparse.csr_array(X.shape) if sparse.issparse(X) else np.zeros(X.shape)
        for weight, member in zip(self.weights_, self.members_.values(), strict=True):
            if weight > 0 and hasattr(member, "contributions"):
                total = total + weight * member.contributions(X, class_index)
        return total

    def _make(self, n_features: int) -> dict[str, Any]:
        """Return unfitted members that have something to read."""
        members = (
            self.members if self.members is not None else {"linear": SparseLogistic(), "boosting": DenseBoosting()}
        )
        made = {}
        for name, member in members.items():
            copy = clone(member)
            own = copy.get_params()
            copy.set_params(**{key: getattr(self, key) for key in ("n_dense", "n_vector", "n_past") if key in own})
            if self._has_input(copy, own, n_features):
                made[name] = copy
        if not made:
            raise ConfigError(
                f"BlendedClassifier: none of the members {', '.join(members) or '(none is given)'} has a column to "
                f"read among {n_features}: n_dense={self.n_dense}, n_vector={self.n_vector}, n_past={self.n_past}"
            )
        return made

    def _has_input(self, member: Any, parameters: Mapping[str, Any], n_features: int) -> bool:
        """Tell whether there is any column for a member to read."""
        if any(key in parameters and getattr(self, key) == 0 for key in ("n_vector", "n_past")):
            return False
        if "n_dense" not in parameters or self.n_dense is None:
            return True
        return (n_features - self.n_dense if getattr(member, "reads_tokens", False) else self.n_dense) > 0

    def _scores(self, X: Matrix) -> Floats:
        X = self._checked(X)
        scores = np.stack([_centred(member.predict_proba(as_matrix(X, member))) for member in self.members_.values()])
        return np.asarray(np.tensordot(self.weights_, scores, axes=1) + self.intercept_)

    def _checked(self, X: Matrix) -> Matrix:
        return checked(self, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # Without a split of the columns the linear members read them all, and they take no NaN.
        tags.input_tags.allow_nan = self.n_dense is not None
        return tags


def _centred(proba: Floats) -> Floats:
    """Return log-probabilities less their mean over the classes."""
    logs = np.log(np.clip(proba, _LEAST, 1.0))
    return np.asarray(logs - logs.mean(axis=1, keepdims=True))
