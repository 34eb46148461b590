"""What stands in the columns of tables: objects that are numbers, text, masks, fields, rows that are not read yet."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import limbeck
from limbeck import blocks, moments, ridgeless
from limbeck.distillation import advise
from limbeck.estimators import RidgelessRegressor


def _table(X):
    return pa.table([pa.array(column) for column in X.T], names=["a", "b"])


def test_objects_that_are_numbers_are_taken():
    rng = np.random.default_rng(0)
    X = rng.integers(-9, 9, (40, 3)).astype(float)
    y = rng.integers(0, 100, 40).astype(float)
    kinds = {
        "int": lambda a: np.array([int(v) for v in a.flat], dtype=object).reshape(a.shape),
        "Decimal": lambda a: np.array([Decimal(int(v)) for v in a.flat], dtype=object).reshape(a.shape),
        "Fraction": lambda a: np.array([Fraction(int(v)) for v in a.flat], dtype=object).reshape(a.shape),
        "list": lambda a: np.vectorize(lambda v: Decimal(int(v)), otypes=[object])(a).tolist(),
    }
    expected = limbeck.learn(X, y, 0)
    coef = ridgeless.solve(X, y).coef
    for convert in kinds.values():
        rows, labels = convert(X), convert(y)
        assert limbeck.learn(rows, labels, 0).network == expected.network
        assert limbeck.learn(pd.DataFrame(rows), pd.Series(labels), 0).network == expected.network
        assert limbeck.learn([(rows, labels)], width=0).network == expected.network
        np.testing.assert_array_equal(expected.predict(rows), expected.predict(X))
        np.testing.assert_array_equal(ridgeless.solve(rows, labels).coef, coef)
        np.testing.assert_array_equal(ridgeless.solve(pd.DataFrame(rows), labels).predict(rows), X @ coef)
        np.testing.assert_array_equal(ridgeless.leave_one_out(rows, labels), ridgeless.leave_one_out(X, y))
        total = ridgeless.Accumulator(3)
        total.update(rows, labels)
        np.testing.assert_allclose(total.solve().coef, coef, rtol=1e-12)  # merged rows: another order of sums
        assert advise(rows, labels, labels).strong_error == advise(X, y, y).strong_error
        assert RidgelessRegressor().fit(rows, labels).coef_.shape == (3,)
    table = pa.table({"a": pa.array([Decimal(int(v)) for v in X[:, 0]]), "b": X[:, 1], "c": pa.array(X[:, 2] > 0)})
    found = ridgeless.solve(table, y)
    np.testing.assert_array_equal(found.coef, ridgeless.solve(np.c_[X[:, :2], X[:, 2] > 0], y).coef)


@pytest.mark.parametrize("missing", [None, np.nan, Decimal("nan"), pd.NA], ids=str)
def test_a_missing_object_is_told_by_its_place(missing):
    X, y = np.ones((12, 2)).astype(object), np.arange(12.0)
    X[:, 1] = range(12)
    X[3, 1] = missing
    for rows in (X, X.tolist(), pd.DataFrame(X), pd.DataFrame(X, columns=["a", "b"])):
        for call in (ridgeless.solve, ridgeless.leave_one_out):
            with pytest.raises(ValueError, match=r"X holds nan at index \(3, 1\)"):
                call(rows, y)
    labels = [*y[:-1], missing]
    with pytest.raises(ValueError, match="y holds nan at index 11"):
        limbeck.learn(np.c_[y, y**2], labels)


@pytest.mark.parametrize(
    "wrong", ["1.5", b"1", 1j, pd.Timestamp(0), object(), [1.0]], ids=lambda value: type(value).__name__
)
def test_objects_that_are_no_numbers_are_refused(wrong):
    X, y = np.ones((12, 2)).astype(object), np.arange(12.0)
    X[3, 1] = wrong
    with pytest.raises(TypeError, match=r"X must hold real numbers, got dtype object: at index \(3, 1\) stands"):
        ridgeless.solve(X, y)
    with pytest.raises(TypeError, match="X must hold real numbers, columns 'b' do not: drop or encode them"):
        ridgeless.solve(pd.DataFrame(X, columns=["a", "b"]), y)
    labels = np.array([*y[:-1], None], dtype=object)
    labels[-1] = wrong
    with pytest.raises(TypeError, match="Y must hold real numbers, got dtype object: at index 11 stands"):
        ridgeless.solve(y[:, None], labels)


def test_an_integer_beyond_float64_is_refused():
    with pytest.raises(ValueError, match="X holds an integer beyond float64"):
        ridgeless.solve([[10**400], [1]], [1.0, 2.0])


TEXT = {
    "pandas": pd.DataFrame({"a": [1.0] * 12, "town": ["u", "v"] * 6, "kind": pd.Categorical(["p", "q"] * 6)}),
    "polars": pl.DataFrame(
        {"a": [1.0] * 12, "town": ["u", "v"] * 6, "kind": pl.Series(["p", "q"] * 6, dtype=pl.Categorical)}
    ),
    "arrow": pa.table({"a": [1.0] * 12, "town": ["u", "v"] * 6, "kind": pa.array(["p", "q"] * 6).dictionary_encode()}),
}


@pytest.mark.parametrize("library", list(TEXT))
def test_columns_of_text_are_named(library):
    y = np.arange(12.0)
    for call in (
        ridgeless.solve,
        lambda X, y: RidgelessRegressor().fit(X, y),
        lambda X, y: ridgeless.Accumulator(3).update(X, y),
        lambda X, y: limbeck.ReLUNetwork(np.eye(3), np.ones(3))(X),
    ):
        with pytest.raises(TypeError, match="X must hold real numbers, columns 'town', 'kind' do not"):
            call(TEXT[library], y)
    # A column of text that is not asked for does no harm.
    X = np.c_[y, y**2]
    found = limbeck.learn(pd.DataFrame(X, columns=["b", "c"]), y, 0)
    frames = {
        "pandas": TEXT["pandas"].assign(c=y**2, b=y),
        "polars": TEXT["polars"].with_columns(c=y**2, b=y),
        "arrow": TEXT["arrow"].append_column("c", pa.array(y**2)).append_column("b", pa.array(y)),
    }
    np.testing.assert_array_equal(found.predict(frames[library]), found.predict(X))


def test_lazy_frames_say_what_to_do():
    lazy = pl.DataFrame({"a": [1.0] * 12, "b": np.arange(12.0)}).lazy()
    y = np.arange(12.0)
    for call in (
        lambda: limbeck.learn(lazy, y),
        lambda: limbeck.learn([(lazy, y)]),
        lambda: limbeck.learn(np.c_[y, y], y, 0).predict(lazy),
        lambda: ridgeless.solve(lazy, y),
        lambda: ridgeless.solve(np.c_[y, y], y).predict(lazy),
        lambda: ridgeless.Accumulator(2).update(lazy, y),
        lambda: ridgeless.leave_one_out(lazy, y),
        lambda: moments.contract(lazy, y, np.eye(2), 2),
        lambda: advise(lazy, y, y),
        lambda: blocks.from_arrays(lazy, y),
        lambda: limbeck.ReLUNetwork(np.eye(2), np.ones(2))(lazy),
        lambda: RidgelessRegressor().fit(lazy, y),
    ):
        with pytest.raises(TypeError, match=r"X is a lazy frame \(polars\.\S*LazyFrame\): pass X\.collect\(\)"):
            call()
    with pytest.raises(TypeError, match=r"X is a LazyFrame without y"):
        limbeck.learn(lazy)
    with pytest.raises(TypeError, match=r"y is a lazy frame"):
        limbeck.learn(np.c_[y, y], lazy)


def test_masked_and_structured_arrays():
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 2)), rng.standard_normal(40)
    expected = limbeck.learn(X, y, 0)
    for rows in (np.ma.array(X), np.ma.array(X, mask=np.zeros_like(X, dtype=bool))):
        assert limbeck.learn(rows, np.ma.array(y), 0).network == expected.network
        np.testing.assert_array_equal(ridgeless.solve(rows, y).coef, ridgeless.solve(X, y).coef)
        total = ridgeless.Accumulator(2)
        total.update(rows, y)
        assert total.n_rows == 40
    masked = np.ma.array(X, mask=np.abs(X) > 2.0)
    assert masked.mask.any()
    for call in (ridgeless.solve, lambda X, y: ridgeless.Accumulator(2).update(X, y)):
        with pytest.raises(TypeError, match="X is a masked array: fill or drop the masked entries first"):
            call(masked, y)
    records = np.rec.fromarrays([X[:, 0].astype(np.float32), X[:, 1]], names="a,b")
    found = limbeck.learn(records, y, 0)
    assert found.feature_names == ("a", "b")
    np.testing.assert_array_equal(found.predict(records[["b", "a"]]), found.predict(records))
    assert found.predict(records[0]).shape == (1,)
    fields = np.ma.array(records, mask=[(False, False)] * 40)
    assert limbeck.learn(fields, y, 0).network == found.network
    fields.mask[3] = (False, True)
    with pytest.raises(TypeError, match="X is a masked array"):
        ridgeless.solve(fields, y)
    towns = np.array([(1.0, "u")] * 12, dtype=[("a", float), ("town", "U1")])
    with pytest.raises(TypeError, match="X must hold real numbers, columns 'town' do not"):
        ridgeless.solve(towns, np.arange(12.0))


def test_float32_of_frames_stays_float32():
    X = np.random.default_rng(0).standard_normal((30, 2)).astype(np.float32)
    for make in (pd.DataFrame, pl.DataFrame, _table, lambda X: _table(X).to_batches()[0]):
        assert ridgeless.solve(make(X), X[:, 0]).coef.dtype == np.float32


def test_frames_are_loaded_when_one_comes(run_python):
    code = (
        "import sys, numpy as np, limbeck; X = np.arange(24.0).reshape(12, 2) ** 2; limbeck.learn(X, X[:, 0], 0);"
        "limbeck.ridgeless.solve(X.tolist(), X[:, 0]); print([m for m in ('narwhals', 'pandas') if m in sys.modules])"
    )
    done = run_python(code)
    assert done.stdout.strip() == "[]", done.stderr
