import io
import json
import logging

import structlog

from urja.base import log
from urja.base.ids import format_correlation, new_correlation


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
