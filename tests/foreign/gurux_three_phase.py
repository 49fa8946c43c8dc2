"""gurux-dlms 1.0.203 (GPL-2.0) reads a three-phase meter wholly, with units; run in an environment of its own.

Arguments: the JSON of `urja meter serve --json`, names of `profiles` to read by all rows, and whether to read and
set the `whole` meter. Prints JSON.
"""

import datetime as dt
import json
import sys

from gurux_client import FACTS, Link, counter, listed, sweep
from gurux_dlms import GXDateTime, GXTime
from gurux_dlms.enums import Authentication, DateTimeSkips, Security
from gurux_dlms.objects import (
    GXDLMSActivityCalendar,
    GXDLMSDayProfile,
    GXDLMSDayProfileAction,
    GXDLMSRegister,
    GXDLMSScriptTable,
    GXDLMSSeasonProfile,
    GXDLMSWeekProfile,
)

WANTED = json.loads(sys.argv[2])


def registers(objects):
    """Value, scaler and unit of every register and extended register."""
    return {
        # The library multiplies by the scaler.
        item.logicalName: [round(item.value / item.scaler), item.scaler, int(item.unit)]
        for item in objects
        if isinstance(item, GXDLMSRegister) and isinstance(item.value, (int, float))
    }


def rows(objects, name):
    [profile] = [item for item in objects if item.logicalName == name]
    captured = [
        f"{item.logicalName} {attribute.attributeIndex}" for item, attribute in profile.captureObjects
    ]
    # The library scales the cells. Dates it shows in a form of its own, so that numbers alone are compared.
    return [
        {code: cell for code, cell in zip(captured, row, strict=True) if isinstance(cell, (int, float))}
        for row in profile.buffer
    ]


def calendar(link):
    item = GXDLMSActivityCalendar("0.0.13.0.0.255")
    for attribute in (2, 3, 4, 5):
        link.read(item, attribute)
    return {
        "seasons": [
            [bytes(one.name).decode(), bytes(one.weekName).decode()] for one in item.seasonProfileActive
        ],
        "weeks": [[bytes(one.name).decode(), one.monday, one.sunday] for one in item.weekProfileTableActive],
        "days": [
            [one.dayId, [action.scriptSelector for action in one.daySchedules]]
            for one in item.dayProfileTableActive
        ],
    }


def write_calendar(link):
    """Write a passive calendar of two zones and activate it."""
    item = GXDLMSActivityCalendar("0.0.13.0.0.255")
    start = GXDateTime(dt.datetime(2026, 1, 1))  # noqa: DTZ001 - a local date
    start.skip |= DateTimeSkips.YEAR | DateTimeSkips.DAY_OF_WEEK | DateTimeSkips.HOUR | DateTimeSkips.MINUTE
    start.skip |= DateTimeSkips.SECOND | DateTimeSkips.DEVITATION
    item.calendarNamePassive = "2Z"
    item.seasonProfilePassive = [GXDLMSSeasonProfile(b"1", start, b"1")]
    week = GXDLMSWeekProfile()
    week.name = b"1"
    week.monday = week.tuesday = week.wednesday = week.thursday = week.friday = week.saturday = (
        week.sunday
    ) = 1
    item.weekProfileTablePassive = [week]
    actions = [
        GXDLMSDayProfileAction(GXTime(dt.datetime(2026, 1, 1, hour)), "0.0.10.0.100.255", zone)  # noqa: DTZ001 - a local time
        for hour, zone in ((0, 1), (12, 2))
    ]
    item.dayProfileTablePassive = [GXDLMSDayProfile(1, actions)]
    for attribute in (6, 7, 8, 9):
        link.exchange(link.client.write(item, attribute))
    link.exchange(item.activatePassiveCalendar(link.client))


def main():
    link = Link(FACTS["clients"]["utility"]["sap"], Authentication.HIGH_GMAC)
    ciphering = link.client.ciphering
    ciphering.systemTitle = b"GRXCLI01"
    ciphering.security = Security.AUTHENTICATION_ENCRYPTION
    ciphering.blockCipherKey = bytes.fromhex(FACTS["guek"])
    ciphering.authenticationKey = bytes.fromhex(FACTS["gak"])
    ciphering.invocationCounter = counter() + 1
    link.open()
    if not WANTED["whole"]:
        # The rows of the block load profile are understood by its own registers.
        objects = [one for one in listed(link) if one.logicalName in WANTED["profiles"] or ".27." in one.logicalName
                   or ".29." in one.logicalName]  # fmt: skip
        answer = {"sweep": sweep(link, objects)}
        answer["profiles"] = {name: rows(objects, name) for name in WANTED["profiles"]}
        link.close()
        return answer
    reset = GXDLMSScriptTable("0.0.10.0.1.255")
    link.exchange(reset.execute(link.client, 1))
    objects = listed(link)
    swept = sweep(link, objects)
    answer = {
        "registers": registers(objects),
        "profiles": {name: rows(objects, name) for name in WANTED["profiles"]},
        "before": calendar(link),
        "sweep": swept,
    }
    write_calendar(link)
    answer["after"] = calendar(link)
    link.close()
    return answer


if __name__ == "__main__":
    output, sys.stdout = sys.stdout, sys.stderr  # the library prints
    output.write(json.dumps(main()) + "\n")
