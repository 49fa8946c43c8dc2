"""Reads a meter with another project's client (dlms-cosem 21.3.2, MIT); runs in its own environment.

Arguments: the JSON that `urja meter serve --json` prints. Output: JSON with what was read. Urja is deliberately not
importable here, so that no code of ours can help the client.
"""

import json
import sys

from dlms_cosem import cosem, enumerations, utils
from dlms_cosem.clients.dlms_client import DlmsClient
from dlms_cosem.cosem.capture_object import CaptureObject
from dlms_cosem.cosem.selective_access import RangeDescriptor
from dlms_cosem.time import datetime_from_bytes

CLASSES = enumerations.CosemInterface


def attribute(interface, obis, number):
    groups = [int(group) for group in obis.split(".")]
    return cosem.CosemAttribute(interface, cosem.Obis(*groups[:5]), number)


def read(client, interface, obis, number, access=None):
    return utils.parse_as_dlms_data(client.get(attribute(interface, obis, number), access))


def public_counter(facts):
    """The utility's invocation counter, read with the public client as IS 15959 has it."""
    public = DlmsClient.with_tcp_transport(
        host=facts["host"],
        port=facts["port"],
        client_logical_address=facts["clients"]["public"]["sap"],
        server_logical_address=facts["server_sap"],
    )
    with public.session() as client:
        return read(client, CLASSES.DATA, "0.0.43.1.3.255", 2)


def utility(facts, counter):
    return DlmsClient.with_tcp_transport(
        host=facts["host"],
        port=facts["port"],
        client_logical_address=facts["clients"]["utility"]["sap"],
        server_logical_address=facts["server_sap"],
        authentication_method=enumerations.AuthenticationMechanism.HLS_GMAC,
        encryption_key=bytes.fromhex(facts["guek"]),
        authentication_key=bytes.fromhex(facts["gak"]),
        client_system_title=b"FRGN0001",
        client_initial_invocation_counter=counter + 1,
    )


def main(facts):
    answer = {}
    with utility(facts, public_counter(facts)).session() as client:
        clock, _status = datetime_from_bytes(bytes(read(client, CLASSES.CLOCK, "0.0.1.0.0.255", 2)))
        answer["clock_local"] = clock.replace(tzinfo=None).isoformat()
        answer["register_wh"] = read(client, CLASSES.REGISTER, "1.0.1.8.0.255", 2)
        answer["scaler_unit"] = read(client, CLASSES.REGISTER, "1.0.1.8.0.255", 3)
        columns = read(client, CLASSES.PROFILE_GENERIC, "1.0.99.1.0.255", 3)
        answer["columns"] = [".".join(map(str, column[1])) for column in columns]
        answer["objects"] = len(read(client, CLASSES.ASSOCIATION_LN, "0.0.40.0.0.255", 2))
        day = clock.replace(tzinfo=None, hour=0, minute=0, second=0, microsecond=0)
        access = RangeDescriptor(
            restricting_object=CaptureObject(attribute(CLASSES.CLOCK, "0.0.1.0.0.255", 2)),
            from_value=day,  # without a zone: the library would write the deviation with DLMS's sign
            to_value=day.replace(hour=23, minute=59),
        )
        rows = read(client, CLASSES.PROFILE_GENERIC, "1.0.99.1.0.255", 2, access)
        answer["rows_today"] = [[bytes(row[0]).hex(), *row[1:]] for row in rows]
        answer["rows_all"] = len(read(client, CLASSES.PROFILE_GENERIC, "1.0.99.1.0.255", 2))
    return answer


if __name__ == "__main__":
    result = json.dumps(main(json.loads(sys.argv[1])))
    sys.stdout.write(f"\n{result}\n")  # on a line of its own: the library prints what it receives
