"""Classifiers that turn one feature matrix into probabilities, and certify what may be stated.

`linear`, `log_count_ratio`, `vector_ridge`, `boosting`, `token_boosting`, `stacked` and `blended` are
scikit-learn classifiers (with many labels both kinds of boosting learn by `large_boosting`, which pools trees with the
networks of `network`); `certified` wraps any of them so that its probabilities are calibrated (`calibration`) and a
value is stated only where its precision is certified (`certification`).

All of them take one matrix `X` of shape (n_customers, n_features), float64 or float32, dense or SciPy
CSR. The first `n_dense` columns are dense features (aggregates, components of the behaviour vector) in
which NaN means unknown; the others are counts of tokens, without NaN, which each model weighs as it needs.
"""
