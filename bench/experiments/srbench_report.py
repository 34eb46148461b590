"""Text and picture of fits on SRBench's tables: scores, ranks, wins and losses, sizes, seconds; see srbench.py."""

from __future__ import annotations

import csv
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from comparisons.table import Column, Section, fixed, render

from experiments.fit_results import Result
from experiments.table_methods import LIMBECK, NOTES, PEERS

MARGINS = (0.02, 0.05)
ROWS = (0, 150, 1100, np.inf)  # bounds of groups of tables: few rows, some, many
Scores = dict[str, dict[str, dict[int, Result]]]  # by table, method and seed
Published = dict[str, dict[str, tuple[float, float, float]]]  # by table and method: R2, size, seconds


def made(name: str) -> bool:
    """Whether a table is one of Friedman's."""
    return "_fri_" in name


def by_table(results: Iterable[Result]) -> Scores:
    """Results that did not fail, by table, method and seed."""
    scores: Scores = defaultdict(lambda: defaultdict(dict))
    for one in results:
        if not np.isnan(one.r2):
            scores[one.table][one.method][one.seed] = one
    return scores


def median(results: Iterable[Result], field: Callable[[Result], float] = lambda one: one.r2) -> float:
    """Median of one field."""
    return float(np.median([field(one) for one in results]))


def gap(first: dict[int, Result], second: dict[int, Result]) -> float:
    """Median R2 of the first less that of the second, on the seeds that both have; NaN where there are none."""
    both = sorted(first.keys() & second.keys())
    if not both:
        return np.nan
    return median(first[seed] for seed in both) - median(second[seed] for seed in both)


def ranks(scores: Sequence[float]) -> np.ndarray:
    """1 for the largest; equal ones share the mean of their places."""
    values = np.asarray(scores)
    above = (values[:, None] < values).sum(axis=1)
    return above + (1 + (values[:, None] == values).sum(axis=1)) / 2


def _cell(mine: dict[int, Result], peer: dict[int, Result]) -> str:
    """Median R2 with a mark where it is above limbeck's by more than the margins."""
    ahead = sum(gap(peer, mine) > margin for margin in MARGINS)
    return f"{median(peer.values()):.3f}{'+' * ahead:<2}"


def table_of_scores(scores: Scores, methods: Sequence[str], title: str) -> Section:
    """One row for each table."""
    columns = [Column("table", "table"), Column("rows", "rows"), Column("columns", "columns")]
    columns += [Column(name, name + "  ") for name in methods]
    marks = " ".join(f"{'+' * (i + 1)} ahead of limbeck by more than {m}." for i, m in enumerate(MARGINS))
    section = Section("scores", title, columns, [f"Medians over seeds. {marks}"])
    for name, of_methods in sorted(scores.items(), key=lambda item: _rows(item[1])):
        mine = of_methods.get(LIMBECK, {})
        cells = {method: _cell(mine, of_methods[method]) for method in methods if of_methods.get(method)}
        one = next(iter(next(iter(of_methods.values())).values()))
        section.rows.append({"table": name, "rows": one.rows, "columns": one.columns, **cells})
    return section


def _rows(of_methods: dict[str, dict[int, Result]]) -> int:
    return next(iter(next(iter(of_methods.values())).values())).rows


def mean_ranks(scores: Scores, methods: Sequence[str]) -> tuple[dict[str, float], int]:
    """Mean ranks on the tables that all methods have, and the number of these; a method without half of them has none.

    A peer that takes minutes may have been run on a few tables only, which must not take the others' ranks away.
    """
    methods = [one for one in methods if 2 * sum(bool(found.get(one)) for found in scores.values()) >= len(scores)]
    places = [
        ranks([median(of_methods[method].values()) for method in methods])
        for of_methods in scores.values()
        if all(of_methods.get(method) for method in methods)
    ]
    return dict(zip(methods, np.mean(places, axis=0), strict=True)) if places else {}, len(places)


def below_ridge(scores: Scores, method: str) -> tuple[int, int]:
    """How many fits are below ridge regression's on the same split by more than the larger margin, and of how many."""
    gaps = [
        of_methods["ridge"][seed].r2 - one.r2
        for of_methods in scores.values()
        for seed, one in of_methods.get(method, {}).items()
        if seed in of_methods.get("ridge", {})
    ]
    return sum(one > MARGINS[-1] for one in gaps), len(gaps)


