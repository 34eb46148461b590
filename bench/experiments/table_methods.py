"""limbeck and its peers on tables of numbers: one fit with default settings, CPU seconds on one thread, sizes.

Every method gets the same rows, as they are, and a fixed seed. Peers that are not installed are told by `missing`.

The size of a model is how many numbers it holds:

- limbeck: entries of the network that are not zero (weights, thresholds, output weights, linear part, bias);
- ridge: coefficients and intercept; MLP: weights and biases;
- earth: coefficients, and the knots of their hinges; APLR: coefficients, and the bounds of their hinges and indicators;
- Cubist: coefficients of the rules' linear models, and the bounds of the rules' conditions;
- boosting: nodes of the trees, of which each holds a bound or a value;
- EBM: entries of the tables that are added up.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import numpy as np
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from limbeck import ReLUNetwork
from limbeck.estimators import NarrowReLURegressor

Values = np.ndarray


@dataclass(frozen=True)
class Shape:
    """What can be counted in a model; all but the size are limbeck's alone."""

    size: int
    neurons: int | None = None
    features: float | None = None  # of a neuron, median; none where there are no neurons
    zeros: float | None = None  # fraction of the neurons' weights and of the linear part's


Fit = tuple[Values, float, Shape]
Fitter = Callable[[Values, Values, Values], Fit]


def network_shape(network: ReLUNetwork) -> Shape:
    """Neurons, features in them, numbers that are not zero, and the fraction of coefficients of features that are."""
    parts = (network.weights, network.thresholds, network.output, network.linear, np.asarray(network.bias))
    used = np.count_nonzero(network.weights, axis=1)
    coefficients = network.weights.size + network.linear.size
    return Shape(
        sum(map(int, map(np.count_nonzero, parts))),
        network.width,
        float(np.median(used)) if network.width else None,
        1 - (int(used.sum()) + int(np.count_nonzero(network.linear))) / coefficients,
    )


def _fitted(make: Callable[[], object], shape: Callable[..., Shape], X: Values, y: Values, new: Values) -> Fit:
    """Predictions of an estimator, the seconds of `fit` alone, and its shape."""
    model = make()
    begun = time.process_time()
    model.fit(X, y)
    seconds = time.process_time() - begun
    return np.asarray(model.predict(new), float).ravel(), seconds, shape(model)


def limbeck_fitter(**options: object) -> Fitter:
    """One call of limbeck's learner for tables."""

    def make() -> NarrowReLURegressor:
        return NarrowReLURegressor(random_state=0, n_threads=1, **options)

    return partial(_fitted, make, lambda model: network_shape(model.network_))


def _ridge() -> object:
    """Standardised features; the penalty by leave-one-out."""
    return make_pipeline(StandardScaler(), RidgeCV(alphas=np.logspace(-3, 5, 25)))


def _mlp() -> object:
    """A hundred units; standardised features and labels; otherwise default settings, but more epochs."""
    network = MLPRegressor(max_iter=500, random_state=0)
    return TransformedTargetRegressor(make_pipeline(StandardScaler(), network), transformer=StandardScaler())


def _mlp_shape(model: TransformedTargetRegressor) -> Shape:
    network = model.regressor_[-1]
    return Shape(sum(part.size for part in (*network.coefs_, *network.intercepts_)))


def _boosting_shape(model: HistGradientBoostingRegressor) -> Shape:
    # scikit-learn has no public name for the trees.
    return Shape(1 + sum(len(tree.nodes) for (tree,) in model._predictors))


def _aplr() -> object:
    from aplr import APLRRegressor

    return APLRRegressor(n_jobs=1, random_state=0)


def _aplr_shape(model: object) -> Shape:
    terms = model.get_term_names()
    return Shape(len(terms) + sum(len(re.findall(r"max\(|min\(", term)) for term in terms))


def _ebm() -> object:
    from interpret.glassbox import ExplainableBoostingRegressor

    return ExplainableBoostingRegressor(n_jobs=1, random_state=0)


def _cubist() -> object:
    from cubist import Cubist

    return Cubist(random_state=0)


def _cubist_shape(model: object) -> Shape:
    coefficients = model.coeffs_.drop(columns=["committee", "rule"]).count().sum()
    return Shape(int(coefficients) + (0 if model.splits_ is None else len(model.splits_)))


