"""Wide teachers distilled by queries: how many, and how exact, beside the published numbers of extraction attacks.

    python bench/experiments/wide_teachers.py [--seeds 10] [--large-seeds 3] [--threads 2] [--large]

Teachers have weights of rows N(0, I / d), thresholds N(0, 1/4) and output weights N(0, 1). The limit is by counting: a
query gives q numbers, one for each output, and a network has k (d + 1 + q) of them. The error is the largest on 100,000
points of N(0, I), over the standard deviation of the values there. Published: Carlini, Jagielski and Mironov,
Cryptanalytic extraction of neural network models (CRYPTO 2020), 2^19.2 queries for 784-32-1 and 2^21.5 for 784-128-1,
with a worst error of 2^-25.
"""

import argparse
import time

import numpy as np

import limbeck

SMALL = [(10, 16, 1), (50, 16, 1), (10, 64, 1), (50, 64, 1), (200, 16, 1), (50, 16, 10), (50, 64, 10)]
LARGE = [(784, 32, 1), (784, 128, 1), (784, 128, 10), (100, 512, 1)]
PUBLISHED = {(784, 32, 1): 19.2, (784, 128, 1): 21.5}
POINTS = 100_000


def teacher(d, k, q, seed):
    # Not the numbers that queries of this seed are drawn from.
    rng = np.random.default_rng([seed, 12345])
    weights, thresholds = rng.standard_normal((k, d)) / np.sqrt(d), 0.5 * rng.standard_normal(k)
    output = rng.standard_normal(k) if q == 1 else rng.standard_normal((k, q))
    return lambda X: np.maximum(X @ weights.T + thresholds, 0) @ output


def worst_error(network, function, d):
    largest, values = 0.0, []
    rng = np.random.default_rng(1000)
    for _ in range(10):
        X = rng.standard_normal((POINTS // 10, d))
        values.append(function(X))
        largest = np.maximum(largest, np.abs(network(X) - values[-1]).max(axis=0))
    return float(np.max(largest / np.concatenate(values).std(axis=0)))


def run(d, k, q, seeds, threads):
    queries, errors, seconds, failed = [], [], [], 0
    for seed in range(seeds):
        function = teacher(d, k, q, seed)
        start = time.process_time()
        most = 8 * k * (d + 2) + 2000
        found = limbeck.distill(function, d, k, outputs=q, n_queries=most, seed=seed, n_threads=threads)
        seconds.append(time.process_time() - start)
        failed += found.stopped != "tolerance" or found.route != "kinks"
        queries.append(found.n_queries)
        errors.append(worst_error(found.network, function, d))
    parameters = k * (d + 1 + q)
    published = PUBLISHED.get((d, k, q))
    print(
        f"{f'{d}-{k}-{q}':<11}{seeds:>6}{np.log2(parameters / q):>8.1f}{np.log2(np.median(queries)):>9.2f}"
        f"{np.log2(np.max(queries)):>9.2f}{np.median(queries) / parameters:>8.2f}"
        f"{2**published / parameters if published else np.nan:>11.1f}"
        f"{np.median(errors):>10.0e}{np.max(errors):>10.0e}{np.median(seconds):>9.1f}{failed:>8}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for option, default in (("seeds", 10), ("large-seeds", 3), ("threads", 2)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--large", action="store_true", help="the large teachers alone")
    options = parser.parse_args()
    limbeck.show_config()
    print("\nlimit and queries as powers of two; queries per parameter, and those published; processor seconds")
    names = ("seeds", "limit", "median", "most", "each", "published", "error", "worst", "seconds", "failed")
    widths = (6, 8, 9, 9, 8, 11, 10, 10, 9, 8)
    print(f"{'teacher':<11}" + "".join(f"{name:>{width}}" for name, width in zip(names, widths, strict=True)))
    for shape in [] if options.large else SMALL:
        run(*shape, options.seeds, options.threads)
    for shape in LARGE:
        run(*shape, options.large_seeds, options.threads)


if __name__ == "__main__":
    main()
