"""Every kernel on a machine that it shares: alone, right after a product of NumPy, and beside programs that compute.

    python bench/experiments/shared_machine.py [--before FOLDER] [--threads 2 1] [--repeats 15] [--only WORD ...]

Threads of other libraries wait actively for their next task before they sleep, and other programs want the processors
too. What that costs a call is measured in these states, one call in each, round after round:

- alone: all threads have slept for 0.3 s (the time in ms; all else are times over it);
- NumPy: right after a product of two 600 x 600 matrices by NumPy, in the same process, on all its threads;
- OpenMP: right after a fit of scikit-learn's histogram gradient boosting, which uses OpenMP, in the same process;
- PyTorch: right after a product of two 600 x 600 matrices by PyTorch, in the same process ("-" where it is missing);
- 1 other, 4 others: beside processes that compute without pause, which begin and end with the state;
- 4, NumPy: beside four of them and right after a product of NumPy: over the time beside four.

Medians over the rounds. With C processors, S other processes and T threads, a fair system gives a call C T / (S + T)
processors where there are fewer than S + T; the notes say what the time would be then. All libraries are loaded in all
states. Run it on a machine that does nothing else, without OMP_NUM_THREADS and its like; it takes some 20 minutes.

`--before FOLDER` measures a second limbeck in the same rounds, in a process of its own, the order alternating, which
takes twice as long: `pip install --target FOLDER --no-deps CHECKOUT` makes such a folder. A third table then has each
state now over the same state before.
"""

import argparse
import contextlib
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

REST = 0.3  # seconds: threads of OpenBLAS wait actively for some 0.1 s, those of OpenMP for a few ms
PAUSE = 0.12  # seconds: enough for those of the other process, before a library of this one computes
BREATH = 0.02  # seconds: nothing waits, but other processes compute
OTHERS = {"1 other": 1, "4 others": 4, "4, NumPy": 4}
AFTER = {"NumPy": "numpy", "OpenMP": "openmp", "PyTorch": "torch", "4, NumPy": "numpy"}
STATES = ("alone", "NumPy", "OpenMP", "PyTorch", *(name for name in OTHERS))
BOUND = 1.65  # of a call right after one of another library, over its time without that
NO_SLOWER, NO_SLOWER_BESIDE = 1.03, 1.1  # what medians of equal times differ by, on a quiet machine and on a busy one


# ---- The process that is measured ----


def _libraries() -> dict[str, Callable[[], object]]:
    """What leaves threads awake, for every library that is here."""
    rng = np.random.default_rng(0)
    factor = rng.standard_normal((600, 600))
    found: dict[str, Callable[[], object]] = {"numpy": lambda: factor @ factor}
    if importlib.util.find_spec("sklearn"):
        from sklearn.ensemble import HistGradientBoostingRegressor

        rows, values = rng.standard_normal((5000, 10)), rng.standard_normal(5000)
        found["openmp"] = lambda: HistGradientBoostingRegressor(max_iter=3).fit(rows, values)
    if importlib.util.find_spec("torch"):
        import torch

        tensor = torch.from_numpy(factor)
        found["torch"] = lambda: tensor @ tensor
    return found


def serve() -> None:
    """Answer each line (name of a call, threads, library or null, seconds of rest) with seconds, or null."""
    import calls
    from comparisons import machine

    libraries, made = _libraries(), {}
    print(json.dumps({"about": machine.description(), "libraries": list(libraries)}), flush=True)
    for line in sys.stdin:
        name, threads, library, rest = json.loads(line)
        if name not in made:
            made[name] = calls.make(name)
            made[name](threads)
        time.sleep(rest)
        if library:
            libraries[library]()
        begin = time.perf_counter()
        made[name](threads)
        print(json.dumps(time.perf_counter() - begin), flush=True)


