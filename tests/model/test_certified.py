import pickle

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier

from pipeline.errors import ConfigError, ModelError
from pipeline.metrics import ece
from pipeline.model.blocks import LabelError
from pipeline.model.certification import certify, stated_values
from pipeline.model.certified import CertifiedClassifier
from pipeline.model.crossfit import fold_numbers, out_of_fold
from pipeline.model.linear import SparseLogistic
from pipeline.model.stacked import StackedClassifier

N_WORLDS = 200


def draw(rng, n, slope=1.3):
    """Return two features of which the first tells, and labels; stating is right for some only."""
    X = rng.normal(size=(n, 2))
    y = (rng.random(n) < 1 / (1 + np.exp(-slope * X[:, 0]))).astype(int)
    return X, y


@pytest.mark.parametrize(("holdout_from", "n"), [(10**9, 250), (2, 1200)])
def test_what_is_stated_is_too_imprecise_in_at_most_a_tenth_of_worlds(holdout_from, n):
    rng = np.random.default_rng(5)
    X_all, y_all = draw(rng, 50_000)
    violations, stated_something = np.zeros(2), 0
    for world in range(N_WORLDS):
        model = CertifiedClassifier(GaussianNB(), holdout_from=holdout_from, random_state=world)
        stated = model.fit(*draw(rng, n)).stated(X_all)
        for value in (0, 1):
            said = stated == value
            violations[value] += said.any() and (y_all[said] == value).mean() < 0.8
        stated_something += (stated >= 0).any()
    slack = 3 * np.sqrt(0.1 * 0.9 / N_WORLDS)
    assert (violations / N_WORLDS <= 0.1 + slack).all()
    assert stated_something > 0.3 * N_WORLDS


def test_the_same_worlds_catch_a_model_certified_on_its_own_training_data():
    # A nearest neighbour is always right about customers it has seen: certifying there means nothing.
    rng = np.random.default_rng(5)
    X, y = draw(rng, 250)
    X_all, y_all = draw(rng, 20_000)
    model = KNeighborsClassifier(1).fit(X, y)
    proba = model.predict_proba(X)
    own = [certify(proba[proba.argmax(1) == c, c], y[proba.argmax(1) == c] == c).threshold for c in (0, 1)]
    stated = stated_values(model.predict_proba(X_all), own)
    assert (y_all[stated >= 0] == stated[stated >= 0]).mean() < 0.75
    honest = CertifiedClassifier(KNeighborsClassifier(1)).fit(X, y)
    assert (honest.stated(X_all) == -1).all()


def test_no_label_reaches_its_own_clean_probability():
    # Labels are noise: any clean probability that knew its label would be better than chance.
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 40)), rng.integers(0, 2, 400)
    model = CertifiedClassifier(LogisticRegression(C=1e3, max_iter=1000)).fit(X, y)
    assert (model.clean_proba_.argmax(axis=1) == y).mean() < 0.58
    assert (model.predict(X) == y).mean() > 0.6
    assert not any(c.certified for c in model.certificates_)


def test_clean_probabilities_leave_the_fold_out_of_the_calibrator(world):
    X, y = world(0)
    model = CertifiedClassifier(SparseLogistic(n_dense=8), calibration="isotonic").fit(X, y)
    raw = out_of_fold(SparseLogistic(n_dense=8), X, y, fold_numbers(y, 5, 0))
    assert not np.allclose(model.clean_proba_, model.calibrator_.transform(raw))


def test_held_out_mode_certifies_the_deployed_model_on_customers_it_has_not_seen():
    X, y = draw(np.random.default_rng(0), 2000)
    model = CertifiedClassifier(GaussianNB(), holdout_from=2000).fit(X, y)
    assert model.certification_ == "held-out"
    assert len(model.clean_y_) == 500
    held_out = np.sort(np.random.default_rng(0).permutation(2000)[:500])
    np.testing.assert_array_equal(model.clean_proba_, model.predict_proba(X[held_out]))
    train = np.setdiff1d(np.arange(2000), held_out)
    np.testing.assert_allclose(model.estimator_.theta_, GaussianNB().fit(X[train], y[train]).theta_)
    below = CertifiedClassifier(GaussianNB(), holdout_from=2001).fit(X, y)
    assert below.certification_ == "cross-fitted"
    assert len(below.clean_y_) == 2000


