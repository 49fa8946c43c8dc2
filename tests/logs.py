"""What is logged, for tests, where other threads log as well."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from structlog.typing import EventDict


@contextmanager
def logged() -> Iterator[list[EventDict]]:
    """Whatever is logged in the block, by any thread.

    `structlog.testing.capture_logs` empties the list of processors while another thread goes through it: that thread's line
    then reaches its logger as it is, and raises. Here each thread goes through a list to its end.
    """
    kept = structlog.testing.LogCapture()
    before = structlog.get_config()["processors"]
    structlog.configure(processors=[kept])
    try:
        yield kept.entries
    finally:
        structlog.configure(processors=before)


def show_plain_tracebacks() -> None:
    """Lines for a terminal with the interpreter's own tracebacks.

    The library's are drawn with the values of all local variables: a second of processor time each, in which an event loop
    stands still and connections are lost.
    """
    *others, _ = structlog.get_config()["processors"]
    shown = structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*others, shown])