def wins_and_losses(scores: Scores, method: str, margin: float) -> tuple[int, int, int]:
    """Tables on which a peer is ahead of limbeck by more than a margin, on which it is behind, and of how many."""
    gaps = [gap(of_methods.get(method, {}), of_methods.get(LIMBECK, {})) for of_methods in scores.values()]
    known = [one for one in gaps if not np.isnan(one)]
    return sum(one > margin for one in known), sum(one < -margin for one in known), len(known)


def table_of_methods(scores: Scores, methods: Sequence[str], title: str) -> Section:
    """One row for each method."""
    average, count = mean_ranks(scores, methods)
    columns = [
        Column("method", "method"),
        Column("fits", "fits"),
        Column("median", "median R2", fixed(3)),
        Column("mean", "mean, cut at 0", fixed(3)),
        Column("rank", f"mean rank ({count} tables)", fixed(2)),
        Column("worst", "worst fit", fixed(2)),
        *(Column(f"ahead{m}", f"ahead by {m}") for m in MARGINS),
        *(Column(f"behind{m}", f"behind by {m}") for m in MARGINS),
        Column("ridge", f"fits below ridge by {MARGINS[-1]}"),
        Column("size", "median size", fixed(0)),
        Column("seconds", "median s", fixed(3)),
        Column("longest", "longest s", fixed(1)),
    ]
    notes = ["Ahead and behind: tables, against limbeck. Seconds of the processor, one thread, medians of tables."]
    section = Section("methods", title, columns, notes)
    for method in methods:
        found = [of_methods[method] for of_methods in scores.values() if of_methods.get(method)]
        if not found:
            continue
        medians = [median(one.values()) for one in found]
        seconds = [median(one.values(), lambda result: result.seconds) for one in found]
        row = {
            "method": method,
            "fits": sum(map(len, found)),
            "median": np.median(medians),
            "mean": np.mean(np.maximum(medians, 0)),
            "rank": average.get(method),
            "worst": min(result.r2 for one in found for result in one.values()),
            "ridge": "{} of {}".format(*below_ridge(scores, method)),
            "size": np.median([median(one.values(), lambda result: result.size) for one in found]),
            "seconds": np.median(seconds),
            "longest": max(seconds),
        }
        if method != LIMBECK:
            for margin in MARGINS:
                row[f"ahead{margin}"], row[f"behind{margin}"], _ = wins_and_losses(scores, method, margin)
        section.rows.append(row)
    section.rows.sort(key=lambda row: np.inf if row["rank"] is None else row["rank"])
    return section


def load_published(path: Path) -> Published:
    """What SRBench publishes; nothing where there is no file."""
    found: Published = defaultdict(dict)
    if path.exists():
        with path.open(newline="") as file:
            for row in csv.DictReader(file):
                numbers = tuple(float(row[name] or "nan") for name in ("r2_test", "model_size", "seconds"))
                found[row["dataset"]][row["method"]] = numbers
    return found


def among_published(scores: Scores, published: Published) -> list[dict[str, object]]:
    """limbeck among the published methods: median R2, mean rank, size and seconds on the tables that both have.

    A method without a result on a table has the last place there.
    """
    names = [name for name in scores if scores[name].get(LIMBECK) and published.get(name)]
    methods = sorted({method for name in names for method in published[name]})
    values = defaultdict(list)
    for name in names:
        mine = scores[name][LIMBECK].values()
        fields: list[Callable[[Result], float]] = [lambda one: one.r2, lambda one: one.size, lambda one: one.seconds]
        values[LIMBECK].append(tuple(median(mine, field) for field in fields))
        for method in methods:
            values[method].append(published[name].get(method, (np.nan,) * 3))
    everybody = [LIMBECK, *methods]
    places = [
        ranks(np.nan_to_num([values[one][i][0] for one in everybody], nan=-np.inf).tolist()) for i in range(len(names))
    ]
    rows = []
    for method, rank in zip(everybody, np.mean(places, axis=0) if places else [], strict=False):
        r2, size, seconds = np.nanmedian(np.array(values[method]), axis=0)
        count = int(np.sum(~np.isnan(np.array(values[method])[:, 0])))
        rows.append({"method": method, "tables": count, "rank": rank, "r2": r2, "size": size, "seconds": seconds})
    return sorted(rows, key=lambda row: row["rank"])


