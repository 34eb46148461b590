"""``python -m limbeck``: the same as the command ``limbeck``."""

import sys

from limbeck.cli import main

if __name__ == "__main__":
    sys.exit(main())