# Doubles go through files, so that none is rounded. In `dirs` 1 and -1 are hinges, 2 is a feature as it is.
_EARTH = """
suppressPackageStartupMessages(library(earth))
a <- commandArgs(TRUE); folder <- a[1]; n <- as.integer(a[2]); m <- as.integer(a[3]); d <- as.integer(a[4])
doubles <- function(name, count) readBin(file.path(folder, name), "double", count)
X <- matrix(doubles("X", n * d), n, d, dimnames = list(NULL, paste0("x", seq_len(d))))
new <- matrix(doubles("new", m * d), m, d, dimnames = dimnames(X))
y <- doubles("y", n)
begun <- proc.time()
model <- earth(X, y, degree = as.integer(a[5]))
seconds <- proc.time() - begun
writeBin(as.double(predict(model, new)), file.path(folder, "values"))
knots <- sum(abs(model$dirs[model$selected.terms, , drop = FALSE]) == 1)
cat(seconds[["user.self"]] + seconds[["sys.self"]], length(model$coefficients) + knots)
"""


def _earth(degree: int, X: Values, y: Values, new: Values) -> Fit:
    """Multivariate adaptive regression splines, as R's package `earth` fits them by default."""
    with tempfile.TemporaryDirectory() as folder:
        for name, part in {"X": X, "y": y, "new": new}.items():
            np.asarray(part, np.float64).ravel(order="F").tofile(Path(folder) / name)
        (Path(folder) / "fit.R").write_text(_EARTH)
        numbers = map(str, (len(X), len(new), X.shape[1], degree))
        command = ["Rscript", "--vanilla", f"{folder}/fit.R", folder, *numbers]
        done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
        seconds, size = done.stdout.split()
        return np.fromfile(Path(folder) / "values"), float(seconds), Shape(int(size))


@cache
def _earth_is_missing() -> str:
    if shutil.which("Rscript") is None:
        return "there is no Rscript"
    asked = ["Rscript", "--vanilla", "-e", 'cat(requireNamespace("earth", quietly = TRUE))']
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    return "" if done.stdout.strip() == "TRUE" else "R has no package earth"


_COEFFICIENTS: Callable[..., Shape] = lambda model: Shape(model[-1].coef_.size + 1)  # noqa: E731
_TABLES: Callable[..., Shape] = lambda model: Shape(1 + sum(np.size(part) for part in model.term_scores_))  # noqa: E731

LIMBECK = "limbeck"
# Quick peers first, so that a run that is ended early has most of the table.
PEERS: dict[str, Fitter] = {
    "ridge": partial(_fitted, _ridge, _COEFFICIENTS),
    "Cubist": partial(_fitted, _cubist, _cubist_shape),
    "earth 1": partial(_earth, 1),
    "earth 2": partial(_earth, 2),
    "boosting": partial(_fitted, lambda: HistGradientBoostingRegressor(random_state=0), _boosting_shape),
    "MLP": partial(_fitted, _mlp, _mlp_shape),
    "APLR": partial(_fitted, _aplr, _aplr_shape),
    "EBM": partial(_fitted, _ebm, _TABLES),
}
_PACKAGES = {"Cubist": "cubist", "APLR": "aplr", "EBM": "interpret"}
NOTES = {
    "ridge": "RidgeCV of scikit-learn, standardised features",
    "Cubist": "Python package cubist",
    "earth 1": "R's package earth, degree 1",
    "earth 2": "R's package earth, degree 2",
    "boosting": "HistGradientBoostingRegressor of scikit-learn",
    "MLP": "MLPRegressor of scikit-learn, features and labels standardised, 500 epochs at most",
    "APLR": "Python package aplr",
    "EBM": "ExplainableBoostingRegressor of interpret-core",
}


def missing(name: str) -> str:
    """Why a method cannot be run here; empty where it can."""
    if name.startswith("earth"):
        return _earth_is_missing()
    package = _PACKAGES.get(name)
    return f"no package {package}" if package and importlib.util.find_spec(package) is None else ""


def measure(fit: Fitter, X: Values, y: Values, new: Values, truth: Values) -> tuple[float, float, float, Shape]:
    """R2 and root mean square error on rows that were not fitted, seconds, and the shape."""
    values, seconds, shape = fit(X, y, new)
    with np.errstate(over="ignore"):
        error = float(np.mean(np.square(truth - values)))
    if not np.isfinite(error):
        raise ValueError("predictions are not finite, or too large to be squared")
    return 1 - error / float(np.var(truth)), error**0.5, seconds, shape
