"""Data frames of every library: columns are matched by name or refused, and rows that do not go together, too."""

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import limbeck
from limbeck import blocks, moments, ridgeless
from limbeck._base.frames import require_same_order
from limbeck.distillation import advise
from limbeck.estimators import NarrowReLURegressor, RidgelessRegressor

NAMES = ("rent", "a b", "Ä", "x1")


class Duck:
    """A frame of a library that nobody knows: columns with names, and an array."""

    def __init__(self, values, columns):
        self._values, self.columns = values, list(columns)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype)


def structured(X, names):
    return np.array([tuple(row) for row in X], dtype=[(name, np.float64) for name in names])


def table(X, names):
    return pa.table([pa.array(column) for column in X.T], names=list(names))


KINDS = {
    "pandas": lambda X, names: pd.DataFrame(X, columns=list(names)),
    "polars": lambda X, names: pl.DataFrame(X, schema=list(names), orient="row"),
    "arrow table": table,
    "record batch": lambda X, names: table(X, names).combine_chunks().to_batches()[0],
    "structured": structured,
    "duck": Duck,
}
SAME_NAME_TWICE = ("pandas", "arrow table", "record batch", "duck")  # the others refuse it themselves
CHANGES = ("none", "permuted", "renamed", "missing", "extra", "extra permuted", "array")


def changed(X, names, change, rng):
    """Columns and names after a change that another file may have, and whether all the names are there."""
    order = np.arange(len(names))
    if "permuted" in change:
        while (order == np.arange(len(names))).all():
            order = rng.permutation(len(names))
    X, names = X[:, order], [names[j] for j in order]
    if "extra" in change:
        at = int(rng.integers(len(names) + 1))
        X, names = np.insert(X, at, rng.standard_normal(len(X)), axis=1), [*names[:at], "extra", *names[at:]]
    if change == "renamed":
        names[int(rng.integers(len(names)))] = "other"
    if change == "missing":
        at = int(rng.integers(len(names)))
        X, names = np.delete(X, at, axis=1), [*names[:at], *names[at + 1 :]]
    return np.ascontiguousarray(X), names


class Draw:
    """Rows and labels, and tables of them of two kinds, the second one changed."""

    def __init__(self, rng, kind, other, change):
        self.d = int(rng.integers(2, 5))
        names = [str(name) for name in rng.permutation(NAMES)[: self.d]]
        self.X = rng.uniform(-1, 1, (40, self.d))
        self.y = self.X @ np.arange(1, 1 + self.d) + np.abs(self.X[:, 0]) + 0.01 * rng.standard_normal(40)
        self.change, self.names = change, tuple(names)
        self.frame = KINDS[kind](self.X, names)
        if change == "array":
            self.other = self.X
        else:
            self.other = KINDS[other](*changed(self.X, names, change, rng))
        self.rng = rng

    def right(self, call, expected, extra_is_left_out, permuted_is_matched=True):
        """The call gives what is expected, or raises a ValueError where it must."""
        refused = self.change in ("renamed", "missing")
        refused |= "extra" in self.change and not extra_is_left_out
        refused |= "permuted" in self.change and not permuted_is_matched
        if refused:
            with pytest.raises(ValueError, match=r"lacks the column|columns of X are|feature names should match"):
                call()
        else:
            # The same numbers in the same order, but that a matrix may have passed through QR in another order.
            np.testing.assert_allclose(call(), expected, rtol=1e-9, atol=1e-9)


def predict(draw):
    found = limbeck.learn(draw.frame, draw.y, 1, inputs="any", validation=0.0)
    assert found.feature_names == draw.names
    plain = limbeck.learn(draw.X, draw.y, 1, inputs="any", validation=0.0)
    assert plain.network == found.network
    draw.right(lambda: found.predict(draw.other), plain.predict(draw.X), extra_is_left_out=True)


