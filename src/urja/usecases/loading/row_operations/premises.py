"""Rows of premises, created or changed."""

from collections.abc import Iterator, Sequence
from typing import Final

from urja.apps.journal.operation import Execution, UseCase
from urja.usecases.loading.row_operations.external_ownership import RecordOwnership
from urja.usecases.loading.staging import Load, Row
from urja.usecases.premises import PutPremise, premises_of

_COLUMNS: Final = {
    name: name for name in ("code", "kind", "name", "address", "pin_code", "latitude", "longitude")
}


def prefetch(load: Load, rows: Sequence[Row]) -> None:
    load.execution.find_ahead(premises_of, [row[name] for row in rows for name in ("code", "parent")])


def operations_of(load: Load, execution: Execution, row: Row) -> Iterator[UseCase]:
    known = execution.find(premises_of, row["code"])
    above = execution.find(premises_of, row["parent"]) if row["parent"] else None
    if row["parent"] and above is None:
        row.fault(
            "parent",
            "there is no premise with this code and without a fault",
            "load it too, or correct the code",
        )
    if known is None and row["code"].startswith("premise:"):
        row.fault("code", "no premise without a code has this key", "give the premise a code of its own")
    values = load.said(row, _COLUMNS)
    if known is None:
        values |= {name: load.value(row, name) for name in ("kind", "name", "address", "pin_code")}
    elif known.code is None:
        del values["code"]
    yield PutPremise(
        values=values, known=None if known is None else known.id, part_of=None if above is None else above.id
    )
    if load.map.system:
        owned = [name for name in _COLUMNS if name != "code" and load.covers(name)]
        yield RecordOwnership(system=load.map.system, premise_code=row["code"], owned={"premise": owned})
