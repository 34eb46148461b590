"""Tables of SRBench's black-box track: limbeck beside EBM, APLR, earth, Cubist, boosting, an MLP and ridge regression.

    python bench/experiments/srbench.py FOLDER [--results FILE.csv] [--again METHOD ...] [--methods METHOD ...]
        [--only WORD ...] [--no-fits] [--output FILE.txt] [--picture FILE.png]

FOLDER has tables NAME.tsv.gz of numbers, column `target` the label, as the Penn Machine Learning Benchmarks have them;
and `published.csv`, if it is there: medians over the seeds of methods that SRBench publishes (dataset, method, r2_test,
model_size, seconds). Needs scikit-learn and threadpoolctl; peers that are not installed are named and left out:
interpret-core, aplr, cubist (Python), earth (R). Pictures need Matplotlib.

The protocol is SRBench's: for each of ten seeds three quarters of the rows train, at most 10,000 of these, and the
others test; a peer whose fit takes more than 20 s gets three seeds. Every method has its default settings, a fixed
random state and one thread; seconds are those of the processor. What limbeck was fitted with may have changed since the
peers were run: `--again limbeck` fits it anew, the peers' rows stay. One program at a time may use a file of results.

R2 of a table is the median over seeds; two methods are compared on the seeds that both have. A rank is that of the
median, on the tables that all have among the methods that have half of the tables. Tables named `fri` are Friedman's:
made, not measured, and shown apart.

Sizes are told in table_methods.py: for limbeck, the entries of the network that are not zero. What SRBench publishes as
the size of a formula is the number of nodes of its tree, where a feature, a constant and an operation count one each. A
coefficient is four nodes (with its feature, the product and the sum), an output weight four (with its ReLU, the product
and the sum), a threshold or the bias two: a number of limbeck's is two to four nodes. Published sizes of methods
without a formula are other counts: coefficients of the linear model, training rows of kernel ridge, nodes of trees.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

sys.path.insert(0, str(Path(__file__).parents[1]))

from experiments.srbench_report import among_published, draw, load_published, report
from experiments.table_fits import Split, Table, arguments, run
from experiments.table_methods import LIMBECK, PEERS, limbeck_fitter

SEEDS = (23654, 15795, 860, 5390, 29802, 21962, 14423, 11284, 22118, 6265)
MOST_ROWS = 10_000


def split(X: np.ndarray, y: np.ndarray, seed: int) -> Split:
    """SRBench's split of one seed."""
    np.random.seed(seed)  # noqa: NPY002 - the protocol draws from the global state
    X, new, y, truth = train_test_split(X, y, train_size=0.75, test_size=0.25, random_state=seed)
    if len(X) > MOST_ROWS:
        kept = np.random.choice(len(X), MOST_ROWS, replace=False)  # noqa: NPY002
        X, y = X[kept], y[kept]
    return X, y, new, truth


def load(path: Path) -> Table:
    """A table of numbers with its seeds."""
    header = np.loadtxt(path, str, delimiter="\t", max_rows=1, comments=None)
    values = np.loadtxt(path, delimiter="\t", skiprows=1, ndmin=2)
    target = header == "target"
    if target.sum() != 1:
        raise ValueError(f"{path}: {target.sum()} columns are named target, wanted one")
    return Table(path.name.removesuffix(".tsv.gz"), values[:, ~target], values[:, target].ravel(), SEEDS, split)


def main() -> None:
    parser = arguments(__doc__, picture=True)
    options = parser.parse_args()
    paths = sorted(options.folder.glob("*.tsv.gz"))
    tables = [load(path) for path in paths if not options.only or any(word in path.name for word in options.only)]
    found, absent = run(options, {LIMBECK: limbeck_fitter(), **PEERS}, tables)
    published = load_published(options.folder / "published.csv")
    text, real, methods = report(found, published, absent)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")
    if options.picture:
        draw(options.picture, real, methods, among_published(real, published))


if __name__ == "__main__":
    main()