def solve(draw):
    found = ridgeless.solve(draw.frame, draw.y, intercept="centred")
    assert found.feature_names == draw.names
    plain = ridgeless.solve(draw.X, draw.y, intercept="centred")
    assert (plain.coef == found.coef).all()
    draw.right(lambda: found.predict(draw.other), plain.predict(draw.X), extra_is_left_out=True)


def accumulate(draw):
    total = ridgeless.Accumulator(draw.d)
    total.update(draw.frame, draw.y)

    def coef():
        total.update(draw.other, 2 * draw.y)
        found = total.solve()
        assert found.feature_names == draw.names
        return found.coef

    twice = ridgeless.solve(np.vstack([draw.X, draw.X]), np.concatenate([draw.y, 2 * draw.y]))
    draw.right(coef, twice.coef, extra_is_left_out=False)


def add(draw):
    one, other = ridgeless.Accumulator(draw.d), ridgeless.Accumulator(draw.d + ("extra" in draw.change))
    other = ridgeless.Accumulator(np.shape(np.asarray(draw.other))[-1] if draw.change == "extra" else draw.d)
    one.update(draw.frame, draw.y)
    if draw.change in ("missing", "extra", "extra permuted"):
        return
    other.update(draw.other, 2 * draw.y)
    twice = ridgeless.solve(np.vstack([draw.X, draw.X]), np.concatenate([draw.y, 2 * draw.y]))
    draw.right(lambda: (one + other).solve().coef, twice.coef, False, permuted_is_matched=False)


def accumulate_targets(draw):
    total = ridgeless.Accumulator(2, draw.d)
    rows = draw.rng.standard_normal((40, 2))
    total.update(rows, draw.frame)

    def coef():
        try:
            total.update(rows, draw.other)
        except ValueError as error:
            raise ValueError(str(error).replace("columns of Y are", "columns of X are")) from None
        return total.solve().coef

    draw.right(coef, ridgeless.solve(rows, draw.X).coef, extra_is_left_out=False)


def sum_moments(draw):
    total = moments.MomentAccumulator(np.eye(draw.d)[:1], [2])
    total.update(draw.frame, draw.y)

    def matrices():
        total.update(draw.other, draw.y)
        return total.matrices(2)

    draw.right(matrices, moments.contract(draw.X, draw.y, np.eye(draw.d)[:1], 2), extra_is_left_out=False)


def contract(draw):
    expected = moments.contract_to_vector(draw.X, draw.y, draw.X[:3], 3)
    directions = draw.other[:3] if isinstance(draw.other, np.ndarray | pd.DataFrame | pl.DataFrame) else None
    if directions is None:
        return

    def vectors():
        try:
            return moments.contract_to_vector(draw.frame, draw.y, directions, 3)
        except ValueError as error:
            raise ValueError(str(error).replace("columns of directions are", "columns of X are")) from None

    draw.right(vectors, expected, extra_is_left_out=False)


def learn_blocks(draw):
    pairs = [(draw.frame, draw.y), (draw.other, draw.y)]
    if draw.change == "array":
        with pytest.raises(ValueError, match="block 1: the columns of X are None"):
            limbeck.learn(pairs, width=1, inputs="any")
        return
    plain = limbeck.learn(np.vstack([draw.X, draw.X]), np.concatenate([draw.y, draw.y]), 1, inputs="any")

    def values():
        try:
            found = limbeck.learn(pairs, width=1, inputs="any")
        except ValueError as error:
            raise ValueError(str(error).replace("X has", "columns of X are")) from None
        assert found.feature_names == draw.names
        return found.predict(draw.frame)

    draw.right(values, plain.predict(draw.X), False, permuted_is_matched=False)


def estimate(draw):
    if any(isinstance(part, Duck) for part in (draw.frame, draw.other)) or draw.change == "array":
        return  # scikit-learn sees no names in ducks, and warns of an array after a frame
    model = RidgelessRegressor().fit(draw.frame, draw.y)
    assert tuple(model.feature_names_in_) == draw.names

    def values():
        try:
            return model.predict(draw.other)
        except ValueError as error:
            raise ValueError(str(error).replace("X has", "columns of X are")) from None

    plain = RidgelessRegressor().fit(draw.X, draw.y)
    draw.right(values, plain.predict(draw.X), False, permuted_is_matched=False)


