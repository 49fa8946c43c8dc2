"""The example meter of pydlms-client 0.1.0's simulator (GPL-3.0), for Urja's head end to read and to switch.

Run in an environment of its own. Arguments: those of `pydlms simulate`; with `--switch` before them its
object model is extended: the example's load switch has no control mode, leaves its control state behind and
cannot be closed, and its counter is told under the name of the utility client's. Without, it stands as it is.
Prints its port as JSON and serves until standard input ends; each line there is answered with the state of
its load switch.
"""

import json
import sys

from pydlms import DlmsData, ObisCode, simulator
from pydlms.cosem.interface_classes import ClassId

SWITCH = (ClassId.DISCONNECT_CONTROL, ObisCode.parse("0.0.96.3.10.255"))
POWER = (ClassId.REGISTER, ObisCode.parse("1.0.1.7.0.255"))
COUNTER = "0.0.43.1.3.255"
orders = []


def extend(meter):
    """A load switch in control mode 4 that opens and closes, with its load behind it."""
    load = meter.objects[POWER][2]
    meter.objects[SWITCH][4] = DlmsData.enum(4)
    meter.set_ic_location(COUNTER, 0)

    def mover(method):
        def moved(meter, _):
            closed = method == 2
            meter.objects[SWITCH][2] = DlmsData.boolean(closed)
            meter.objects[SWITCH][3] = DlmsData.enum(1 if closed else 0)
            meter.objects[POWER][2] = load if closed else DlmsData.uint16(0)
            orders.append(method)

        return moved

    for method in (1, 2):
        meter.add_method(*SWITCH, method, mover(method))


def told(meter):
    names = {2: "output", 3: "control_state", 4: "control_mode"}
    state = {
        name: meter.objects[SWITCH][at].value for at, name in names.items() if at in meter.objects[SWITCH]
    }
    return state | {"orders": orders, "power_w": meter.objects[POWER][2].value}


def say(message):
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


def main(arguments):
    extended = arguments[:1] == ["--switch"]
    options = simulator._parser().parse_args(arguments[extended:])
    meter = simulator.meter_from_args(options)
    if extended:
        extend(meter)
    server = simulator.serve(meter, "127.0.0.1", 0, hdlc=options.hdlc, hdlc_window=options.hdlc_window)
    say({"port": server.server_address[1], "title": meter.system_title.hex()})
    for _ in sys.stdin:
        say({"answer": told(meter)})
    server.shutdown()


if __name__ == "__main__":
    main(sys.argv[1:])
