"""The catalogue as the table of docs/quantities.md: `python -m tests.quantities.table` prints it."""

import sys

from urja.quantities.catalogue import QUANTITIES
from urja.quantities.cim import reading_type
from urja.quantities.obis import codes


def rows() -> list[str]:
    """Return the table in Markdown; zones 2 to 8 and phases L2 and L3 follow the first of each."""
    table = ["| Id | Name | Unit | OBIS | CIM ReadingType |", "|---|---|---|---|---|"]
    for one in QUANTITIES:
        if one.zone <= 1 and one.phase.value not in ("l2", "l3"):
            obis = ", ".join(codes(one))
            table.append(f"| {one.id} | `{one.name}` | {one.unit} | {obis} | {reading_type(one)} |")
    return table


if __name__ == "__main__":
    sys.stdout.write("\n".join(rows()) + "\n")
