"""gurux-dlms 1.0.203 (GPL-2.0) reads and switches a meter; run in an environment of its own.

Arguments: the JSON of `urja meter serve --json`, and whether to propose a dedicated key. Prints JSON.
"""

import json
import socket
import sys
from datetime import timedelta

from gurux_dlms import GXByteBuffer, GXDateTime, GXReplyData
from gurux_dlms.enums import Authentication, DateTimeSkips, InterfaceType, Security
from gurux_dlms.objects import (
    GXDLMSAssociationLogicalName,
    GXDLMSClock,
    GXDLMSData,
    GXDLMSDisconnectControl,
    GXDLMSProfileGeneric,
    GXDLMSRegister,
)
from gurux_dlms.secure import GXDLMSSecureClient

FACTS, DEDICATED = json.loads(sys.argv[1]), json.loads(sys.argv[2])


class Link:
    """One client on one socket; the library makes and reads the bytes."""

    def __init__(self, sap, authentication, secret=None):
        server, framing = FACTS["server_sap"], InterfaceType.WRAPPER
        self.hdlc = "physical_address" in FACTS
        if self.hdlc:
            framing = InterfaceType.HDLC
            server = GXDLMSSecureClient.getServerAddress(server, FACTS["physical_address"])
        self.client = GXDLMSSecureClient(True, sap, server, authentication, secret, framing)
        self.socket = socket.create_connection((FACTS["host"], FACTS["port"]), 10)

    def exchange(self, request):
        reply = GXReplyData()
        for part in request if isinstance(request, list) else [request]:
            self._one(part, reply)
        while reply.isMoreData():
            self._one(self.client.receiverReady(reply), reply)
        if reply.error:
            raise RuntimeError(f"the meter answers {reply.error}")
        return reply

    def _one(self, part, reply):
        if not part:
            return
        self.socket.sendall(bytes(part))
        received = GXByteBuffer()
        notify = GXReplyData()
        while True:
            data = self.socket.recv(4096)
            if not data:
                raise RuntimeError("the meter closed the connection")
            received.set(data)
            if self.client.getData(received, reply, notify):
                return

    def open(self):
        if self.hdlc:
            self.client.parseUAResponse(self.exchange(self.client.snrmRequest()).data)
        reply = self.exchange(self.client.aarqRequest())
        self.client.parseAareResponse(reply.data)
        if self.client.authentication > Authentication.LOW:
            for part in self.client.getApplicationAssociationRequest():
                answer = self.exchange(part)
            self.client.parseApplicationAssociationResponse(answer.data)

    def read(self, item, attribute):
        reply = self.exchange(self.client.read(item, attribute)[0])
        return self.client.updateValue(item, attribute, reply.value)

    def close(self):
        self.exchange(self.client.releaseRequest())
        if self.hdlc:
            self.exchange(self.client.disconnectRequest())
        self.socket.close()


def counter():
    link = Link(16, Authentication.NONE)
    link.open()
    value = link.read(GXDLMSData("0.0.43.1.3.255"), 2)
    link.close()
    return value


def listed(link):
    """The objects of the meter's list."""
    return link.client.parseObjects(link.exchange(link.client.getObjectsRequest()).data, True)


def sweep(link, objects):
    """Every attribute that the library wants of every object, as an acceptance tool reads them."""
    told = {"read": 0, "refused": [], "unparsed": []}
    for item in objects:
        # A buffer is understood by its capture objects only.
        for attribute in sorted(item.getAttributeIndexToRead(True), key=lambda number: (number != 3, number)):
            where = f"{item.logicalName} {attribute}"
            try:
                reply = link.exchange(link.client.read(item, attribute)[0])
            except RuntimeError as error:
                told["refused"].append(f"{where}: {error}")
                continue
            try:
                link.client.updateValue(item, attribute, reply.value)
                told["read"] += 1
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                told["unparsed"].append(f"{where}: {error!r}")
    return told


def main():
    answer = {}
    first = counter() + 1
    secret = bytes.fromhex(FACTS["hls_secret"])
    sap = FACTS["clients"]["utility"]["sap"]
    link = Link(sap, Authentication.HIGH, secret) if secret else Link(sap, Authentication.HIGH_GMAC)
    ciphering = link.client.ciphering
    ciphering.systemTitle = b"GRXCLI01"
    ciphering.security = Security.AUTHENTICATION_ENCRYPTION
    ciphering.blockCipherKey = bytes.fromhex(FACTS["guek"])
    ciphering.authenticationKey = bytes.fromhex(FACTS["gak"])
    ciphering.invocationCounter = first
    if DEDICATED:
        ciphering.dedicatedKey = bytes(range(16))
    link.open()
    clock = link.read(GXDLMSClock("0.0.1.0.0.255"), 2).value.replace(tzinfo=None)
    answer["clock_local"] = clock.isoformat()
    register = GXDLMSRegister("1.0.1.8.0.255")
    link.read(register, 3)
    answer["register"] = [link.read(register, 2), int(register.unit)]
    view = link.read(GXDLMSAssociationLogicalName("0.0.40.0.0.255"), 2)
    answer["objects"] = len(view)
    answer["sweep"] = sweep(link, listed(link))
    profile = GXDLMSProfileGeneric("1.0.99.1.0.255")
    link.read(profile, 3)
    answer["columns"] = len(profile.captureObjects)
    start = clock.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    ends = []
    for moment in (start, start + timedelta(hours=2)):
        end = GXDateTime(moment)
        end.skip |= DateTimeSkips.DEVITATION
        ends.append(end)
    reply = link.exchange(link.client.readRowsByRange(profile, *ends))
    answer["rows_by_range"] = len(reply.value)
    reply = link.exchange(link.client.readRowsByEntry(profile, 2, 3))
    answer["rows_by_entry"] = len(reply.value)
    answer["rows_all"] = len(link.read(profile, 2))
    pair = [(register, 2), (register, 3)]
    [request] = link.client.readList(pair)
    answer["list"] = len(link.exchange(request).value)
    switch = GXDLMSDisconnectControl("0.0.96.3.10.255")
    states = [link.read(switch, 2)]
    for act in (switch.remoteDisconnect, switch.remoteReconnect):
        link.exchange(act(link.client))
        states.append(link.read(switch, 2))
    answer["switch"] = states
    link.close()
    return answer


if __name__ == "__main__":
    output, sys.stdout = sys.stdout, sys.stderr  # the library prints
    output.write(json.dumps(main()) + "\n")
