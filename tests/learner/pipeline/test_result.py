"""Names in results, and rows for predictions."""

import numpy as np
import pytest

import limbeck


def test_names_of_columns(rooms):
    pandas = pytest.importorskip("pandas")
    X, y = rooms
    frame = pandas.DataFrame({"rooms": X[:, 0], "age": X[:, 1], "old": X[:, 1] > 60})
    found = limbeck.learn(frame, pandas.Series(y, name="price"), 1, inputs="any")
    assert found.feature_names == ("rooms", "age", "old")
    assert found.target_name == "price"
    plain = limbeck.learn(frame.to_numpy(float), y, 1, inputs="any")
    assert plain.network == found.network
    assert plain.feature_names == ("x0", "x1", "x2")
    assert limbeck.learn(frame.assign(town="A"), y, 1, inputs="any").encoding.left_out == {"town": "always the same"}
    with pytest.raises(ValueError, match="same row labels in another order"):
        limbeck.learn(frame, pandas.Series(y).sample(frac=1.0, random_state=0))


def test_predictions_match_columns_by_name(rooms):
    pandas = pytest.importorskip("pandas")
    X, y = rooms
    frame = pandas.DataFrame(X, columns=["rooms", "age"])
    found = limbeck.learn(frame, y, 1, inputs="any")
    wanted = found.network(X)
    np.testing.assert_array_equal(found.predict(X), wanted)
    np.testing.assert_array_equal(found.predict(frame[["age", "rooms"]].assign(other="text")), wanted)
    with pytest.raises(ValueError, match="X lacks the column 'age'"):
        found.predict(frame[["rooms"]])
    assert limbeck.learn(pandas.DataFrame(X), y, 1, inputs="any").feature_names == ("x[0]", "x[1]")


def test_row_labels_of_any_kind():
    rng = np.random.default_rng(0)
    pandas = pytest.importorskip("pandas")
    X, y = rng.standard_normal((20, 2)), rng.standard_normal(20)
    labels = [*range(10), *"abcdefghij"]
    frame = pandas.DataFrame(X, index=labels)
    with pytest.raises(ValueError, match="X and y have the same row labels"):
        limbeck.learn(frame, pandas.Series(y, index=labels[::-1]))
    with pytest.raises(ValueError, match="X and sample_weight have the same row labels"):
        limbeck.learn(frame, y, sample_weight=pandas.Series(np.ones(20), index=labels[::-1]))


@pytest.mark.parametrize(
    ("names", "error", "text"),
    [
        ("ab", TypeError, "feature_names must be a sequence of str"),
        (["a", 3], TypeError, "feature_names must be a sequence of str"),
        (5, TypeError, "feature_names must be a sequence of str"),
        ({"a", "b"}, TypeError, "feature_names must be a sequence of str"),
        ((name for name in "ab"), TypeError, "feature_names must be a sequence of str"),
        (["a"], ValueError, "one name for each of 2 features, got 1"),
    ],
)
def test_names_that_cannot_be(rooms, names, error, text):
    with pytest.raises(error, match=text):
        limbeck.learn(*rooms, feature_names=names)
    with pytest.raises(TypeError, match="target_name must be a str"):
        limbeck.learn(*rooms, target_name=3)
