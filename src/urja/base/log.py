"""Structured logs, one JSON object a line, in the same form in every process.

A push, payment or command carries a correlation id from end to end, logged under `correlation`, so that one search
shows its whole history (`docs/operations.md`).
"""

import logging
import sys
from typing import TextIO

import structlog

from urja.base.ids import format_correlation


def _readable_correlation(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    for key in ("correlation", "correlations"):
        value = event.get(key)
        if isinstance(value, int):
            event[key] = format_correlation(value)
        elif isinstance(value, (list, tuple)):
            event[key] = [format_correlation(item) if isinstance(item, int) else item for item in value]
    return event


def configure(process: str, level: str = "info", *, json: bool = True, stream: TextIO | None = None) -> None:
    """Set up logging for a process: `json` for machines, otherwise coloured lines for a terminal."""
    output = stream or sys.stderr
    threshold = logging.getLevelNamesMapping()[level.upper()]
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        _readable_correlation,
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if json else structlog.dev.ConsoleRenderer()
    )
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.WriteLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(process=process)
    # Libraries log through the standard module: the same renderer writes their lines.
    handler = logging.StreamHandler(output)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=shared))
    logging.basicConfig(handlers=[handler], level=threshold, force=True)