def table_of_published(rows: list[dict[str, object]]) -> Section:
    """The published methods as text."""
    columns = [
        Column("method", "method"),
        Column("tables", "tables"),
        Column("rank", "mean rank", fixed(2)),
        Column("r2", "median R2", fixed(3)),
        Column("size", "median size", fixed(0)),
        Column("seconds", "median s", fixed(2)),
    ]
    notes = ["Others as SRBench publishes them: tuned, on its own machines, sizes mostly nodes (see the docstring)."]
    return Section("published", "Among the methods of SRBench, real tables", columns, notes, rows=rows)


def table_of_row_counts(scores: Scores, methods: Sequence[str]) -> Section:
    """Mean ranks where rows are few, and where they are many."""
    columns = [Column("rows", "rows"), Column("tables", "tables"), *(Column(one, one, fixed(2)) for one in methods)]
    section = Section("rows", "Mean ranks by rows, real tables", columns, ["Tables that all ranked methods have."])
    ranked, _ = mean_ranks(scores, methods)
    for first, last in itertools.pairwise(ROWS):
        few = {name: of_methods for name, of_methods in scores.items() if first <= _rows(of_methods) < last}
        average, count = mean_ranks(few, [one for one in methods if one in ranked])
        words = f"{first:,} or more" if last == np.inf else f"{first:,} to {last - 1:,}"
        section.rows.append({"rows": words, "tables": count, **average})
    return section


def table_of_networks(scores: Scores) -> Section:
    """What limbeck's networks consist of: medians of tables."""
    columns = [
        Column("tables", "tables"),
        Column("count", "count"),
        Column("neurons", "neurons", fixed(1)),
        Column("features", "features of a neuron", fixed(1)),
        Column("size", "numbers not zero", fixed(1)),
        Column("zeros", "zeros among coefficients", fixed(2)),
    ]
    section = Section("networks", "limbeck's networks", columns, ["Medians over seeds, then over tables."])
    groups = {
        "real, under 1,000 rows": lambda one: not made(one.table) and one.rows < 1000,
        "real, 1,000 rows or more": lambda one: not made(one.table) and one.rows >= 1000,
        "made": lambda one: made(one.table),
    }
    everything = [of_methods[LIMBECK].values() for of_methods in scores.values() if of_methods.get(LIMBECK)]
    for words, belongs in groups.items():
        found = [list(results) for results in everything if belongs(next(iter(results)))]
        row: dict[str, object] = {"tables": words, "count": len(found)}
        for field in ("neurons", "features", "size", "zeros"):
            known = [[value for one in of_seeds if (value := getattr(one, field)) is not None] for of_seeds in found]
            medians = [np.median(values) for values in known if values]
            row[field] = np.median(medians) if medians else None
        section.rows.append(row)
    return section


def verdicts(real: Scores, friedman: Scores, methods: Sequence[str], published: list[dict[str, object]]) -> list[str]:
    """What is wanted of limbeck, and what came out."""
    peers = [name for name in methods if name != LIMBECK]
    lines = []

    def say(words: str, value: str, holds: bool) -> None:
        lines.append(f"wanted: {words}; {value}: {'yes' if holds else 'NO'}")

    average, count = mean_ranks(real, methods)
    if LIMBECK in average:
        place = 1 + sum(rank < average[LIMBECK] for rank in average.values())
        say("first by mean rank", f"place {place} of {len(average)} on {count} tables", place == 1)
    for margin, allowed in zip(MARGINS, (0.2 * len(real), 2), strict=True):
        ahead = {peer: wins_and_losses(real, peer, margin)[0] for peer in peers}
        if ahead:
            worst = max(ahead, key=ahead.__getitem__)
            wanted = f"no peer ahead by more than {margin} on more than {allowed:g} tables"
            say(wanted, f"{worst} on {ahead[worst]}", ahead[worst] <= allowed)
    if "APLR" in peers:
        lost, won, tables = wins_and_losses(real, "APLR", MARGINS[0])
        say("more won than lost against APLR", f"{won} won and {lost} lost by {MARGINS[0]} of {tables}", won > lost)
    bad, fits = below_ridge(real, LIMBECK)
    if fits:
        say(f"at most 2 % of fits below ridge by {MARGINS[1]}", f"{bad} of {fits}", bad <= 0.02 * fits)
    mine = next((row for row in published if row["method"] == LIMBECK), None)
    if mine:
        say("mean rank of at most 4 among the published", f"{mine['rank']:.2f}", mine["rank"] <= 4)
        say("median size of at most 60", f"{mine['size']:.0f}", mine["size"] <= 60)
        say("median time below 0.5 s", f"{mine['seconds']:.3f}", mine["seconds"] < 0.5)
    made_scores = [median(of_methods[LIMBECK].values()) for of_methods in friedman.values() if of_methods.get(LIMBECK)]
    if made_scores:
        mean = float(np.mean(made_scores))
        say("mean R2 of at least 0.93 on Friedman's tables", f"{mean:.3f} on {len(made_scores)}", mean >= 0.93)
    return lines