def by_position(draw):
    """What has one table alone gives for it what it gives for its array."""
    X, y = np.asarray(KINDS["pandas"](draw.X, draw.names)), draw.y
    network = limbeck.ReLUNetwork(np.eye(draw.d), np.ones(draw.d))
    calls = [
        network,
        lambda X: ridgeless.leave_one_out(X, y, intercept="centred"),
        lambda X: ridgeless.generalized_cross_validation(X, y),
        lambda X: moments.weighted_grams(X, y[:, None]),
        lambda X: moments.contract(X, y, np.eye(draw.d), 4),
        lambda X: moments.contract_to_scalar(X, y, np.eye(draw.d), [1, 2]),
        lambda X: moments.contract_apply(X, y, np.eye(draw.d), 2, np.eye(draw.d)),
        lambda X: moments.moment_tensor(X, y, 2),
        lambda X: advise(X, y, 1.1 * y).strong_error,
        lambda X: ridgeless.solve(y[:, None], X).coef,
    ]
    for call in calls:
        np.testing.assert_array_equal(call(draw.frame), call(X))


TRIPS = [
    predict,
    solve,
    accumulate,
    add,
    accumulate_targets,
    sum_moments,
    contract,
    learn_blocks,
    estimate,
    by_position,
]


def few_pairs():
    """Kinds and changes: pandas with all, every change with another kind besides, and every kind with one."""
    for i, kind in enumerate(KINDS):
        for j, change in enumerate(CHANGES):
            few = kind == "pandas" or (j - i) % 5 == 0
            yield pytest.param(kind, change, marks=() if few else pytest.mark.slow)


@pytest.mark.parametrize(("kind", "change"), list(few_pairs()))
def test_columns_are_matched_by_name_or_refused(kind, change):
    rng = np.random.default_rng([list(KINDS).index(kind), CHANGES.index(change)])
    for trip in TRIPS:
        trip(Draw(rng, kind, str(rng.choice(list(KINDS))), change))


@pytest.mark.slow
def test_two_thousand_tables_through_every_function():
    rng = np.random.default_rng(0)
    for _ in range(2000):
        kind, other, change = (str(rng.choice(list(some))) for some in (KINDS, KINDS, CHANGES))
        for trip in TRIPS:
            trip(Draw(rng, kind, other, change))


@pytest.mark.parametrize("kind", SAME_NAME_TWICE)
def test_two_columns_of_one_name_are_refused_by_name(kind):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    frame = KINDS[kind](X, ["a", "b", "a"])
    good = KINDS[kind](X, ["a", "b", "c"])
    total, sums = ridgeless.Accumulator(3), moments.MomentAccumulator(np.eye(3), [2])
    for call in (
        lambda: limbeck.learn(frame, y),
        lambda: limbeck.learn([(frame, y)]),
        lambda: limbeck.learn(good, y, 0).predict(frame),
        lambda: blocks.from_arrays(frame, y),
        lambda: ridgeless.solve(frame, y),
        lambda: ridgeless.solve(X, frame),
        lambda: ridgeless.solve(good, y).predict(frame),
        lambda: total.update(frame, y),
        lambda: total.update_from([(frame, y)]),
        lambda: ridgeless.leave_one_out(frame, y),
        lambda: ridgeless.generalized_cross_validation(frame, y),
        lambda: moments.contract(frame, y, np.eye(3), 2),
        lambda: moments.weighted_grams(frame, X),
        lambda: moments.moment_tensor(frame, y, 2),
        lambda: sums.update(frame, y),
        lambda: advise(frame, y, y),
        lambda: limbeck.ReLUNetwork(np.eye(3), np.ones(3))(frame),
        lambda: RidgelessRegressor().fit(frame, y),
        lambda: NarrowReLURegressor().fit(frame, y),
    ):
        with pytest.raises(ValueError, match=r"(X|Y) has several columns of the name 'a': rename them"):
            call()
    for call in (
        lambda: limbeck.learn(X, y, feature_names=["a", "b", "a"]),
        lambda: limbeck.distill(lambda rows: rows[:, 0], 3, feature_names=["a", "b", "a"]),
    ):
        with pytest.raises(ValueError, match="feature_names has several columns of the name 'a'"):
            call()


