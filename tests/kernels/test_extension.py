"""The compiled extension: instruction sets, threads, forks, signals, and what it says of itself."""

import operator
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl

import limbeck
from limbeck import _kernels, moments

COMPUTE = """
import sys
import numpy as np
from limbeck import ReLUNetwork, _kernels, moments

rng = np.random.default_rng(0)
X, Y, G = rng.standard_normal((3000, 11)), rng.standard_normal((3000, 2)), rng.standard_normal((3, 11))
net = ReLUNetwork(rng.standard_normal((5, 11)), rng.standard_normal(5), linear=G[0], thresholds=rng.standard_normal(5))
plain = ReLUNetwork(net.weights, net.output)
np.savez(
    sys.argv[1],
    level=_kernels.level,
    weighted_grams=moments.weighted_grams(X, Y),
    contract=moments.contract(X, Y, G, 4),
    vector=moments.contract_to_vector(X, Y, G, 3),
    scalar=moments.contract_to_scalar(X, Y, G, [1, 2, 6]),
    apply=moments.contract_apply(X, Y, G, 4, G.T),
    tensor=moments.moment_tensor(X, Y, 3),
    hermite=_kernels.hermite_normalized(X.ravel(), 8, 1),
    forward=net(X),
    exact=[net.variance(), plain.variance(), net.distance(plain)],
)
"""

needs_openmp = pytest.mark.skipif(not _kernels.openmp, reason="built without OpenMP")


@pytest.fixture(scope="module")
def results(run_python, tmp_path_factory):
    """What every level that this machine has computes, each in a process of its own."""
    folder, found = tmp_path_factory.mktemp("levels"), {}
    for level in _kernels.available_levels:
        forced = None if level == "native" else level
        done = run_python(COMPUTE, folder / f"{level}.npz", LIMBECK_ISA=forced)
        assert done.returncode == 0, done.stderr
        with np.load(folder / f"{level}.npz") as file:
            found[level] = dict(file)
    return found


@pytest.mark.parametrize("level", list(_kernels.available_levels))
def test_every_level_can_be_forced_and_agrees_with_the_best(results, level):
    best = results[list(_kernels.available_levels)[-1]]
    assert str(results[level]["level"]) == level
    for name, expected in best.items():
        if name == "level":
            continue
        # Sums of 3000 terms in other orders: 3000 eps = 7e-13 at worst, of the size of the largest entry's terms.
        np.testing.assert_allclose(results[level][name], expected, rtol=0, atol=1e-12 * np.abs(expected).max())


def test_the_best_level_is_the_default(run_python):
    for unset in (None, ""):
        done = run_python("from limbeck import _kernels; print(_kernels.level)", LIMBECK_ISA=unset)
        assert done.stdout.strip() == list(_kernels.available_levels)[-1], done.stderr


@pytest.mark.parametrize("level", ["x86-64-v9", "X86-64-V3"])
def test_an_unknown_level_is_an_import_error_with_the_choices(run_python, level):
    done = run_python("import limbeck", LIMBECK_ISA=level)
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ImportError: LIMBECK_ISA={level!r} cannot be used")
    for choice in _kernels.available_levels:
        assert choice in last


LEVELS = {"x86-64-v2": ("_v2", 2), "x86-64-v3": ("_v3", 3), "x86-64-v4": ("_v4", 4)}


def test_a_level_that_the_processor_lacks_is_refused_alike():
    assert _kernels._choose(LEVELS, 3, None) == "x86-64-v3"
    with pytest.raises(ImportError, match=r"LIMBECK_ISA='x86-64-v4' cannot be used: .* offer x86-64-v2, x86-64-v3\."):
        _kernels._choose(LEVELS, 3, "x86-64-v4")
    with pytest.raises(ImportError, match="older than x86-64-v2"):
        _kernels._choose(LEVELS, 1, None)


