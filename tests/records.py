"""Records by the names that tests call their quantities by: fields of the layout that was written until codec version 2."""

import numpy as np

from urja.stream.records import BLOCK, EARLIER, EARLIER_VALUES, REGISTER

BLOCK_FIELDS = EARLIER[2]["block"]
REGISTER_FIELDS = EARLIER[2]["register"]


def _kind(dtype):
    return "block" if "start_at" in dtype.names else "register"


def as_values(fields):
    """Return records of a single-phase meter as they travel today, from records with a field for each quantity."""
    kind = _kind(fields.dtype)
    records = np.zeros(len(fields), BLOCK if kind == "block" else REGISTER)
    for name in records.dtype.names:
        if name != "values":
            records[name] = fields[name]
    for place, name in enumerate(EARLIER_VALUES[kind]):
        records["values"][:, place] = fields[name]
    return records


def as_fields(records):
    """Return records of a single-phase meter with a field for each quantity."""
    if "values" not in records.dtype.names:
        return records
    kind = _kind(records.dtype)
    fields = np.zeros(len(records), EARLIER[2][kind])
    for name in records.dtype.names:
        if name in fields.dtype.names:
            fields[name] = records[name]
    for place, name in enumerate(EARLIER_VALUES[kind]):
        fields[name] = records["values"][:, place]
    return fields
