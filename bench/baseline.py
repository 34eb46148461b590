"""Times of `pytest bench --benchmark-only`, kept small in baseline.json, and a later run beside them.

    python bench/baseline.py save    [--baseline PATH] [--package FOLDER] [--run PATH] [-k WORDS]
    python bench/baseline.py compare [--baseline PATH] [--package FOLDER] [--run PATH] [-k WORDS] [--other-machine]

`save` runs the benchmarks, some ten minutes on two processors, and keeps the median and the number of rounds of each.
`compare` runs them again and prints the ratio of the medians, now over then, slowest first. Times of another machine
are refused unless `--other-machine` is given. `--run` takes the JSON file of a run that pytest-benchmark has written
already; `--package` measures the limbeck in another folder; `-k` chooses benchmarks, as pytest does.

The two runs are hours or months apart, and a machine's speed drifts: what NumPy alone takes (names with "numpy") is the
control, and its ratio is printed beside. A ratio within 10 % says nothing. experiments/shared_machine.py measures two
packages in one run, alternating, and decides.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BENCH = Path(__file__).parent
NOISE = 1.1  # ratios below say nothing: two runs of the same package differ by as much
# Of what a run says about its machine: where these differ, times cannot be compared.
MACHINE = ("CPU", "instruction set", "threads")


def run(package: str | None, words: str | None) -> dict[str, object]:
    """What pytest-benchmark writes about a run of all benchmarks."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "run.json")
        command = [sys.executable, "-m", "pytest", str(BENCH), "--benchmark-only", f"--benchmark-json={report}", "-q"]
        command += ["-p", "no:cacheprovider", "-p", "no:xdist"]
        command += ["-k", words] if words else []
        command += ["--package", str(Path(package).resolve())] if package else []
        done = subprocess.run(command, cwd=BENCH.parent, env={**os.environ, "COLUMNS": "160"}, check=False)
        if done.returncode or not report.exists() or not report.stat().st_size:
            raise SystemExit(f"the benchmarks failed (pytest: {done.returncode})")
        return json.loads(report.read_text())


def reduced(report: dict) -> dict[str, object]:
    """Machine, and [median in seconds, rounds] by name."""
    try:
        about = report["machine_info"]["limbeck"]
    except (KeyError, TypeError):
        raise SystemExit("this is no run of limbeck's benchmarks: it does not say on which machine it was") from None
    times = {}
    for benchmark in report["benchmarks"]:
        name = benchmark["fullname"].removeprefix("bench/").replace(".py::test_", ": ")
        stats = benchmark["stats"]
        times[name] = [float(f"{stats['median']:.4g}"), stats["rounds"]]
    return {"machine": about, "date": report["datetime"][:10], "times": dict(sorted(times.items()))}


def text(baseline: dict) -> str:
    """The baseline as JSON, one benchmark to a line, so that changes can be read."""
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in baseline["times"].items()]
    head = f'{{\n"machine": {json.dumps(baseline["machine"])},\n"date": {json.dumps(baseline["date"])},\n"times": {{\n'
    return head + ",\n".join(lines) + "\n}\n}\n"


def here(package: str | None) -> dict[str, str]:
    """This machine, as a run says it."""
    code = "import sys, json; sys.path.insert(0, sys.argv[1]); import package\n"
    code += "if sys.argv[2]: package.use(sys.argv[2])\n"
    code += "from comparisons import machine; print(json.dumps(machine.description()))"
    command = [sys.executable, "-c", code, str(BENCH), package or ""]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"limbeck cannot be imported{f' from {package}' if package else ''}")
    return json.loads(done.stdout)


def machines_differ(now: dict[str, str], then: dict[str, str]) -> list[str]:
    """What of two machines forbids a comparison of times, in words."""
    return [f"{key}: {now.get(key)} now, {then.get(key)} then" for key in MACHINE if now.get(key) != then.get(key)]


def _middle(ratios: list[float]) -> float:
    return statistics.geometric_mean(ratios) if ratios else float("nan")


def comparison(now: dict, then: dict) -> str:
    """Ratios by name, slowest first, and a summary."""
    shared = [name for name in now["times"] if name in then["times"]]
    ratios = {name: now["times"][name][0] / then["times"][name][0] for name in shared}
    lines = [f"{'now ms':>10}{'then ms':>10}{'ratio':>7}  benchmark"]
    for name in sorted(shared, key=ratios.__getitem__, reverse=True):
        (a, _), (b, _) = now["times"][name], then["times"][name]
        lines.append(f"{1e3 * a:>10.3g}{1e3 * b:>10.3g}{ratios[name]:>7.2f}  {name}")
    control = [ratios[name] for name in shared if "numpy" in name]
    ours = [ratios[name] for name in shared if "numpy" not in name]
    slower, faster = sum(r > NOISE for r in ours), sum(r < 1 / NOISE for r in ours)
    lines += ["", f"now over {then['date']}: {len(shared)} benchmarks in both"]
    if ours:
        lines.append(
            f"limbeck: geometric mean {_middle(ours):.2f}, largest {max(ours):.2f}; "
            f"{slower} slower and {faster} faster by more than {100 * (NOISE - 1):.0f} %"
        )
    if control:
        lines.append(f"NumPy, the control: geometric mean {_middle(control):.2f} of {len(control)}")
    if ours and control:
        lines.append(f"limbeck over the control: {_middle(ours) / _middle(control):.2f}")
    for words, missing in (
        ("new", now["times"].keys() - then["times"]),
        ("not run", then["times"].keys() - now["times"]),
    ):
        if missing:
            lines.append(f"{words}: {len(missing)}, such as {min(missing)}")
    others = [key for key in then["machine"] if key not in MACHINE and now["machine"].get(key) != then["machine"][key]]
    lines += [f"{key}: {now['machine'].get(key)} now, {then['machine'][key]} then" for key in others]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=["save", "compare"])
    parser.add_argument("--baseline", type=Path, default=BENCH / "baseline.json", metavar="PATH")
    parser.add_argument("--package", metavar="FOLDER", help="measure the limbeck in this folder")
    parser.add_argument("--run", type=Path, metavar="PATH", help="a run's JSON file, instead of running now")
    parser.add_argument("-k", dest="words", metavar="WORDS", help="choose benchmarks, as pytest's -k")
    parser.add_argument(
        "--other-machine", action="store_true", help="compare with another machine's times all the same"
    )
    options = parser.parse_args()
    if options.what == "compare" and not options.baseline.exists():
        parser.error(f"there is no {options.baseline}: make it with `save`, from the package before the change")
    now = reduced(json.loads(options.run.read_text())) if options.run else None
    if options.what == "save":
        now = now or reduced(run(options.package, options.words))
        options.baseline.write_text(text(now))
        print(f"{len(now['times'])} times in {options.baseline}")
        return
    then = json.loads(options.baseline.read_text())
    differences = machines_differ(now["machine"] if now else here(options.package), then["machine"])
    if differences:
        print("The baseline is of another machine or another number of threads:\n  " + "\n  ".join(differences))
        if not options.other_machine:
            raise SystemExit(
                "Times of two machines say little about two versions. Make a baseline here, from the package before "
                "the change: `save --package FOLDER --baseline PATH`; or add --other-machine to see the ratios."
            )
    print(comparison(now or reduced(run(options.package, options.words)), then))


if __name__ == "__main__":
    main()