def test_a_level_that_was_not_compiled_is_refused_with_the_reason():
    built = {"x86-64-v4": LEVELS["x86-64-v4"]}
    assert _kernels._choose(built, 4, None) == "x86-64-v4"
    with pytest.raises(ImportError, match=r"offer x86-64-v4, and x86-64-v3 was not compiled \(CMake's LIMBECK_LEVELS"):
        _kernels._choose(built, 4, "x86-64-v3")


def test_an_installation_from_a_newer_machine_says_what_to_do():
    built = {"x86-64-v4": LEVELS["x86-64-v4"]}
    with pytest.raises(ImportError, match=r"compiled for x86-64-v4, .* offers x86-64-v3 at most\. Did you copy"):
        _kernels._choose(built, 3, None)
    with pytest.raises(ImportError, match=r"compiled for x86-64-v4, .* is no x86-64\. Did you copy"):
        _kernels._choose(built, 0, None)
    with pytest.raises(ImportError, match="compiled for no processor at all"):
        _kernels._choose({}, 4, None)
    # A build for a processor of another kind runs wherever it can be loaded.
    assert _kernels._choose({"native": ("_native", 0)}, 0, None) == "native"


def test_a_package_that_was_not_built_says_how_to_build_it(run_python, tmp_path):
    source = Path(limbeck.__file__).parent
    shutil.copytree(source, tmp_path / "limbeck", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    # Without site-packages: the message must come before anything else is looked for.
    done = run_python("import limbeck", PYTHONPATH=str(tmp_path), options=["-S"])
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: limbeck's compiled kernels are missing")
    assert "pip install ." in last


# ---- Threads ----


@needs_openmp
@pytest.mark.parametrize("threads", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_omp_num_threads_is_the_default(run_python, threads):
    code = "import limbeck; print(limbeck._kernels.default_threads()); limbeck.show_config()"
    lines = run_python(code, OMP_NUM_THREADS=str(threads)).stdout.splitlines()
    assert lines[0] == str(threads)
    assert [line.split()[1] for line in lines if line.startswith("threads:")] == [str(threads)]


@needs_openmp
def test_threadpoolctl_sets_the_default():
    before = _kernels.default_threads()
    with threadpoolctl.threadpool_limits(1):
        assert _kernels.default_threads() == 1
    with threadpoolctl.threadpool_limits(3):
        assert _kernels.default_threads() == 3
    assert _kernels.default_threads() == before


def test_several_python_threads_on_one_array():
    rng = np.random.default_rng(0)
    X, Y, G = rng.standard_normal((20_000, 10)), rng.standard_normal((20_000, 2)), rng.standard_normal((2, 10))
    expected = moments.contract(X, Y, G, 4, n_threads=1).tobytes()
    results = [None] * 6

    def work(i):
        results[i] = moments.contract(X, Y, G, 4, n_threads=1 + i % 3).tobytes()

    workers = [threading.Thread(target=work, args=(i,)) for i in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert results == [expected] * 6


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_fork_after_a_threaded_computation_computes_the_same(run_python):
    # A child that waited for threads it does not have would hang; the time limit of the process turns that into a
    # failure.
    code = """
import os, warnings
import numpy as np
from limbeck import _kernels, moments

X = np.random.default_rng(0).standard_normal((20_000, 20))
before = moments.weighted_grams(X, X[:, :3], n_threads=4).tobytes()
warnings.simplefilter("ignore")  # newer Pythons warn of any fork with threads
child = os.fork()
if child == 0:
    same = moments.weighted_grams(X, X[:, :3], n_threads=4).tobytes() == before
    os._exit(0 if same and moments.weighted_grams(X, X[:, :3]).tobytes() == before else 3)
_, status = os.waitpid(child, 0)
assert moments.weighted_grams(X, X[:, :3], n_threads=4).tobytes() == before
print(os.waitstatus_to_exitcode(status))
"""
    done = run_python(code, timeout=60)
    assert done.stdout.strip() == "0", done.stderr


# ---- Ctrl-C ----


LONG = {
    # 600 Grams of 300,000 rows and 600 columns: 3e13 multiply-adds. Zeros take no memory until written to.
    "X = W = np.zeros((300_000, 600))": "moments.weighted_grams(X, W, n_threads={threads}, check_finite=False)",
    # 3e7 pairs of neurons, each two sums of 1000 products in twice the precision of float64.
    "net = ReLUNetwork(np.ones((8000, 1000)), np.ones(8000))": "net.variance()",
}


@pytest.mark.skipif(os.name == "nt", reason="signals are not sent to one process there")
@pytest.mark.parametrize(
    ("prepare", "threads"),
    [
        pytest.param(p, t, marks=pytest.mark.slow if t == 1 and "{threads}" in LONG[p] else ())
        for p in LONG
        for t in (1, 2)
        if "{threads}" in LONG[p] or t < 2
    ],
)
def test_ctrl_c_stops_a_long_kernel(prepare, threads):
    # Many minutes on one core or two and far beyond the time limit, so only a kernel that looks for the signal can end
    # in time.
    code = f"""
import numpy as np
from limbeck import ReLUNetwork, moments

{prepare}
print("ready", flush=True)
try:
    {LONG[prepare].format(threads=threads)}
except KeyboardInterrupt:
    print("interrupted", flush=True)
"""
    env = os.environ | {"PYTHONPATH": str(Path(limbeck.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, env=env) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(0.2)  # by now it is inside the kernel
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=60)
            assert output == "interrupted\n"
            assert process.returncode == 0
        finally:
            process.kill()


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals are not kept from threads there")
def test_a_short_kernel_does_not_look_for_signals():
    # Looking takes Python's lock, for which a kernel of some microseconds would wait a thousand times as long where
    # other threads compute. A timer's signal, which the main thread does not take in, comes to the other thread while
    # the main thread sleeps; its handler is run where the main thread looks next. Nothing looks between the calls of
    # map: a thread that sends the signal itself (pthread_kill) looks at once.
    seen, done = [], threading.Event()
    other = threading.Thread(target=done.wait)
    before = signal.signal(signal.SIGALRM, lambda *_: seen.append("handler"))
    t = np.ones(10)
    steps = [
        partial(signal.setitimer, signal.ITIMER_REAL, 0.05),
        partial(time.sleep, 0.3),  # until the other thread has it
        partial(_kernels.hermite_normalized, t, 3, 1),
        partial(seen.append, "kernel"),
    ]
    try:
        other.start()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
        # A busy machine may hold the thread up inside the kernel for the 50 ms after which it looks; not three times.
        for _ in range(3):
            seen.clear()
            list(map(operator.call, steps))
            if seen == ["kernel", "handler"]:
                break
        assert seen == ["kernel", "handler"]
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
        done.set()
        other.join()
        signal.signal(signal.SIGALRM, before)


# ---- What it says of itself ----


def test_show_config_prints_every_field(capsys):
    limbeck.show_config()
    printed = dict(line.split(":", 1) for line in capsys.readouterr().out.splitlines())
    printed = {name: value.strip() for name, value in printed.items()}
    assert printed["limbeck"] == limbeck.__version__
    assert printed["instruction set"] == _kernels.level
    assert printed["built"].split(", ") == list(_kernels.built_levels)
    assert printed["usable here"].split(", ") == list(_kernels.available_levels)
    assert printed["threads"] == str(_kernels.default_threads())
    assert printed["OpenMP"].startswith("yes" if _kernels.openmp else "no")
    assert printed["Eigen"] == _kernels.eigen
    assert printed["NumPy"] == np.__version__
    assert printed["Python"].startswith(".".join(map(str, sys.version_info[:3])))


def test_the_chosen_level_is_one_of_those_available():
    assert _kernels.level in _kernels.available_levels
    assert list(_kernels.available_levels.values()) == [f"_{n.split('-')[-1]}" for n in _kernels.available_levels]