def test_columns_that_are_not_text():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    frame = pd.DataFrame(X, columns=[0, "b", ("c", 1)])
    found = limbeck.learn(frame, y, 0)
    assert found.feature_names == ("x[0]", "b", "x[('c', 1)]")
    for order in ([2, 0, 1], [1, 2, 0]):
        np.testing.assert_array_equal(found.predict(frame.iloc[:, order]), found.predict(X))
        np.testing.assert_array_equal(
            ridgeless.solve(frame, y).predict(frame.iloc[:, order]), X @ ridgeless.solve(X, y).coef
        )
    with pytest.raises(ValueError, match=r"several columns of the name 'x\[0\]'"):
        limbeck.learn(frame.set_axis([0, "x[0]", 2], axis=1), y)


def test_names_that_nobody_gave_are_not_matched():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    found = limbeck.learn(X, y, 0)
    expected = found.predict(X)
    for kind in KINDS.values():
        np.testing.assert_array_equal(found.predict(kind(X, ["u", "v", "w"])), expected)
        # Called as the result calls its features: then it is these that are meant.
        np.testing.assert_array_equal(found.predict(kind(X[:, [2, 0, 1]], ["x2", "x0", "x1"])), expected)
        np.testing.assert_array_equal(found.predict(kind(X[:, [2, 0, 1, 1]], ["x2", "x0", "x1", "more"])), expected)
        with pytest.raises(ValueError, match="same number of features"):
            found.predict(kind(X[:, :2], ["u", "v"]))
    np.testing.assert_array_equal(found.predict(pd.DataFrame(X)), expected)
    # A table whose columns are called x0, x1, ... did give names.
    named = limbeck.learn(pd.DataFrame(X, columns=["x0", "x1", "x2"]), y, 0)
    with pytest.raises(ValueError, match="X lacks the columns 'x0', 'x1', 'x2'; its columns are 'u', 'v', 'w'"):
        named.predict(pd.DataFrame(X, columns=["u", "v", "w"]))


def test_names_given_beside_those_of_a_table():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
    found = limbeck.learn(pl.DataFrame(X, schema=["a", "b"], orient="row"), y, 0, feature_names=["height", "width"])
    expected = found.predict(X)
    assert found.feature_names == ("height", "width")
    for names in (["b", "a"], ["width", "height"]):
        np.testing.assert_array_equal(found.predict(pd.DataFrame(X[:, ::-1], columns=names)), expected)
    with pytest.raises(ValueError, match="X lacks the column 'b'; its columns are 'a', 'c'"):
        found.predict(pd.DataFrame(X, columns=["a", "c"]))


@pytest.mark.parametrize("kind", list(KINDS))
def test_labels_of_one_column(kind):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    expected = limbeck.learn(X, y, 0)
    for labels, name in ((y[:, None], "y"), (KINDS[kind](y[:, None], ["rent"]), "rent")):
        found = limbeck.learn(X, labels, 0)
        assert found.network == expected.network
        assert found.target_name == name
        assert limbeck.learn([(X, labels)], width=0).target_name == name
    found = limbeck.learn(KINDS[kind](X, ["a", "b", "c"]), KINDS[kind](y[:, None], ["rent"]), 0, target_name="given")
    assert found.target_name == "given"
    # Several columns: one network of as many outputs.
    assert limbeck.learn(X, KINDS[kind](X[:, :2], ["a", "b"]), 0, inputs="standard").network.n_outputs == 2
    with pytest.raises(ValueError, match=r"y must have 1 dimension\(s\), got shape \(40, 2\)"):
        limbeck.learn([(X, KINDS[kind](X[:, :2], ["a", "b"]))])
    total = moments.MomentAccumulator(np.eye(3), [2])
    total.update(X, KINDS[kind](y[:, None], ["rent"]))
    # Means of batches are added in another order.
    np.testing.assert_allclose(total.matrices(2), moments.contract(X, y, np.eye(3), 2), rtol=1e-12)


