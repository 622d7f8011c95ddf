"""train.py with faults: installs those that STILTS_TEST_FAULTS names, then runs it. For tests of launchers."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent


def main() -> int:
    """The exit code of the real train.py."""
    sys.path[:0] = [str(HERE), str(HERE.parents[1])]
    import faults

    import train

    faults.from_environment(os.environ)
    return train.main(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