def test_probabilities_are_calibrated():
    rng = np.random.default_rng(0)
    X, y = draw(rng, 3000)
    X = np.hstack([X] * 4)  # naive Bayes counts the same evidence four times
    X_new, y_new = draw(rng, 3000)
    X_new = np.hstack([X_new] * 4)
    raw = GaussianNB().fit(X, y).predict_proba(X_new)
    calibrated = CertifiedClassifier(GaussianNB()).fit(X, y).predict_proba(X_new)
    assert ece(y_new, calibrated) < 0.5 * ece(y_new, raw)


def test_string_and_integer_labels_are_one_and_the_same(world):
    X, y = world(0)
    ints = CertifiedClassifier(SparseLogistic()).fit(X, y)
    names = CertifiedClassifier(SparseLogistic()).fit(X, np.array(["no", "yes"])[y])
    np.testing.assert_array_equal(ints.stated(X), names.stated(X))
    assert names.predict(X[:1])[0] in {"no", "yes"}
    assert names.certificates_ == ints.certificates_


@pytest.mark.parametrize("estimator", [SparseLogistic(), StackedClassifier(n_dense=8)])
@pytest.mark.parametrize("holdout_from", [10**9, 2])
def test_a_class_with_a_single_customer_is_never_stated(world, estimator, holdout_from):
    X, y = world(0, n=200)
    y = y.copy()
    y[7] = 2
    model = CertifiedClassifier(estimator, holdout_from=holdout_from).fit(X, y)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.thresholds_[2] == np.inf
    assert (model.stated(X) != 2).all()
    assert model.contributions(X[:2], 2).shape == (2, 208)


def test_same_seed_same_model_and_a_saved_model_answers_alike(world):
    X, y = world(0)
    first = CertifiedClassifier(StackedClassifier(n_dense=8)).fit(X, y)
    second = pickle.loads(pickle.dumps(CertifiedClassifier(StackedClassifier(n_dense=8)).fit(X, y)))
    np.testing.assert_array_equal(first.predict_proba(X), second.predict_proba(X))
    assert first.certificates_ == second.certificates_
    one_by_one = np.vstack([first.predict_proba(X[i]) for i in range(5)])
    np.testing.assert_allclose(one_by_one, first.predict_proba(X[:5]), atol=1e-12)


def test_a_prior_states_only_what_is_common_and_explains_nothing(world):
    X, _ = world(0)
    y = np.where(np.arange(500) % 10 < 9, "stays", "lapses")  # 90 % and 10 %
    model = CertifiedClassifier(DummyClassifier(strategy="prior")).fit(X, y)
    assert (model.stated(X) == 1).all()
    assert model.classes_[1] == "stays"
    assert abs(model.contributions(X[:3], 1)).sum() == 0


def test_a_single_class_and_a_single_customer_are_clear_errors():
    with pytest.raises(LabelError, match="at least two classes; all 2 labels are of one class"):
        CertifiedClassifier(GaussianNB()).fit([[0.0], [1.0]], ["a", "a"])
    y = np.array([0] * 7 + [1])
    seed = next(s for s in range(99) if 7 in np.random.default_rng(s).permutation(8)[:2])
    with pytest.raises(ModelError, match="after the hold-out only one class is left"):
        CertifiedClassifier(GaussianNB(), holdout_from=2, random_state=seed).fit(np.eye(8), y)


def test_customers_unlike_the_training_customers_get_no_statement_and_certify_none():
    rng = np.random.default_rng(0)
    X, y = draw(rng, 600, slope=4)
    X[:6] *= 100  # a hundredth of the customers, of whom nothing is known
    model = CertifiedClassifier(LogisticRegression(), novelty_level=0.02).fit(X, y)
    assert not model.clean_like_[:6].any()
    assert model.clean_like_.mean() == pytest.approx(0.98, abs=0.01)
    assert sum(found.n_likeliest for found in model.evidence_) == model.clean_like_.sum()
    strange, usual = np.array([[300.0, 0.0]]), np.array([[2.0, 0.0]])
    assert model.stated(strange).tolist() == [-1]
    assert model.stated(usual).tolist() == [1]
    assert CertifiedClassifier(LogisticRegression()).fit(X, y).stated(strange).tolist() == [1]