def test_series_of_every_library():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    expected = limbeck.learn(X, y, 0)
    for series, name in (
        (pd.Series(y, name="rent"), "rent"),
        (pl.Series("rent", y), "rent"),
        (pa.chunked_array([y]), "y"),
        (pa.array(y), "y"),
        (y.tolist(), "y"),
    ):
        found = limbeck.learn(X, series, 0)
        assert found.network == expected.network
        assert found.target_name == name
        np.testing.assert_array_equal(ridgeless.solve(X, series).coef, ridgeless.solve(X, y).coef)
        np.testing.assert_array_equal(RidgelessRegressor().fit(X, series).coef_, RidgelessRegressor().fit(X, y).coef_)


def test_labels_of_blocks_keep_their_name():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    for series in (pd.Series, lambda y, name: pl.Series(name, y)):
        assert limbeck.learn([(X, series(y, name="rent")), (X, y)], width=0).target_name == "rent"
        with pytest.raises(ValueError, match="block 1: the columns of y are 'age', those of blocks before 'rent'"):
            limbeck.learn([(X, series(y, name="rent")), (X, series(y, name="age"))], width=0)
        total = ridgeless.Accumulator(3)
        total.update(X, series(y, name="rent"))
        with pytest.raises(ValueError, match="the columns of Y are 'age', those of rows before 'rent'"):
            total.update(X, series(y, name="age"))


# ---- Rows ----


def other_order(values, labels, rng):
    order = rng.permutation(len(labels))
    return pd.Series(values[order], index=labels[order])


@pytest.mark.parametrize("twice", [False, True])
def test_row_labels_in_another_order_are_refused_everywhere(twice):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 3)), rng.standard_normal(40)
    labels = np.arange(40) // 2 if twice else np.arange(40)
    frame, right = pd.DataFrame(X, columns=list("abc"), index=labels), pd.Series(y, index=labels)
    wrong, positive = other_order(y, labels, rng), other_order(np.ones(40), labels, rng)
    total, sums = ridgeless.Accumulator(3), moments.MomentAccumulator(np.eye(3), [2])
    both = pd.DataFrame({"u": wrong, "v": wrong})
    calls = {
        "learn": lambda: limbeck.learn(frame, wrong),
        "learn weights": lambda: limbeck.learn(frame, y, sample_weight=positive),
        "learn labels and weights": lambda: limbeck.learn(X, right, sample_weight=positive),
        "learn many": lambda: limbeck.learn(frame, y, 0, sample_weight=positive, sample_rows=20),
        "blocks": lambda: limbeck.learn([(frame, wrong)]),
        "from arrays": lambda: blocks.from_arrays(frame, wrong),
        "solve": lambda: ridgeless.solve(frame, wrong),
        "solve targets": lambda: ridgeless.solve(frame, both),
        "leave one out": lambda: ridgeless.leave_one_out(frame, wrong),
        "gcv": lambda: ridgeless.generalized_cross_validation(frame, wrong),
        "update": lambda: total.update(frame, wrong),
        "update weights": lambda: total.update(frame, y, sample_weight=positive),
        "update from": lambda: total.update_from([(frame, right, positive)]),
        "contract": lambda: moments.contract(frame, wrong, np.eye(3), 2),
        "grams": lambda: moments.weighted_grams(frame, both),
        "tensor": lambda: moments.moment_tensor(frame, wrong, 2),
        "moments": lambda: sums.update(frame, wrong),
        "advise": lambda: advise(frame, wrong, y),
        "advise surrogate": lambda: advise(X, right, wrong),
        "ridgeless": lambda: RidgelessRegressor().fit(frame, wrong),
        "ridgeless weights": lambda: RidgelessRegressor().fit(frame, y, positive),
        "narrow": lambda: NarrowReLURegressor().fit(frame, wrong),
        "narrow weights": lambda: NarrowReLURegressor().fit(frame, right, positive),
    }
    advice = "some stand there several times" if twice else r"sort one by the other, \w+\.loc\[\w+\.index\]"
    for call in calls.values():
        with pytest.raises(ValueError, match=f"have the same row labels in another order: {advice}"):
            call()
    # In the same order, or of other labels: by position.
    for labels_of_y in (labels, labels + 1000):
        found = ridgeless.solve(frame, pd.Series(y, index=labels_of_y))
        np.testing.assert_array_equal(found.coef, ridgeless.solve(X, y).coef)


