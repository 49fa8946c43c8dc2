"""pydlms-client 0.1.0 (GPL-3.0) reads and switches a meter; run in an environment of its own.

Arguments: the JSON of `urja meter serve --json`, and the client's settings as JSON. Prints JSON.
"""

import datetime as dt
import json
import sys

from pydlms import DlmsClient
from pydlms.apdu import xdlms
from pydlms.cosem.data import DlmsData
from pydlms.hdlc.connection import HdlcParameters
from pydlms.security.context import SecurityContext
from pydlms.security.hls import Mechanism

FACTS, WANTED = json.loads(sys.argv[1]), json.loads(sys.argv[2])
BLOCKS, SWITCH = "1.0.99.1.0.255", "0.0.96.3.10.255"


def client():
    settings = dict(WANTED)
    mechanism = Mechanism(settings.pop("mechanism"))
    if mechanism != Mechanism.NONE:
        settings["security"] = SecurityContext(
            bytes.fromhex(FACTS["guek"]),
            bytes.fromhex(FACTS["gak"]),
            client_system_title=b"PYDLMS01",
            invocation_counter=0,
        )
        settings["discover_invocation_counter"] = True
        settings["expected_server_system_title"] = bytes.fromhex(FACTS["system_title"])
    if "physical_address" in FACTS:
        settings["server_physical"] = FACTS["physical_address"]
        window = settings.pop("window", 1)
        sizes = HdlcParameters(settings.pop("information", 128), 128, window, window)
        settings["hdlc_parameters"] = sizes
        if device := settings.pop("device", None):
            return DlmsClient.serial(device, mechanism=mechanism, **settings)
        settings["hdlc"] = True
    return DlmsClient.tcp(FACTS["host"], FACTS["port"], mechanism=mechanism, **settings)


def local(moment):
    """A date-time without a deviation: the meter takes its own."""
    head = moment.year.to_bytes(2, "big") + bytes([moment.month, moment.day, 0xFF])
    clock = bytes([moment.hour, moment.minute, moment.second, 0xFF])
    return DlmsData.octet_string(head + clock + b"\x80\x00\xff")


def main():
    answer = {}
    with client() as meter:
        clock = meter.get_clock()
        now = dt.datetime.fromisoformat(str(clock)[:16])  # its fields, without the deviation
        answer["clock_local"] = now.isoformat()
        view = meter.get_association_view()
        answer["objects"] = len(view)
        if any(str(entry.logical_name) == "1.0.1.8.0.255" for entry in view):
            register = meter.get_register("1.0.1.8.0.255")
            answer["register"] = [int(register.value), str(register.unit.name)]
            start = now.replace(hour=0, minute=0) - dt.timedelta(days=1)
            span = xdlms.range_descriptor(local(start), local(start + dt.timedelta(hours=2)))
            answer["rows_by_range"] = len(meter.read_profile(BLOCKS, span).rows)
            answer["rows_by_entry"] = len(meter.read_profile(BLOCKS, xdlms.entry_descriptor(2, 4)).rows)
            answer["rows_all"] = len(meter.read_profile(BLOCKS).rows)
            many = meter.get_many([("1.0.1.8.0.255", 3, 2), ("1.0.1.8.0.255", 3, 3), ("0.0.9.9.9.255", 1, 2)])
            answer["list"] = [int(many[0].value), int(many[2])]
        if WANTED["client_sap"] == 48:
            states = [meter.get(SWITCH, 70, 2).value]
            for method in (1, 2):
                meter.action(SWITCH, 70, method, DlmsData.int8(0))
                states.append(meter.get(SWITCH, 70, 2).value)
            answer["switch"] = states
    return answer


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main()) + "\n")
