"""Load a file: read it, and perform each row's operations, in one transaction or not at all.

A load that is killed has changed nothing and can be started again with the same result. The audit has one operation
of the kind `import`, with the file's name and SHA-256.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from django.db import connection, transaction

from urja.apps.journal.errors import RefusedError
from urja.apps.journal.models import AuditEntry
from urja.apps.journal.operation import Execution, UseCase, next_number, numbers_ahead
from urja.apps.local_zone import local_zone
from urja.base.keystore import KeyStore
from urja.usecases import registry_checks
from urja.usecases.loading import follow_up, staging
from urja.usecases.loading.cell_formats import FieldValueError, Reader, cell_text
from urja.usecases.loading.column_map import Map
from urja.usecases.loading.key_formats import Key
from urja.usecases.loading.row_files import FileFormatError, Rows, create_file, is_excel, open_rows
from urja.usecases.loading.staging import CopyBuffer, Fault, Load, Row
from urja.usecases.operation_execution import execute_many, recording_history
from urja.usecases.registry_checks import CheckResult

SHOWN_FAULTS: Final = 20
"""Faults that a report shows; the file of faults has all."""

_LONGEST: Final = 60
"""Characters of a cell that a fault shows."""


@dataclass(slots=True)
class Report:
    """The result of a load."""

    kind: str
    file: str
    sha256: str
    rows: int = 0
    """Rows of the file, without the heading and empty ones."""
    faulty: int = 0
    """Number of rows with faults."""
    faults: int = 0
    first: list[Fault] = field(default_factory=list)
    """The first of the faults."""
    counts: dict[str, int] = field(default_factory=dict)
    """How many rows of each table were created and changed; in a dry run, would be."""
    unused: list[str] = field(default_factory=list)
    """Columns of the file that the map does not name."""
    written: bool = False
    operation_id: int | None = None
    findings: list[CheckResult] = field(default_factory=list)
    """In a dry run: what the checks of the registry would find in addition."""


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """A file to load, and how."""

    path: Path
    map: Map
    recorded_at: datetime
    actor: str
    currency: str
    keys: KeyStore | None = None
    dry_run: bool = False
    good_rows: bool = False
    """Load the rows without faults, and exclude the others."""
    faults: Path | None = None
    """Where rows with faults are written, to be corrected and loaded again."""
    told: Callable[[str], None] = lambda _: None
    """Called with a text on progress."""
    bounds: Sequence[float] = ()
    """The utility's area, for the checks of a dry run."""


def load(order: LoadOrder) -> Report:
    """Load a file and return the result. Raises FileFormatError for an unreadable file, MappingFileError."""
    sha256 = _sha256(order.path)
    report = Report(order.map.kind.name, order.path.name, sha256)
    with transaction.atomic(), connection.cursor() as cursor:
        execution = Execution(next_number(), order.actor, order.recorded_at, takes_over=True)
        _load(order, partial(_opened, order), Load(cursor, order.map, execution, order.currency), report)
        if order.dry_run or not report.written:
            transaction.set_rollback(True)
    return report


Source = Callable[[], AbstractContextManager[Rows]]
"""Opens the rows of a load, once or twice."""


def load_rows(order: LoadOrder, rows: Source, report: Report) -> list[Fault]:
    """Load rows within the caller's transaction, which is taken back by the caller where there are faults; return them.

    Rows of several kinds are loaded one kind after the other. Raises MappingFileError.
    """
    with connection.cursor() as cursor:
        execution = Execution(next_number(), order.actor, order.recorded_at, takes_over=True)
        _load(order, rows, Load(cursor, order.map, execution, order.currency), report)
        faults = [fault for _, found in staging.faults_by_row(connection.connection) for fault in found]
        staging.drop_tables(cursor)
    return faults


