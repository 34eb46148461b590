"""limbeck beside its peers and beside the machine's own limits.

    python bench/compare.py [--quick] [--json PATH] [--only SECTION ...]

All sides of a row run in one process, interleaved, in alternating order, with the same number of threads; medians are
shown, and the errors of both sides, against extended precision, stand beside the times. Slower is reported as slower.
"""

import argparse
import json
from pathlib import Path

from comparisons import apply, gram, imports, kernels, machine, memory, refine, ridgeless, simulate, stream
from comparisons.table import render

SECTIONS = {
    "gram": gram.run,
    "apply": apply.run,
    "kernels": kernels.run,
    "refine": refine.run,
    "ridgeless": ridgeless.run,
    "stream": stream.run,
    "simulate": simulate.run,
    "memory": memory.run,
    "import": imports.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller problems and fewer rounds")
    parser.add_argument("--json", type=Path, metavar="PATH", help="also write the rows, unrounded, to this file")
    names = ", ".join(SECTIONS)
    parser.add_argument(
        "--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION", help=f"some of: {names}"
    )
    options = parser.parse_args()

    about = machine.show()
    rows = {}
    for name in options.only:
        section = SECTIONS[name](options.quick)
        rows[section.name] = section.rows
        print("\n" + render(section), flush=True)
    if options.json:
        report = {"machine": about, "quick": options.quick, "sections": rows}
        options.json.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
