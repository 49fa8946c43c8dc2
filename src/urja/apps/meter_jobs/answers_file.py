"""What the meters of a job have said, as a CSV file: a line for each value of each row, with its unit and scaler."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from urja.apps.meter_jobs.models import Task
from urja.base.csv_texts import with_apostrophe

HEADS: Final = (
    "row", "meter", "consumer_number", "state", "asked_at", "answered_at", "profile", "captured_at", "obis", "attribute",
    "name", "value", "unit", "scaler",
)  # fmt: skip
"""`captured_at` is the row's own instant, where the profile has one."""


def csv_of(tasks: Sequence[Task], said: Mapping[int, Mapping[str, Any]]) -> str:
    """The file. A meter that has said nothing, or whose answer is not shown to the caller, has no line."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(HEADS)
    for task in tasks:
        for table in said.get(task.id, {}).get("shown", ()):
            writer.writerows(map(with_apostrophe, [*_of(task), *line]) for line in _lines(table))
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


def _lines(table: Mapping[str, Any]) -> Iterator[list[str]]:
    columns = table["columns"]
    stamp = next((place for place, column in enumerate(columns) if column["instant"]), None)
    for row in table["rows"]:
        captured_at = "" if stamp is None else _text(row[stamp])
        for place, (column, value) in enumerate(zip(columns, row, strict=True)):
            if place != stamp:
                told = [column.get(name) for name in ("obis", "attribute", "name")]
                meant = [column.get(name) for name in ("unit", "scaler")]
                yield [table["profile"], captured_at, *map(_text, [*told, value, *meant])]


def _text(value: Any) -> str:
    """Nothing is empty: a meter that does not measure something says no zero."""
    return "" if value is None else str(value)
