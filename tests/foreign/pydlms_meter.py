"""The example meter of pydlms-client 0.1.0's simulator (GPL-3.0), as it stands, for Urja's head end to read.

Run in an environment of its own. Arguments: those of `pydlms simulate`. Prints its port as JSON and serves
until standard input ends.
"""

import json
import sys

from pydlms import simulator

meter = simulator.meter_from_args(simulator._parser().parse_args(sys.argv[1:]))
server = simulator.serve(meter, "127.0.0.1", 0)
sys.stdout.write(json.dumps({"port": server.server_address[1]}) + "\n")
sys.stdout.flush()
sys.stdin.read()
server.shutdown()
