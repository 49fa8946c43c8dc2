"""dlms-cosem 21.3.2 (MIT) reads as the reader and switches as the utility; run in an environment of its own.

Argument: the JSON of `urja meter serve --json`. Prints JSON.
"""

import json
import sys

from dlms_cosem import cosem, dlms_data, enumerations, utils
from dlms_cosem.clients.dlms_client import DlmsClient
from dlms_cosem.time import datetime_from_bytes

FACTS = json.loads(sys.argv[1])
CLASSES = enumerations.CosemInterface
MECHANISMS = enumerations.AuthenticationMechanism


def reference(kind, interface, obis, number):
    return kind(interface, cosem.Obis(*map(int, obis.split("."))), number)


def read(client, interface, obis, number):
    return utils.parse_as_dlms_data(client.get(reference(cosem.CosemAttribute, interface, obis, number)))


def session(sap, **settings):
    return DlmsClient.with_tcp_transport(
        host=FACTS["host"],
        port=FACTS["port"],
        client_logical_address=sap,
        server_logical_address=FACTS["server_sap"],
        **settings,
    ).session()


def keyed(sap, counter, **settings):
    return session(
        sap,
        encryption_key=bytes.fromhex(FACTS["guek"]),
        authentication_key=bytes.fromhex(FACTS["gak"]),
        client_system_title=b"FRGN0002",
        client_initial_invocation_counter=counter + 1,
        **settings,
    )


def main():
    answer = {}
    with session(16) as public:
        counters = [read(public, CLASSES.DATA, f"0.0.43.1.{place}.255", 2) for place in (2, 3)]
    password = FACTS["lls_secret"].encode()
    with keyed(32, counters[0], authentication_method=MECHANISMS.LLS, password=password) as reader:
        clock, _ = datetime_from_bytes(bytes(read(reader, CLASSES.CLOCK, "0.0.1.0.0.255", 2)))
        answer["clock_local"] = clock.replace(tzinfo=None).isoformat()
        wanted = [
            cosem.CosemAttributeWithSelection(
                reference(cosem.CosemAttribute, CLASSES.REGISTER, "1.0.1.8.0.255", number), None
            )
            for number in (2, 3)
        ]
        answer["list"] = reader.get_many(wanted).result
    with keyed(48, counters[1], authentication_method=MECHANISMS.HLS_GMAC) as utility:
        # The switch's state is a boolean, which the library does not read: the control state is an enum.
        states = [read(utility, CLASSES.DISCONNECT_CONTROL, "0.0.96.3.10.255", 3)]
        for number in (1, 2):
            method = reference(cosem.CosemMethod, CLASSES.DISCONNECT_CONTROL, "0.0.96.3.10.255", number)
            utility.action(method, dlms_data.IntegerData(0).to_bytes())
            states.append(read(utility, CLASSES.DISCONNECT_CONTROL, "0.0.96.3.10.255", 3))
        answer["states"] = states
    return answer


if __name__ == "__main__":
    output, sys.stdout = sys.stdout, sys.stderr  # the library prints
    output.write(json.dumps(main()) + "\n")
