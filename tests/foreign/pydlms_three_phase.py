"""pydlms-client 0.1.0 (GPL-3.0) orders a demand reset and reads profiles of a three-phase meter with units; run in an environment of its own.

Arguments: the JSON of `urja meter serve --json`, and the client's settings with `profiles`, names of those to read by all
rows. Prints JSON.
"""

import json
import sys

from pydlms.cosem.data import DlmsData
from pydlms_client import WANTED, client

PROFILES = WANTED.pop("profiles")


def plain(cell):
    """A register's value and unit, as the library says them."""
    return [str(cell.value), cell.unit.name] if hasattr(cell, "unit") else str(cell)


def main():
    answer = {}
    with client() as meter:
        meter.action("0.0.10.0.1.255", 9, 1, DlmsData.uint16(1))
        for name in PROFILES:
            # The library reads the scaler and the unit of every captured register itself.
            table = meter.read_profile(name, scalers=True)
            codes = [f"{name} {attribute}" for _, name, attribute, *_ in table.columns]
            answer[name] = [dict(zip(codes, map(plain, row), strict=True)) for row in table.rows]
    return answer


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
