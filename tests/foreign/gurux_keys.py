"""gurux-dlms 1.0.203 (GPL-2.0) gives a meter new keys, and another HLS secret where it has one; then opens by them.

Arguments: the JSON of `urja meter serve --json`, and what is given: `guek`, `gak`, `hls_secret`. Prints JSON.
"""

import json
import sys

from gurux_client import FACTS, Link, counter
from gurux_dlms.enums import Authentication, Security
from gurux_dlms.objects import GXDLMSAssociationLogicalName, GXDLMSData, GXDLMSSecuritySetup

NEW = json.loads(sys.argv[2])
SETUP = "0.0.43.0.3.255"


def utility(keys):
    secret = bytes.fromhex(keys["hls_secret"])
    sap = FACTS["clients"]["utility"]["sap"]
    link = Link(sap, Authentication.HIGH, secret) if secret else Link(sap, Authentication.HIGH_GMAC)
    ciphering = link.client.ciphering
    ciphering.systemTitle = b"GRXCLI01"
    ciphering.security = Security.AUTHENTICATION_ENCRYPTION
    ciphering.blockCipherKey = bytes.fromhex(keys["guek"])
    ciphering.authenticationKey = bytes.fromhex(keys["gak"])
    ciphering.invocationCounter = counter() + 1
    link.open()
    return link


def main():
    link = utility(FACTS)
    if NEW["hls_secret"]:
        view = GXDLMSAssociationLogicalName("0.0.40.0.0.255")
        view.authenticationMechanismName.mechanismId = Authentication.HIGH
        view.secret = bytes.fromhex(NEW["hls_secret"])
        link.exchange(view.updateSecret(link.client))
    pairs = [(0, bytes.fromhex(NEW["guek"])), (2, bytes.fromhex(NEW["gak"]))]
    kek = bytes.fromhex(FACTS["master_key"])
    link.exchange(GXDLMSSecuritySetup(SETUP).globalKeyTransfer(link.client, kek, pairs))
    # Its answer was under the old keys; what comes after it is under the new.
    link.socket.close()
    told = {"counter": counter()}
    link = utility(FACTS | NEW)
    told["serial"] = bytes(link.read(GXDLMSData("0.0.96.1.0.255"), 2)).decode()
    link.close()
    try:
        utility(FACTS)
        told["old"] = "opened"
    except Exception as error:  # noqa: BLE001 - whatever the library says of a refusal
        told["old"] = type(error).__name__
    return told


if __name__ == "__main__":
    output, sys.stdout = sys.stdout, sys.stderr  # the library prints
    output.write(json.dumps(main()) + "\n")
