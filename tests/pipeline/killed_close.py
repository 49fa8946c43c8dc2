"""A day's close in processes that are killed: `python -m tests.pipeline.killed_close CONNINFO NOW`.

Each line of standard input is JSON: the name of a database, and for each process (`post`, the pipeline's, or `beside`, which
closes beside it) pairs of a number of its statements and what it kills before the next one: `itself`, or the `server` of
the database. It is then started again with its next pair, as the supervisor does it. Standard output has a line for each kill
and each process that comes to its end, and `closed` at last. After the line `server` the server is to be started, and a line of standard
input says that it was.
"""

import json
import os
import resource
import signal
import sys
from datetime import datetime
from pathlib import Path

ZONE = "Asia/Kolkata"
WITHOUT_SERVER, SERVER_KILLED = 3, 4
"""Exit statuses of a process whose connection is lost, and of the one that has killed the server."""


def main(conninfo: str, now: str) -> None:
    from urja.base import log
    from urja.site.django import options as django_options

    log.configure("test", "error", json=True)
    django_options.setup(django_options.DjangoOptions(conninfo=conninfo, timezone=ZONE))
    # Imported before the processes are forked, which then begin at once.
    from django.db import connection

    from urja.pipeline import post

    at = datetime.fromisoformat(now)
    while line := sys.stdin.readline():
        connection.settings_dict["NAME"], points = json.loads(line)
        _close(at, points)
        again = post.post_due(at)
        assert not again.entries + again.closed.days + again.statements, "a second run posts nothing"
        connection.close()
        _say("closed")


def _close(at: datetime, to_come: dict[str, list[tuple[int, str]]]) -> None:
    """Close in processes, each of which is killed at its points."""
    unfinished, running = set(to_come), dict[int, str]()

    def start(name: str) -> None:
        if pid := os.fork():
            running[pid] = name
        else:
            _run(name, at, *next(iter(to_come[name]), (0, "")))

    while unfinished:
        for name in sorted(unfinished):
            start(name)
        is_away = False
        while running:
            pid, status = os.wait()
            name, ended = running.pop(pid), os.waitstatus_to_exitcode(status)
            is_away |= ended in (WITHOUT_SERVER, SERVER_KILLED)
            if ended in (-signal.SIGKILL, SERVER_KILLED):
                _, target = to_come[name].pop(0)
                _say("killed", target, name)
                if not is_away:
                    start(name)
            elif ended != WITHOUT_SERVER:
                assert ended == 0, f"{name} ended with {ended}"
                unfinished.discard(name)
        if is_away:
            # Also what has come to its end: a server without fsync forgets the last commits.
            unfinished = set(to_come)
            _say("server")
            sys.stdin.readline()


def _say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def _run(name: str, now: datetime, point: int, target: str) -> None:
    """Close in this process, say how many statements, seconds of processor time and MiB that took, and end the process."""
    from django.db import InterfaceError, OperationalError, connection

    from urja.pipeline import close, post

    number = 0

    def count(execute, *given):
        nonlocal number
        number += 1
        if number == point and target == "itself":
            os.kill(os.getpid(), signal.SIGKILL)
        if number == point and target == "server":
            _kill_server_of(connection.connection.info.backend_pid)
            os._exit(SERVER_KILLED)
        return execute(*given)

    try:
        with connection.execute_wrapper(count):
            if name == "post":
                posted = post.post_due(now)
                problems = posted.closed.problems + posted.refused
            else:
                problems = close.close_days(now).problems
    except (OperationalError, InterfaceError):
        os._exit(WITHOUT_SERVER)
    assert not problems, problems
    used = resource.getrusage(resource.RUSAGE_SELF)
    _say("done", name, number, "statements", f"{used.ru_utime:.0f}", "s", used.ru_maxrss // 1024, "MiB")
    os._exit(0)


def _kill_server_of(backend: int) -> None:
    """Kill the server at once: its first process, which would end or start others, and all that it has started."""
    # Imported here: it takes half a second.
    from tests.site.test_postgres import wait_gone

    first = int(Path(f"/proc/{backend}/stat").read_text().rpartition(") ")[2].split()[1])
    others = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    for pid in (first, *map(int, others)):
        os.kill(pid, signal.SIGKILL)
    for pid in (first, *map(int, others)):
        wait_gone(pid)


if __name__ == "__main__":
    main(*sys.argv[1:])