def test_narwhals_frames_are_frames():
    import narwhals

    X, y = np.random.default_rng(0).standard_normal((30, 2)), np.arange(30.0)
    frame = narwhals.from_native(pl.DataFrame(X, schema=["a", "b"], orient="row"))
    found = limbeck.learn(frame, y, 0)
    assert found.feature_names == ("a", "b")
    np.testing.assert_array_equal(found.predict(frame.select("b", "a")), found.predict(X))


def test_rows_of_B_are_called_as_features():
    rng = np.random.default_rng(0)
    X, y, B = rng.standard_normal((30, 2)), rng.standard_normal(30), rng.standard_normal((2, 1))
    frame, block = pd.DataFrame(X, columns=["a", "b"]), pd.DataFrame(B, index=["a", "b"])
    expected = moments.contract_apply(X, y, np.eye(2), 2, B)
    np.testing.assert_array_equal(moments.contract_apply(frame, y, np.eye(2), 2, block), expected)
    with pytest.raises(ValueError, match=r"the rows of B are called as the columns of X, in another order"):
        moments.contract_apply(frame, y, np.eye(2), 2, block.iloc[::-1])


# ---- dask ----


def test_dask_frames_have_names_too():
    import dask.dataframe as dd

    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 3)), rng.standard_normal(60)
    frame = pd.DataFrame(X, columns=list("abc"))
    parts, labels = dd.from_pandas(frame, npartitions=3), dd.from_pandas(pd.Series(y, name="rent"), npartitions=3)
    found, solved = limbeck.learn(parts, labels, 0), ridgeless.solve(parts, labels)
    assert (found.feature_names, found.target_name) == (("a", "b", "c"), "rent")
    assert solved.feature_names == ("a", "b", "c")
    for other in (parts[["c", "a", "b"]], frame[["b", "c", "a"]], pl.from_pandas(frame[["c", "b", "a"]])):
        np.testing.assert_array_equal(found.predict(other), found.predict(X))
        np.testing.assert_array_equal(solved.predict(other), solved.predict(X))
    with pytest.raises(ValueError, match="X lacks the column 'b'"):
        found.predict(parts[["a", "c"]])
    one_column = dd.from_pandas(pd.DataFrame({"rent": y}), npartitions=3)
    assert limbeck.learn(parts, one_column, 0).network == found.network
    turned = dd.from_pandas(pd.Series(y, index=rng.permutation(60)), npartitions=1, sort=False)
    with pytest.raises(ValueError, match="the same row labels in another order"):
        ridgeless.solve(parts.repartition(npartitions=1), turned)


def test_labels_of_rows_that_mean_nothing_are_left_alone():
    frame = pd.DataFrame({"a": [1.0, 2.0]}, index=[5, 6])
    require_same_order(frame, pd.Series([1.0, 2.0]))
    require_same_order(frame, np.array([1.0, 2.0]))
