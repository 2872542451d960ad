"""Print the bytes that a contender needs: `python -m benchmarks.peak NAME FILE`.

A first run on a scan of few voxels loads everything that should not count.
"""

import sys
from pathlib import Path

from benchmarks import sample
from benchmarks.contenders import CONTENDERS
from benchmarks.measure import extra_bytes


def main() -> None:
    """Measure the contender named on the command line."""
    contender, scan = CONTENDERS[sys.argv[1]], sample.load(Path(sys.argv[2]))
    contender(sample.thinned(scan))()
    print(extra_bytes(contender(scan)))


if __name__ == "__main__":
    main()
