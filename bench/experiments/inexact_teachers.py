"""Where reading networks off kinks breaks: rounded answers, noise, and pairs of neurons that nearly coincide.

    python bench/experiments/inexact_teachers.py [--seeds 3] [--threads 2] [--time 120] [--plot inexact_teachers.png]

Teachers as in wide_teachers.py: weights of rows N(0, I / d), thresholds N(0, 1/4), output weights N(0, 1). Noise is new
for each query, relative to the standard deviation of the values. In half of the neurons' pairs of a teacher with pairs,
one neuron's direction is turned by so many radians from the other's, and its threshold is the other's. The error is the
root mean square on 100,000 points of N(0, I), over the standard deviation of the values there. The limit with noise is
that of least squares with as many queries of N(0, I): noise times the root of parameters over queries. Wide teachers
answer in float32, or compute in it, with as many queries as ten for each parameter at most. Published: the
attack of Carlini, Jagielski and Mironov (CRYPTO 2020) needs answers in float64; for others it has no numbers.
"""

import argparse
import time

import numpy as np

import limbeck

SHAPES = [(10, 16), (50, 16)]
WIDE = [(50, 64), (784, 32)]  # by answers in float32 alone: moments do not find them
NOISES = [1e-6, 1e-3]
ANGLES = [0.1, 0.01, 0.001]
POINTS = 100_000


def weights(d, k, seed, angle=None):
    """Rows, thresholds and output weights; with an angle, every second neuron is near the one before."""
    rng = np.random.default_rng([seed, 12345])
    rows, thresholds = rng.standard_normal((k, d)) / np.sqrt(d), 0.5 * rng.standard_normal(k)
    output = rng.standard_normal(k)
    if angle is not None:
        for i in range(1, k, 2):
            u = rows[i - 1]
            v = rng.standard_normal(d)
            v -= (v @ u) / (u @ u) * u
            rows[i] = np.cos(angle) * u + np.sin(angle) * np.linalg.norm(u) * v / np.linalg.norm(v)
            thresholds[i] = thresholds[i - 1]
    return rows, thresholds, output


def exact(rows, thresholds, output):
    return lambda X: np.maximum(X @ rows.T + thresholds, 0) @ output


def wide_teachers(d, k, seed):
    """Those rounded to float32, and computed in it."""
    plain, network = exact(*weights(d, k, seed)), [part.astype(np.float32) for part in weights(d, k, seed)]
    inner = exact(*network)
    yield "float32", plain, lambda X: plain(X).astype(np.float32), 0.0
    yield "in float32", exact(*(part.astype(float) for part in network)), lambda X: inner(X.astype(np.float32)), 0.0


def teachers(d, k, seed):
    """Name, exact function, what is answered, and noise."""
    plain = exact(*weights(d, k, seed))
    spread = plain(np.random.default_rng(1).standard_normal((20_000, d))).std()
    yield "float64", plain, plain, 0.0
    for kind in (np.float32, np.float16):
        yield np.dtype(kind).name, plain, lambda X, kind=kind: plain(X).astype(kind), 0.0
    for noise in NOISES:
        rng = np.random.default_rng([seed, 54321])
        yield (
            f"noise {noise:.0e}",
            plain,
            lambda X, s=noise, r=rng: plain(X) + s * spread * r.normal(size=len(X)),
            noise,
        )
    for angle in ANGLES:
        function = exact(*weights(d, k, seed, angle))
        yield f"pairs {angle:g}", function, function, 0.0


def relative_error(network, function, d):
    rng, squares, values = np.random.default_rng(1000), 0.0, []
    for _ in range(10):
        X = rng.standard_normal((POINTS // 10, d))
        values.append(function(X))
        squares += float(np.square(network(X) - values[-1]).sum())
    return np.sqrt(squares / POINTS) / np.concatenate(values).std()


def run(d, k, options, kinds=teachers, most=None):
    """Rows of (name, median error, largest error, median limit, median queries)."""
    table = []
    for variants in zip(*(kinds(d, k, seed) for seed in range(options.seeds)), strict=True):
        rows = []
        for seed, (_, function, answered, noise) in enumerate(variants):
            start = time.process_time()
            result = limbeck.distill(
                answered,
                d,
                k,
                seed=seed,
                n_threads=options.threads,
                time_limit=options.time,
                n_queries=most or options.queries,
            )
            seconds = time.process_time() - start
            limit = noise * np.sqrt(k * (d + 2) / result.n_queries)
            error = relative_error(result.network, function, d)
            rows.append((error, limit, result.n_queries, seconds, f"{result.route} ({result.stopped})"))
        errors, *columns, routes = zip(*rows, strict=True)
        error, limit, queries, seconds = (float(np.median(column)) for column in (errors, *columns))
        table.append((variants[0][0], error, max(errors), limit, queries))
        how = ", ".join(sorted(set(routes)))
        print(
            f"{f'{d}-{k}-1':<9}{variants[0][0]:<13}{error:10.1e}{max(errors):10.1e}"
            f"{f'{limit:.1e}' if limit else '':>10}{np.log2(queries):13.2f}{seconds:9.1f}  {how}",
            flush=True,
        )
    return table


def plot(tables, path):
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(tables), figsize=(11, 4.2), sharey=True, layout="constrained")
    for ax, ((d, k), table) in zip(axes, tables.items(), strict=True):
        names = [row[0] for row in table]
        places = np.arange(len(table))
        ax.plot(places, [row[1] for row in table], "o", color="C0", label="error, median")
        ax.plot(places, [row[2] for row in table], "_", ms=12, color="C0", label="error, largest")
        noisy = [i for i, row in enumerate(table) if row[3]]
        ax.plot(noisy, [table[i][3] for i in noisy], "x", color="C3", label="limit of least squares")
        for place, row in zip(places, table, strict=True):
            ax.annotate(f"{row[4]:,.0f}", (place, row[2]), (0, 6), textcoords="offset points", ha="center", fontsize=8)
        ax.set_xticks(places, names, rotation=40, ha="right")
        ax.set_yscale("log")
        ax.set_title(f"{d}-{k}-1; numbers: queries")
        ax.grid(alpha=0.3, axis="y")
    axes[0].set_ylabel("RMS error over the spread of the values")
    axes[0].legend(loc="upper left", fontsize=8)
    axes[0].set_ylim(top=1e3)
    figure.savefig(path, dpi=120)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--time", type=float, default=120.0, help="seconds for one network")
    parser.add_argument("--queries", type=int, default=30_000, help="most queries for one network")
    parser.add_argument("--plot", metavar="FILE.png")
    options = parser.parse_args()
    limbeck.show_config()
    print(f"\n{options.seeds} seeds, at most {options.queries:,} queries and {options.time:g} s each")
    names = ("error", "largest", "limit", "log2 queries", "cpu s")
    print(
        f"{'teacher':<9}{'answers':<13}" + "".join(f"{n:>{w}}" for n, w in zip(names, (10, 10, 10, 13, 9), strict=True))
    )
    tables = {(d, k): run(d, k, options) for d, k in SHAPES}
    for d, k in WIDE:
        run(d, k, options, wide_teachers, 10 * k * (d + 2))
    if options.plot:
        plot(tables, options.plot)


if __name__ == "__main__":
    main()