@dataclass
class Measured:
    """A process with one limbeck in it, which measures what it is asked to."""

    folder: str | None
    samples: dict[tuple[str, int, str], list[float]] = field(default_factory=dict)

    def __enter__(self) -> "Measured":
        command = [sys.executable, __file__, "--serve", *([] if self.folder is None else ["--package", self.folder])]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        begun = self._process.stdout.readline()
        if not begun:
            raise SystemExit(f"the process that measures {self.folder or 'limbeck'} did not begin")
        self.about, self.libraries = json.loads(begun).values()
        return self

    def __exit__(self, *_: object) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def measure(self, name: str, threads: int, state: str) -> None:
        """One call in this state."""
        library = AFTER.get(state)
        if library is not None and library not in self.libraries:
            return
        rest = REST if state == "alone" else PAUSE if library else BREATH
        self._process.stdin.write(json.dumps([name, threads, library, rest]) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{name} on {threads} threads failed in {self.folder or 'limbeck'}")
        self.samples.setdefault((name, threads, state), []).append(json.loads(answer))

    def seconds(self, name: str, threads: int, state: str) -> float | None:
        """Median of what was measured."""
        samples = self.samples.get((name, threads, state))
        return statistics.median(samples) if samples else None


# ---- Other programs ----

_SPIN = """
import os
parent = os.getppid()
print("begun", flush=True)
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextlib.contextmanager
def others(count: int) -> Iterator[None]:
    """So many processes that compute without pause; they end with the state, and with this process however it ends."""
    with contextlib.ExitStack() as stack:
        for _ in range(count):
            process = subprocess.Popen([sys.executable, "-S", "-c", _SPIN], stdout=subprocess.PIPE, text=True)
            stack.enter_context(process)  # waits for its end, after it was killed
            stack.callback(process.kill)
            process.stdout.readline()
        yield


def processors() -> int:
    """How many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fair_ratio(count: int, threads: int) -> float:
    """Time beside so many processes over the time alone, where the system shares fairly and nothing else is lost."""
    alone = min(threads, processors())
    return alone / min(alone, processors() * threads / (count + threads))


# ---- The table ----


def _measure_all(sides: list[Measured], wanted: list[tuple[str, int]], repeats: int) -> None:
    for index in range(repeats + 1):
        for state in STATES:
            with others(OTHERS.get(state, 0)):
                time.sleep(REST)
                for name, threads in wanted:
                    for side in sides if index % 2 else sides[::-1]:
                        side.measure(name, threads, state)
        if index == 0:  # pays for the threads of every library
            for side in sides:
                side.samples.clear()
        print(f"round {index} of {repeats}", file=sys.stderr, flush=True)


def _over_alone(side: Measured, wanted: list[tuple[str, int]]) -> list[dict[str, object]]:
    rows = []
    for name, threads in wanted:
        seconds = {state: side.seconds(name, threads, state) for state in STATES}
        row: dict[str, object] = {"name": name, "threads": threads, "alone": seconds["alone"]}
        for state in STATES[1:]:
            base = seconds["4 others" if state == "4, NumPy" else "alone"]
            row[state] = None if seconds[state] is None else seconds[state] / base
        rows.append(row)
    return rows


def _over_before(now: Measured, before: Measured, wanted: list[tuple[str, int]]) -> list[dict[str, object]]:
    rows = []
    for name, threads in wanted:
        row: dict[str, object] = {"name": name, "threads": threads}
        for state in STATES:
            pair = [side.seconds(name, threads, state) for side in (now, before)]
            row[state] = None if None in pair else pair[0] / pair[1]
        rows.append(row)
    return rows


def _table(title: str, side: Measured, wanted: list[tuple[str, int]], before: Measured | None = None) -> str:
    """Times over the time alone; with another package, times over its times in the same state."""
    from comparisons.table import Column, Requirement, Section, milliseconds, render, times

    columns = [Column("name", "call"), Column("threads", "threads")]
    columns += [Column(state, state, times) for state in STATES]
    if before:
        notes = ["Each state over the same state of the package before; below 1 is faster."]
        bounds = [
            Requirement(state, f"{state}: no slower than before ({slack})", lambda ratio, slack=slack: ratio <= slack)
            for state in STATES
            for slack in [NO_SLOWER if state == "alone" else NO_SLOWER_BESIDE]
        ]
        return render(Section("over before", title, columns, notes, bounds, _over_before(side, before, wanted)))
    columns[2] = Column("alone", "alone ms", milliseconds)
    notes = [f"Over the time alone. {side.about['CPU']}; {side.about['instruction set']}."]
    for threads in dict.fromkeys(threads for _, threads in wanted):
        shares = ", ".join(f"{state} {fair_ratio(OTHERS[state], threads):.2f}" for state in ("1 other", "4 others"))
        notes.append(f"Fair shares for {threads} thread{'s' if threads > 1 else ''}: {shares}.")
    if "torch" not in side.libraries:
        notes.append("PyTorch cannot be imported here: its column is empty.")
    bounds = [Requirement(s, f"{s}: at most {BOUND}", lambda ratio: ratio <= BOUND) for s in STATES if s in AFTER]
    return render(Section("over alone", title, columns, notes, bounds, _over_alone(side, wanted)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--before", metavar="FOLDER", help="measure the limbeck in this folder as well")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="calls whose name holds one of these")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--package", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.package:
        import package

        package.use(options.package)
    if options.serve:
        serve()
        return
    import calls
    from comparisons import machine

    machine.show()
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_WAIT_POLICY"):
        if variable in os.environ:
            print(f"{variable} is {os.environ[variable]}: other libraries do not do what they usually do")
    names = [name for name in calls.MAKERS if any(word in name for word in options.only)]
    wanted = [(name, t) for t in options.threads for name in names if t == 1 or name not in calls.SERIAL]
    with contextlib.ExitStack() as stack:
        side = stack.enter_context(Measured(None))
        before = stack.enter_context(Measured(options.before)) if options.before else None
        _measure_all([side, before] if before else [side], wanted, options.repeats)
    print("\n" + _table(f"A machine that is shared: medians of {options.repeats} rounds", side, wanted))
    if before:
        print("\n" + _table(f"The package before: {options.before}", before, wanted))
        print("\n" + _table("Now over before", side, wanted, before))


if __name__ == "__main__":
    main()
