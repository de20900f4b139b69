import numpy as np
import pytest
from scipy import sparse

from pipeline.errors import ConfigError, ModelError
from pipeline.model.blocks import LabelError, dense_block, encode_labels, token_block, with_other_block

X = np.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_matrix, sparse.csr_array])
def test_blocks_split_the_columns_and_join_again(kind):
    dense, tokens = dense_block(kind(X), 1), token_block(kind(X), 1)
    np.testing.assert_array_equal(dense, X[:, :1])
    joined = with_other_block(dense, 0, 3) + with_other_block(tokens, 1, 0)
    np.testing.assert_array_equal(joined.toarray() if sparse.issparse(joined) else joined, X)


def test_without_a_split_every_column_plays_every_role():
    np.testing.assert_array_equal(dense_block(sparse.csr_matrix(X), None), X)
    np.testing.assert_array_equal(token_block(X, None), X)


def test_a_split_beyond_the_columns_is_refused():
    with pytest.raises(ConfigError, match="n_dense=5, but the feature matrix has 4 columns"):
        dense_block(X, 5)


def test_a_single_class_is_a_clear_error_of_both_families():
    with pytest.raises(LabelError, match="at least two classes; all 3 labels are of one class: 'yes'"):
        encode_labels(np.array(["yes"] * 3), "Model")
    assert issubclass(LabelError, ModelError)
    assert issubclass(LabelError, ValueError)