def lost_tables(real: Scores, methods: Sequence[str]) -> list[str]:
    """Tables on which some peer is ahead by more than the smaller margin, with the peers."""
    lines = []
    for name, of_methods in sorted(real.items(), key=lambda item: _rows(item[1])):
        mine = of_methods.get(LIMBECK, {})
        gaps = {peer: gap(of_methods.get(peer, {}), mine) for peer in methods if peer != LIMBECK}
        ahead = sorted((peer for peer in gaps if gaps[peer] > MARGINS[0]), key=lambda peer: -gaps[peer])
        if ahead:
            lines.append(f"  {name}: " + ", ".join(f"{peer} {gaps[peer]:+.3f}" for peer in ahead))
    title = f"Tables on which a peer is ahead by more than {MARGINS[0]}: {len(lines)} of {len(real)}"
    return [title, *lines]


def draw(path: Path, scores: Scores, methods: Sequence[str], published: list[dict[str, object]]) -> None:
    """Three panels: R2 against size, mean ranks among the peers, mean ranks among the published."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(16, 5.6), layout="constrained")
    # What was run on few tables has no place beside medians over all of them.
    own = [row for row in table_of_methods(scores, methods, "").rows if row["rank"] is not None]
    theirs = [row for row in published if row["method"] != LIMBECK]
    points = [(row["method"], row["size"], row["median"], "tab:blue") for row in own]
    points += [(row["method"], row["size"], row["r2"], "tab:gray") for row in theirs]
    for name, size, r2, colour in points:
        shade = "tab:red" if name == LIMBECK else colour
        axes[0].scatter(size, max(r2, 0), color=shade, s=50 if name == LIMBECK else 22)
        axes[0].annotate(name, (size, max(r2, 0)), (3, 3), textcoords="offset points", fontsize=8, color=shade)
    axes[0].margins(x=0.12)  # room for the names on the right
    axes[0].set(xscale="log", xlabel="median size: numbers here, nodes where published", ylabel="median R2")
    axes[0].set_title("R2 against size: run here (blue), published (gray)")
    panels = [(own, "run here", "tab:blue"), (published, "published", "tab:gray")]
    for ax, (rows, words, colour) in zip(axes[1:], panels, strict=True):
        rows = rows[::-1]
        names = [str(row["method"]) for row in rows]
        ax.barh(names, [row["rank"] for row in rows], color=["tab:red" if n == LIMBECK else colour for n in names])
        ax.set(xlabel="mean rank", title=f"Mean rank among methods {words}")
    figure.savefig(path, dpi=110)


def report(found: Sequence[Result], published: Published, absent: Sequence[str]) -> tuple[str, Scores, list[str]]:
    """The text; with the scores of the real tables, and the methods that have any, for the picture."""
    scores = by_table(found)
    methods = [name for name in (LIMBECK, *PEERS) if any(of_methods.get(name) for of_methods in scores.values())]
    real = {name: of_methods for name, of_methods in scores.items() if not made(name)}
    friedman = {name: of_methods for name, of_methods in scores.items() if made(name)}
    rows = among_published(real, published)
    parts = [
        render(table_of_scores(part, methods, title))
        for title, part in (("Test R2, real tables", real), ("Test R2, Friedman's tables", friedman))
        if part
    ]
    for title, part in (("Methods, real tables", real), ("Methods, Friedman's tables", friedman)):
        if part:
            parts.append(render(table_of_methods(part, methods, title)))
    if real:
        parts.append(render(table_of_row_counts(real, methods)))
    if LIMBECK in methods:
        parts += [render(table_of_networks(scores)), "\n".join(lost_tables(real, methods))]
        parts += [render(table_of_published(rows))] if rows else []
        parts.append("\n".join(verdicts(real, friedman, methods, rows)))
    failed = [f"failed: {one.method} on {one.table}, {one.seed}" for one in found if np.isnan(one.r2)]
    notes = [f"{name}: {words}" for name, words in NOTES.items() if name in methods]
    parts.append("\n".join([*notes, *absent, *failed]))
    return "\n\n".join(parts), real, methods
