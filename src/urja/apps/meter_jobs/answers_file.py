"""The answers of a job's meters as a CSV file: one row for each value, with unit and scaler."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from urja.apps.meter_jobs.models import Task
from urja.base.csv_texts import with_apostrophe
from urja.base.untyped_values import JsonMapping

HEADS: Final = (
    "row", "meter", "consumer_number", "state", "asked_at", "answered_at", "profile", "captured_at", "obis", "attribute",
    "name", "value", "unit", "scaler",
)  # fmt: skip
"""Headings of the columns. `captured_at` is the time of the profile's own row, where the profile has one."""


def csv_of(tasks: Sequence[Task], said: Mapping[int, JsonMapping]) -> str:
    """Return the file as text.

    `said` are the tasks' results by task number. A meter without an answer, or whose answer the caller may not see,
    has no row. Texts that a spreadsheet would run as a formula are escaped.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADS)
    for task in tasks:
        for table in said.get(task.id, {}).get("shown", ()):
            writer.writerows(map(with_apostrophe, [*_of(task), *line]) for line in _rows(table))
    return file.getvalue()


def _of(task: Task) -> list[str]:
    number = task.service_point.consumer_number if task.service_point else ""
    asked_at, answered_at = (at.isoformat() if at else "" for at in (task.sent_at, task.ended_at))
    return [
        str(task.position),
        task.device.serial if task.device else task.named,
        number,
        task.state,
        asked_at,
        answered_at,
    ]


def _rows(table: JsonMapping) -> Iterator[list[str]]:
    columns = table["columns"]
    stamp = next((index for index, column in enumerate(columns) if column["instant"]), None)
    for row in table["rows"]:
        captured_at = "" if stamp is None else _text(row[stamp])
        for index, (column, value) in enumerate(zip(columns, row, strict=True)):
            if index != stamp:
                described = [column.get(name) for name in ("obis", "attribute", "name")]
                scaled = [column.get(name) for name in ("unit", "scaler")]
                yield [table["profile"], captured_at, *map(_text, [*described, value, *scaled])]


def _text(value: object) -> str:
    """Return a value as text, empty for none: a meter that does not measure something must not show as 0."""
    return "" if value is None else str(value)
