"""What takes seconds to make and is the same for every test: made once a run, and copied afterwards.

The first worker that asks makes it; the others wait, and find it by an environment variable that they inherit.
"""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

PLACE = "PYTEST_MADE_ONCE"


def made_once(name: str, make: Callable[[Path], object]) -> Path:
    """The directory of that name, which `make` has written."""
    made = Path(os.environ[PLACE]) / name
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            fresh = made.with_suffix(".new")
            shutil.rmtree(fresh, ignore_errors=True)  # of one that failed
            make(fresh)
            fresh.rename(made)
    return made
