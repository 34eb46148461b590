"""Build the extensions with GCC's sanitizers and run the tests on them.

    python tests/sanitized.py SANITIZERS FOLDER [--levels v3] [-- PYTEST_ARGUMENTS]

SANITIZERS is "address,undefined" or "thread". What is built goes to FOLDER, and so does a copy of the package with it:
the source tree keeps its own extensions. A finding ends its process at once, so no test can pass over it; it is left in
FOLDER/finding.PID, for pytest captures what is printed. Without arguments for pytest, all tests run but those of words,
pictures and tables, which call no kernel that others do not. The interpreter needs what the build and the tests need.
"""

import os
import shutil
import subprocess
import sys
import tomllib
from argparse import ArgumentParser, RawDescriptionHelpFormatter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEFT_OUT = ["cli", "datasets", "estimators", "exports", "package", "plots", "tables"]  # folders of tests
OPTIONS = {
    # CPython keeps memory until the end, which is no leak. Absurd sizes are a MemoryError, as they are elsewhere.
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1:allocator_may_return_null=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:die_after_fork=0:allocator_may_return_null=1",
}
# Libraries that were built without sanitizers must not share memory among threads in ways that cannot be seen.
ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def build(sanitizers, folder, levels):
    import pybind11

    options = {
        "CMAKE_BUILD_TYPE": "RelWithDebInfo",
        "SKBUILD_PROJECT_VERSION": tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"],
        "Python_EXECUTABLE": sys.executable,
        "pybind11_DIR": pybind11.get_cmake_dir(),
        "LIMBECK_SANITIZE": sanitizers,
        "LIMBECK_LEVELS": ";".join(f"x86-64-{level}" for level in levels),
    }
    subprocess.run(["cmake", "-S", ROOT, "-B", folder, *(f"-D{k}={v}" for k, v in options.items())], check=True)
    targets = ["_cpu", *(f"_{level}" for level in levels)]
    subprocess.run(["cmake", "--build", folder, "--parallel", "--target", *targets], check=True)
    package = folder / "package"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(ROOT / "python", package, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    for target in targets:
        for built in folder.glob(f"{target}.*.so"):
            shutil.copy(built, package / "limbeck" / "_kernels")
    return package


def library(name):
    found = subprocess.run(["g++", f"-print-file-name=lib{name}.so"], capture_output=True, text=True, check=True)
    return str(Path(found.stdout.strip()).resolve())


def main():
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("sanitizers", choices=["address,undefined", "thread"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--levels", nargs="+", default=["v3"])
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    asked, given = parser.parse_args(sys.argv[1:end]), sys.argv[end + 1 :]
    folder = asked.folder.resolve()
    package = build(asked.sanitizers, folder, asked.levels)
    # A sanitizer must be there before everything else, and with it libstdc++, whose exceptions it watches.
    first = ["tsan"] if asked.sanitizers == "thread" else ["asan", "ubsan"]
    preload = " ".join(map(library, [*first, "stdc++"]))
    folders = [ROOT / "tests" / name for name in LEFT_OUT]
    assert all(path.is_dir() for path in folders), folders
    given = given or [f"--ignore={path}" for path in folders]
    options = {name: f"{value}:log_path={folder}/finding" for name, value in OPTIONS.items()}
    for finding in folder.glob("finding.*"):
        finding.unlink()
    code = 0
    for level in asked.levels:
        env = os.environ | ONE_THREAD | options | {"LIMBECK_ISA": f"x86-64-{level}", "PYTHONPATH": str(package)}
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *given]
        done = subprocess.run(command, env=env | {"LD_PRELOAD": preload}, cwd=ROOT, check=False)
        code = code or done.returncode
    for finding in folder.glob("finding.*"):
        print(finding, finding.read_text(), sep="\n")
        code = code or 1
    return code


if __name__ == "__main__":
    sys.exit(main())
