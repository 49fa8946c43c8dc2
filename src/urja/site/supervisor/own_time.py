"""The time that a process had for itself: on a busy machine it is less than what has passed."""

import time
from pathlib import Path


class OwnTime:
    """Seconds of a process without those in which it was ready to run and other work had the processors."""

    def __init__(self) -> None:
        self._at_s, self._pid, self._held_up_s = time.monotonic(), 0, 0.0

    def passed(self, pid: int | None) -> float:
        """Return the seconds since the last call, or since the beginning; without a process, all that have passed."""
        now_s, held_up_s = time.monotonic(), 0.0 if pid is None else held_up(pid)
        passed_s, waited_s = now_s - self._at_s, held_up_s - (self._held_up_s if pid == self._pid else 0.0)
        self._at_s, self._pid, self._held_up_s = now_s, pid or 0, held_up_s
        # Threads wait beside each other, and one that has ended is counted no more.
        return passed_s - min(max(waited_s, 0.0), passed_s)


def held_up(pid: int) -> float:
    """Return for how many seconds the threads of a process have waited for a processor; 0 once it has ended.

    It is the second number of `schedstat` (Linux, Documentation/scheduler/sched-stats.rst), in nanoseconds.
    """
    waited_ns = 0
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            waited_ns += int((thread / "schedstat").read_text("ascii").split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return waited_ns / 1e9