def test_held_out_customers_are_judged_by_a_detector_that_has_not_seen_them():
    X, y = draw(np.random.default_rng(0), 2000)
    model = CertifiedClassifier(GaussianNB(), holdout_from=2000, novelty_level=0.05).fit(X, y)
    held_out = np.sort(np.random.default_rng(0).permutation(2000)[:500])
    np.testing.assert_array_equal(model.clean_like_, ~model.unlike(X[held_out]))
    assert len(model.novelty_.scores_) == 1500


def test_what_is_certified_for_more_needs_more_evidence():
    X, y = draw(np.random.default_rng(4), 250)
    scopes = ("value", "attribute", "catalogue")
    by_scope = {scope: CertifiedClassifier(GaussianNB(), certified_for=scope).fit(X, y) for scope in scopes}
    thresholds = np.array([by_scope[scope].thresholds_ for scope in scopes])
    assert (thresholds[1] >= thresholds[0]).all()
    alone = by_scope["catalogue"]
    level = alone.levels_[0].catalogue
    assert [c.certified for c in alone.certificates_] == [e.p_value <= level for e in alone.evidence_]
    # In a catalogue in which nothing passes, nothing is stated; a value by itself does not care.
    assert not any(c.certified for c in alone.certify_in_catalogue(0.0).certificates_)
    before = by_scope["value"].certificates_
    assert by_scope["value"].certify_in_catalogue(0.0).certificates_ == before


def test_weights_of_one_certify_as_none_do():
    X, y = draw(np.random.default_rng(1), 400, slope=3)
    plain, weighed = CertifiedClassifier(GaussianNB()).fit(X, y), CertifiedClassifier(GaussianNB())
    weighed.fit(X, y, certify_weight=np.ones(400))
    assert weighed.certificates_ == plain.certificates_
    assert plain.certificates_[1].certified
    assert plain.clean_like_.all()


def test_customers_of_no_weight_certify_nothing_but_are_learnt_from():
    X, y = draw(np.random.default_rng(1), 400, slope=3)
    plain = CertifiedClassifier(GaussianNB()).fit(X, y)
    model = CertifiedClassifier(GaussianNB()).fit(X, y, certify_weight=np.zeros(400))
    assert plain.certificates_[1].certified
    assert not any(certificate.certified for certificate in model.certificates_)
    assert model.set_cut_ == 0  # nothing is ruled out
    np.testing.assert_array_equal(model.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize(
    ("weight", "told"),
    [
        (np.full(400, 1.5), r"expected 400 numbers from 0 to 1, found shape \(400,\) from 1.5 to 1.5"),
        (np.full(400, np.nan), "from nan to nan"),
        (np.ones(399), r"found shape \(399,\)"),
    ],
)
def test_weights_that_cannot_be_meant_are_refused(weight, told):
    X, y = draw(np.random.default_rng(1), 400)
    with pytest.raises(ConfigError, match=told):
        CertifiedClassifier(GaussianNB()).fit(X, y, certify_weight=weight)


def test_nothing_is_stated_out_of_reach():
    X, y = draw(np.random.default_rng(1), 400, slope=3)
    # Whoever has a low second feature never answered.
    answering = LogisticRegression(C=1e6).fit(X, X[:, 1] > -1)
    model = CertifiedClassifier(GaussianNB()).fit(X, y, answering=answering, least_propensity=0.5)
    everyone = CertifiedClassifier(GaussianNB()).fit(X, y)
    beyond = model.out_of_reach(X)
    assert beyond.tolist() == (answering.predict_proba(X)[:, 1] < 0.5).tolist()
    assert 0 < beyond.sum() < 100
    np.testing.assert_array_equal(model.stated(X), np.where(beyond, -1, everyone.stated(X)))
    assert not everyone.out_of_reach(X).any()


def test_who_is_like_the_training_customers_is_not_judged_by_the_own_past():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 6)), rng.integers(0, 2, 400)
    model = CertifiedClassifier(LogisticRegression(), folds=3, novelty_level=0.01, n_dense=6, n_past=2).fit(X, y)
    past, others = np.zeros((1, 6)), np.zeros((1, 6))
    past[:, :2], others[:, 2:] = 1000.0, 1000.0
    assert model.unlike(past).tolist() == [False]
    assert model.unlike(others).tolist() == [True]