def _load(order: LoadOrder, source: Source, load: Load, report: Report) -> None:
    later = (
        registry_checks.new_findings(
            partial(registry_checks.run_checks, order.recorded_at, bounds=order.bounds)
        )
        if order.dry_run
        else list
    )
    staging.create_tables(load)
    _read(order, source, load, report)
    staging.order_rows(load)
    order.told(f"{report.rows} rows read")
    _audit(load, report)
    asked_of = Counter[str]()
    written = planned = 0
    with numbers_ahead(), recording_history(load.execution):
        for rows in staging.batches(load):
            asked_of += _do(load, rows)
            order.told(f"written up to row {rows[-1].n}")
            written += len(rows)
            if written >= 2 * planned:
                # Triggers cache their plans, and a plan made for a table of a few rows scans it whole, however large it grows.
                load.cursor.execute("DISCARD PLANS")
                planned = written
    _tell_faults(order, load, report)
    if report.faulty and not order.good_rows:
        return
    report.counts = follow_up.count_rows(load, asked_of)
    report.written = bool(report.counts)
    if report.written:
        follow_up.apply_follow_up(load)
        report.operation_id = load.execution.id
        AuditEntry.objects.filter(id=load.execution.id).update(outcome=_outcome(report))
    report.findings = later()


def _do(load: Load, rows: Sequence[Row]) -> Counter[str]:
    """Perform the operations of rows, each guarded like any other operation; refusals are stored with the other
    faults.

    Return the number of requests to other apps, by kind.
    """
    # Rows cached for the batch before may have changed with it.
    load.execution.found.clear()
    row_operations = import_module(f"urja.usecases.loading.row_operations.{load.map.kind.name}")
    row_operations.prefetch(load, rows)
    done = execute_many(
        load.execution, [partial(_asked, row_operations, load, row) for row in rows], load.map.system
    )
    asked = Counter[str]()
    faults: list[Fault] = []
    for row, (part, said) in zip(rows, done, strict=True):
        faults += row.faults
        if said and not row.faults:
            faults += [Fault(row.n, "row", "", sentence, "") for sentence in dict.fromkeys(said)]
        if not said:
            asked.update(what for what, *_ in part.outside)
            asked["external"] += part.outcome.get("external", 0)
    staging.add_faults(load, faults)
    return asked


def _asked(row_operations: ModuleType, load: Load, row: Row, execution: Execution) -> Sequence[UseCase]:
    row.faults.clear()
    operations = list(row_operations.operations_of(load, execution, row))
    if row.faults:
        raise RefusedError([fault.sentence for fault in row.faults])
    return operations


def _outcome(report: Report) -> dict[str, object]:
    return {"rows": report.rows, "faulty": report.faulty, "counts": report.counts}


def _audit(load: Load, report: Report) -> None:
    AuditEntry.objects.create(
        id=load.execution.id,
        kind="import",
        content={
            "file": report.file,
            "sha256": report.sha256,
            "kind": report.kind,
            "system": load.map.system,
        },
        actor=load.execution.actor,
        recorded_at=load.execution.recorded_at,
    )


def _read(order: LoadOrder, source: Source, load: Load, report: Report) -> None:
    """Read the file's rows into `load_row`, and the faults of unreadable ones into `load_fault`."""
    with source() as rows, staging.copy_buffer(load) as copying:
        places = _places(order.map, rows, order.path)
        used = {place for place, _ in places.values()}
        report.unused = [
            name for place, name in enumerate(rows.heading) if place not in used and name not in _OURS
        ]
        zone = local_zone()
        readers = [
            _Column(source.field.name, *_place(source, places), source.reader(zone, order.keys),
                    secret=isinstance(source.field.form, Key))
            for source in order.map.sources
        ]  # fmt: skip
        width = len(rows.heading)
        for n, cells in rows:
            if not any(cells) and all(cell in ("", None) for cell in cells):
                continue
            report.rows += 1
            _read_row(copying, readers, n, cells, width)


@dataclass(slots=True)
class _Column:
    """A field of each row: its position in the file, or its fixed value."""

    name: str
    place: int | None
    fixed: str | None
    read: Reader
    secret: bool


def _place(source: Any, places: dict[str, tuple[int, str]]) -> tuple[int | None, str | None]:
    return (places[source.field.name][0], None) if source.column is not None else (None, source.value)


def _read_row(
    copying: CopyBuffer, columns: Sequence[_Column], n: int, cells: Sequence[object], width: int
) -> None:
    values: list[str | None] = []
    good = True
    if len(cells) > width and any(cell not in ("", None) for cell in cells[width:]):
        copying.fault(
            Fault(
                n,
                "row",
                "",
                f"it has {len(cells)} cells, the heading {width}",
                "is a comma missing its quotes?",
            )
        )
        good = False
    for column in columns:
        place = column.place
        cell = column.fixed if place is None else cells[place] if place < len(cells) else None
        try:
            values.append(column.read(cell))
        except FieldValueError as bad:
            shown = "" if column.secret else cell_text(cell)[:_LONGEST]
            copying.fault(Fault(n, column.name, shown, bad.sentence, bad.remedy))
            good = False
    if good:
        copying.row(n, values)


