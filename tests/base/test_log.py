import io
import json
import logging
import threading
from collections.abc import Iterator

import pytest
import structlog
from tests.logs import logged

from urja.base import log
from urja.base.ids import format_correlation, new_correlation


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    """Later tests of this process log as they did."""
    before, root = structlog.get_config(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.configure(**before)
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)


def lines(stream: io.StringIO) -> list[dict]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_one_object_with_a_readable_correlation():
    stream, correlation = io.StringIO(), new_correlation(1_700_000_000_000, 7)
    log.configure("headend", stream=stream)
    structlog.get_logger().info("push accepted", correlation=correlation, correlations=[correlation])
    [line] = lines(stream)
    assert line["process"] == "headend"
    assert line["event"] == "push accepted"
    assert line["correlation"] == format_correlation(correlation)
    assert line["correlations"] == [format_correlation(correlation)]


def test_libraries_take_the_same_shape():
    stream = io.StringIO()
    log.configure("web", "warning", stream=stream)
    logging.getLogger("django.request").error("Internal Server Error: %s", "/")
    logging.getLogger("django.request").info("not asked for")
    [line] = lines(stream)
    assert (line["event"], line["level"], line["process"]) == ("Internal Server Error: /", "error", "web")


def test_a_line_of_another_thread_is_written_though_a_test_begins_to_keep_lines():
    """As of a gateway in a thread of its own: it was in the middle of its processors, which were taken away."""
    begun, go_on, faults, written = threading.Event(), threading.Event(), [], io.StringIO()

    def wait(_logger, _method, event):
        begun.set()
        go_on.wait()
        return event

    def tell() -> None:
        try:
            structlog.get_logger().info("webhook", name="payment.captured")
        except TypeError as fault:
            faults.append(fault)

    structlog.configure(
        [wait, structlog.processors.JSONRenderer()], logger_factory=structlog.WriteLoggerFactory(written)
    )
    thread = threading.Thread(target=tell)
    thread.start()
    begun.wait()
    with logged() as logs:
        structlog.get_logger().info("ours")
        go_on.set()
        thread.join()
    assert faults == []
    assert [line["event"] for line in logs] == ["ours"]
    assert [line["event"] for line in lines(written)] == ["webhook"]
