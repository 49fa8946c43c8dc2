"""A day's close in processes that are killed: `python -m tests.pipeline.killed_close CONNINFO DAY POINT…`.

Each process but the last kills itself with SIGKILL before the statement whose number is the next of the points. It prints how
many were killed so.
"""

import os
import signal
import sys
from datetime import datetime

ZONE = "Asia/Kolkata"


def main(conninfo: str, now: str, *points: str) -> None:
    from urja.base import log
    from urja.site.django import options as django_options

    log.configure("test", "error", json=True)
    django_options.setup(django_options.DjangoOptions(conninfo=conninfo, timezone=ZONE))
    # Imported before the processes are forked, which then begin at once.
    from urja.pipeline import post  # noqa: F401

    at = datetime.fromisoformat(now)
    statuses = [_status_of(at, int(point)) for point in points]
    assert _status_of(at, 0) == 0, "the last one ends"
    killed = sum(os.WIFSIGNALED(one) and os.WTERMSIG(one) == signal.SIGKILL for one in statuses)
    sys.stdout.write(f"{killed}\n")


def _status_of(now: datetime, point: int) -> int:
    if pid := os.fork():
        return os.waitpid(pid, 0)[1]
    close(now, point)
    os._exit(0)


def close(now: datetime, point: int = 0) -> int:
    """Run the stage `post` and return the number of its statements; before one of them the process kills itself."""
    from django.db import connection

    from urja.pipeline import post

    number = 0

    def count(execute, *given):
        nonlocal number
        number += 1
        if number == point:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*given)

    with connection.execute_wrapper(count):
        posted = post.post_due(now)
    assert not posted.closed.problems + posted.refused, posted
    return number


if __name__ == "__main__":
    main(*sys.argv[1:])