_OURS: Final = frozenset({"fault_row", "fault", "remedy"})
"""Columns that a file of faults has in addition to those of the loaded file."""


def _places(the_map: Map, rows: Rows, path: Path) -> dict[str, tuple[int, str]]:
    """Return the position and name of each field's column. Raises FileFormatError for missing columns."""
    where = {name: place for place, name in enumerate(rows.heading)}
    missing = [
        source for source in the_map.sources if source.column is not None and source.column not in where
    ]
    if missing:
        named = [f"{source.column!r} (line {source.line} of the map)" for source in missing]
        has = _some(rows.heading, ", ")
        raise FileFormatError(
            f"{path.name} has no column {_some(named, '; ')}; it has {has}{_elsewhere(rows, path)}"
        )
    return {
        source.field.name: (where[source.column], source.column)
        for source in the_map.sources
        if source.column is not None
    }


_SHOWN: Final = 12
"""Column names that an error message lists."""


def _some(names: Sequence[str], between: str) -> str:
    more = len(names) - _SHOWN
    return between.join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _elsewhere(rows: Rows, path: Path) -> str:
    """Return what a heading without the columns suggests to change in the map."""
    if rows.apart is not None and not is_excel(path):
        written = rows.apart.replace("\t", "\\t")
        return f'. Are its columns separated by {written}? Set delimiter = "{written}" in the map'
    where = "header or sheet" if is_excel(path) else "header"
    return f". Where the names are elsewhere, set {where} in the map"


@contextmanager
def _opened(order: LoadOrder) -> Iterator[Rows]:
    the_map = order.map
    with open_rows(
        order.path,
        header=the_map.header,
        encoding=the_map.encoding,
        delimiter=the_map.delimiter,
        sheet=the_map.sheet,
    ) as rows:
        yield rows


def _tell_faults(order: LoadOrder, load: Load, report: Report) -> None:
    load.cursor.execute("SELECT count(*), count(DISTINCT n) FROM load_fault")
    report.faults, report.faulty = load.cursor.fetchone()
    load.cursor.execute(
        "SELECT n, field, value, sentence, remedy FROM load_fault ORDER BY n, field LIMIT %s", [SHOWN_FAULTS]
    )
    report.first = [staging.fault_of(row) for row in load.cursor.fetchall()]
    if order.faults is not None and report.faulty:
        _write_faults(order)


def _write_faults(order: LoadOrder) -> None:
    """Write the rows with faults as they were given, with fault and remedy, as a file that can be loaded again."""
    the_map = order.map
    numbers = the_map.sources[0].numbers
    assert order.faults is not None, "asked before"
    with (
        _opened(order) as rows,
        create_file(
            order.faults, delimiter=the_map.delimiter, encoding=the_map.encoding, numbers=numbers
        ) as out,
    ):
        kept = [place for place, name in enumerate(rows.heading) if name not in _OURS]
        # As many rows above the heading as in the loaded file, so that the same map fits.
        for _ in range(1, the_map.header):
            out.row([])
        out.row([*(rows.heading[place] for place in kept), "fault_row", "fault", "remedy"])
        given = iter(rows)
        for n, faults in staging.faults_by_row(connection.connection):
            cells = next(cells for number, cells in given if number == n)
            out.row(
                [
                    *(cells[place] if place < len(cells) else "" for place in kept),
                    str(n),
                    " | ".join(f"{_said(the_map, fault)}: {fault.sentence}" for fault in faults),
                    " | ".join(dict.fromkeys(fault.remedy for fault in faults if fault.remedy)),
                ]
            )


def _said(the_map: Map, fault: Fault) -> str:
    column = the_map.column_of(fault.field)
    return f"{column} {fault.value!r}" if fault.value else column


def fault_sentences(report: Report, the_map: Map) -> list[str]:
    """Return the first faults as sentences."""
    return [
        f"{_where(the_map, one)}: {'; '.join(filter(None, (one.sentence, one.remedy)))}"
        for one in report.first
    ]


def _where(the_map: Map, one: Fault) -> str:
    return f"row {one.n}" if one.field == "row" else f"row {one.n}, {_said(the_map, one)}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FileFormatError(f"{path} cannot be read: {error.strerror}") from error
