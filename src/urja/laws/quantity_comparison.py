"""Stored intervals compared with the meters' truth files, quantity by quantity.

The tables are read as rows, and what the truth calls a quantity is written here again: no code that converted or stored a
reading is used.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from urja.laws.connections import Connection
from urja.laws.truth_comparison import NO_STEPS
from urja.laws.verify import Finding
from urja.meter.truth import TruthRecord, distinct

_ELECTRICITY: Final = {
    1000: "drawn_mwh",
    1020: "import_mvah",
    1040: "exported_mwh",
    1060: "export_mvah",
    1120: "q1_mvarh",
    1140: "q4_mvarh",
    1180: "q2_mvarh",
    1200: "q3_mvarh",
}
"""What a truth record has of an interval, in thousandths, by the number of the quantity that an interval has of it: those
of the grid, without a generator's part.
"""
_GENERATOR: Final = {1500: "dg_drawn_mwh", 1520: "dg_import_mvah", 1540: "dg_exported_mwh"}
_SHOWN: Final = 20
_FIRST_REGISTER: Final = 2000
_FIRST_MAXIMUM: Final = 3000
"""Registers have every twentieth number between these, and the next eight are those of their zones."""
_GAS: Final = {6000: "drawn_ml"}
_INTERVALS: Final = """
    SELECT d.serial, extract(epoch FROM i.start_at)::bigint, c.quantities, i."values"
    FROM (SELECT DISTINCT ON (device_id, start_at) * FROM readings_interval WHERE series = 1 AND start_at < %s
        ORDER BY device_id, start_at, version DESC) i
    JOIN readings_channel_set c ON c.id = i.channel_set JOIN assets_device d ON d.id = i.device_id
    ORDER BY 1, 2
"""
_BILLING: Final = """
    SELECT d.serial, r.read_at, c.quantities, r."values"
    FROM (SELECT DISTINCT ON (device_id, read_at) * FROM readings_register WHERE kind = 3 AND read_at < %s
        ORDER BY device_id, read_at, version DESC) r
    JOIN readings_channel_set c ON c.id = r.channel_set JOIN assets_device d ON d.id = r.device_id
    ORDER BY 1, 2
"""


def examine_quantities(
    connection: Connection,
    records: Iterable[TruthRecord],
    horizon: datetime,
    steps: Mapping[str, int] = NO_STEPS,
) -> list[Finding]:
    """Check all stored intervals that began before `horizon`, quantity by quantity, and the zones of billing profiles.

    `steps` is as in `TrueEnergy.of`. Whether an interval that was drawn is stored is another law.
    """
    return [
        Finding(
            "quantities_are_the_truth",
            "each stored value of an interval is what its meter's truth file has of that quantity",
            tuple(islice(_false_values(connection, records, horizon, steps), _SHOWN)),
        ),
        Finding(
            "zones_sum_to_their_total",
            "the zone registers of each stored billing profile sum to the total within one step of each register",
            tuple(islice(_zones_apart(connection, horizon, steps), _SHOWN)),
        ),
    ]


def _zones_apart(connection: Connection, horizon: datetime, steps: Mapping[str, int]) -> Iterator[str]:
    """Yield each total of a billing profile that its zones do not sum to, as a sentence.

    Each register is cut downwards by itself: the total is at most one step of each zone above their sum, or one step of its own
    below.
    """
    for serial, at, quantities, values in connection.execute(_BILLING, [horizon]):
        known = {number: value for number, value in zip(quantities, values, strict=True) if value is not None}
        step = steps.get(serial, 1)
        for number, value in known.items():
            if number % 20 or not _FIRST_REGISTER <= number < _FIRST_MAXIMUM:
                continue
            zones = [known[zone] for zone in range(number + 1, number + 9) if zone in known]
            if zones and not -step <= value - sum(zones) <= step * len(zones):
                yield f"{serial} {at}: quantity {number} is {value}, its {len(zones)} zones sum to {sum(zones)}"


def _false_values(
    connection: Connection, records: Iterable[TruthRecord], horizon: datetime, steps: Mapping[str, int]
) -> Iterator[str]:
    """Yield each false value as a sentence.

    Values are cut downwards to whole base units, or to the step of the meter by its serial. Values that the meter did
    not send, and quantities that the truth has not, are not compared.
    """
    true: dict[tuple[str, int], list[dict[int, int]]] = defaultdict(list)
    for record in distinct(records):
        true[record.serial, record.start_s].append(_quantities_of(record))
    for serial, start_s, quantities, values in connection.execute(_INTERVALS, [horizon]):
        step = steps.get(serial, 1)
        # Several, where the meter's clock was set back over a start.
        drawn = true.get((serial, start_s), [])
        for number, value in zip(quantities, values, strict=True):
            wanted = [one[number] // (1000 * step) * step for one in drawn if number in one]
            if value is not None and wanted and value not in wanted:
                at = datetime.fromtimestamp(start_s, UTC)
                yield f"{serial} {at}: quantity {number} was {wanted}, stored {value}"


def _quantities_of(record: TruthRecord) -> dict[int, int]:
    """Return what the truth has of an interval by the numbers of quantities, in thousandths of their base units."""
    more = record.more
    if "drawn_ml" in more:
        return {number: more[name] for number, name in _GAS.items()}
    found = {"drawn_mwh": record.drawn_mwh, "exported_mwh": record.exported_mwh} | more
    grid = {
        number: found[name] - more.get(f"dg_{name}", 0)
        for number, name in _ELECTRICITY.items()
        if name in found
    }
    # A generator that has never run has no part in the record, and its registers stand.
    return grid | {number: more.get(name, 0) for number, name in _GENERATOR.items()}
