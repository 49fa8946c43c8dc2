"""A meter made of gurux-dlms 1.0.203 (GPL-2.0), for Urja's head end to read and to switch.

Run in an environment of its own; Urja neither imports this nor ships it. The library's server class does
not run: it calls accessors that its own classes lack, iterates over single arguments, and counts the
lengths of a ciphered AARE wrong. Here are the socket, the AARE, the proof of HLS, the choice of rows and
what the load switch does when told; the library reads AARQ and requests, keeps the objects, and writes
their values, the answers, the blocks and the ciphering.

Argument: keys and secrets as JSON; with a `physical_address` it is a meter on a line of HDLC. Prints its port as JSON and serves until standard input ends; each line
there is answered with the state of its load switch.
"""

import json
import os
import socket
import struct
import sys
import threading
from datetime import datetime, timedelta, timezone

from gurux_dlms._GXAPDU import _GXAPDU
from gurux_dlms.AesGcmParameter import AesGcmParameter
from gurux_dlms.ConnectionState import ConnectionState
from gurux_dlms.enums import (
    AccessMode,
    Authentication,
    Command,
    Conformance,
    InterfaceType,
    ObjectType,
    Security,
    Unit,
)
from gurux_dlms.GXByteBuffer import GXByteBuffer
from gurux_dlms.GXCiphering import GXCiphering
from gurux_dlms.GXDateTime import GXDateTime
from gurux_dlms.GXDLMS import GXDLMS
from gurux_dlms.GXDLMSException import GXDLMSException
from gurux_dlms.GXDLMSLNCommandHandler import GXDLMSLNCommandHandler
from gurux_dlms.GXDLMSLNParameters import GXDLMSLNParameters
from gurux_dlms.GXDLMSLongTransaction import GXDLMSLongTransaction
from gurux_dlms.GXDLMSSettings import GXDLMSSettings
from gurux_dlms.GXReplyData import GXReplyData
from gurux_dlms.GXSecure import GXSecure
from gurux_dlms.objects import (
    GXDLMSAssociationLogicalName,
    GXDLMSClock,
    GXDLMSData,
    GXDLMSDisconnectControl,
    GXDLMSProfileGeneric,
    GXDLMSRegister,
)
from gurux_dlms.objects.enums import ControlMode, ControlState
from gurux_dlms.ValueEventArgs import ValueEventArgs

FACTS = json.loads(sys.argv[1])
IST = timezone(timedelta(hours=5, minutes=30))
FIRST_ROW = datetime(2026, 8, 24, 0, 30, tzinfo=IST)
ROWS = 96
REGISTER_WH = 1_234_567
GUEK, GAK, TITLE = (bytes.fromhex(FACTS[name]) for name in ("guek", "gak", "title"))
HEADER = struct.Struct(">HHHH")
LLC_REPLY = bytes.fromhex("e6e700")


def corrected(kind):
    """The accessors in Java's manner that the library calls and its classes lack."""

    def missing(self, name):
        for prefix in ("set", "get", "is"):
            field = name[len(prefix) :]
            field = field[:1].lower() + field[1:]
            if name.startswith(prefix) and field in self.__dict__:
                if prefix == "set":
                    return lambda value: setattr(self, field, value)
                return lambda: getattr(self, field)
        raise AttributeError(name)

    kind.__getattr__ = missing


for broken in (GXDLMSSettings, GXDLMSLNParameters, GXDLMSLongTransaction, GXCiphering):
    corrected(broken)
ValueEventArgs.getRowEndIndex = lambda self: self.rowEndIndex
ValueEventArgs.isSkipMaxPduSize = True
GXDLMSSettings.gbtWndowSize = 1  # sic


class Switch(GXDLMSDisconnectControl):
    """The library keeps and writes the attributes; what an order does to them is here.

    Control mode 4: a remote order opens and closes it without a button.
    """

    def __init__(self):
        super().__init__("0.0.96.3.10.255")
        self.outputState, self.controlState = True, ControlState.CONNECTED
        self.controlMode = ControlMode.MODE_4
        self.orders = []

    def move(self, method):
        closed = method == 2
        self.outputState = closed
        self.controlState = ControlState.CONNECTED if closed else ControlState.DISCONNECTED
        POWER.value, CURRENT.value = (LOAD_W, LOAD_A) if closed else (0, 0)
        self.orders.append(method)

    def told(self):
        state = {"output": self.outputState, "control_state": int(self.controlState)}
        return state | {"control_mode": int(self.controlMode), "orders": self.orders, "power_w": POWER.value}


LOAD_W, LOAD_A = 640, 3
POWER = GXDLMSRegister("1.0.1.7.0.255")
POWER.value, POWER.scaler, POWER.unit = LOAD_W, 1, Unit.ACTIVE_POWER
POWER.setDataType(2, 6)
CURRENT = GXDLMSRegister("1.0.11.7.0.255")
CURRENT.value, CURRENT.scaler, CURRENT.unit = LOAD_A, 1, Unit.CURRENT
CURRENT.setDataType(2, 18)
SWITCH = Switch()
"""One switch, and one load behind it, whichever association asks."""


class Profile(GXDLMSProfileGeneric):
    """Rows are chosen here: the library compares a date-time with zero. It writes them."""

    def getValue(self, settings, e):
        if e.index != 2 or not e.selector:
            return super().getValue(settings, e)
        if e.selector != 1:
            raise ValueError("this meter selects by range only")
        first, last = (moment_of(bytes(value)) for value in e.parameters[1:3])
        rows = [row for row in self.buffer if first <= row[0].value <= last]
        return self.getData(settings, e, rows, None)


def moment_of(raw):
    year, month, day, _, hour, minute, second, _, deviation = struct.unpack(">HBBBBBBBh", raw[:11])
    zone = IST if deviation in (-0x8000, 330) else timezone(timedelta(minutes=-deviation))
    return datetime(year, month, day, hour, minute, second, tzinfo=zone)


def objects(association):
    clock = GXDLMSClock("0.0.1.0.0.255")
    clock.time = GXDateTime(datetime(2026, 8, 26, 10, 0, tzinfo=IST))
    serial = GXDLMSData("0.0.96.1.0.255")
    serial.value = b"GRX00000007"
    serial.setDataType(2, 9)
    counters = []
    for place in (2, 3):
        counter = GXDLMSData(f"0.0.43.1.{place}.255")
        counter.value = FACTS["counter"]
        counter.setDataType(2, 6)
        counters.append(counter)
    energy = GXDLMSRegister("1.0.1.8.0.255")
    energy.value, energy.scaler, energy.unit = REGISTER_WH, 1, Unit.ACTIVE_ENERGY
    energy.setDataType(2, 6)
    block_energy = GXDLMSRegister("1.0.1.29.0.255")
    block_energy.value, block_energy.scaler, block_energy.unit = 0, 1, Unit.ACTIVE_ENERGY
    block_energy.setDataType(2, 18)
    voltage = GXDLMSRegister("1.0.12.27.0.255")
    voltage.value, voltage.scaler, voltage.unit = 0, 0.01, Unit.VOLTAGE
    voltage.setDataType(2, 18)
    profile = Profile("1.0.99.1.0.255")
    for column in (clock, voltage, block_energy):
        profile.addCaptureObject(column, 2, 0)
    for number in range(ROWS):
        stamp = GXDateTime(FIRST_ROW + number * timedelta(minutes=30))
        profile.buffer.append([stamp, 23000 + number, 100 + number])
    listed = [clock, serial, *counters, energy, POWER, CURRENT, block_energy, voltage]
    listed += [SWITCH, profile, association]
    association.objectList = listed
    return listed


class Association:
    """One client SAP of one connection, and the server that the library's command handler calls."""

    def __init__(self, sap):
        self.sap = sap
        self.settings = settings = GXDLMSSettings(True, None)
        settings.interfaceType = InterfaceType.PDU
        settings.cipher = GXCiphering(TITLE)
        settings.cipher.blockCipherKey, settings.cipher.authenticationKey = GUEK, GAK
        settings.cipher.invocationCounter = 1
        offered = Conformance.GET | Conformance.SET | Conformance.ACTION | Conformance.SELECTIVE_ACCESS
        offered |= Conformance.BLOCK_TRANSFER_WITH_GET_OR_READ
        if sap == 48:
            offered |= Conformance.GENERAL_PROTECTION | Conformance.MULTIPLE_REFERENCES
        settings.proposedConformance = offered
        settings.maxServerPDUSize = 220 if sap == 32 else 600
        self.transaction = None
        self.object = GXDLMSAssociationLogicalName("0.0.40.0.0.255")
        for item in objects(self.object):
            settings.objects.append(item)

    # What the command handler calls.

    def onFindObject(self, *_):
        return None

    def onGetAttributeAccess(self, _):
        return AccessMode.READ_WRITE

    def notifyRead(self, *_):
        pass

    onPreRead = onPostRead = notifyRead

    def getTransaction(self):
        return self.transaction

    def setTransaction(self, transaction):
        self.transaction = transaction

    # Requests.

    def answer(self, raw):
        settings, reply = self.settings, GXByteBuffer()
        tag = raw[0]
        if tag == 0x60:
            return self.associate(raw)
        if tag == 0x62:
            information = bytes(_GXAPDU.getUserInformation(settings, settings.cipher))
            settings.cipher.invocationCounter += 1
            settings.connected = ConnectionState.NONE
            return tlv(0x63, b"\x80\x01\x00" + tlv(0xBE, tlv(0x04, information)))
        if tag not in (Command.GET_REQUEST, Command.METHOD_REQUEST):
            raw = self.opened(raw)
            tag = raw[0]
        settings.invokeId = raw[2] & 0x0F  # the library notes it under another name than it reads
        data = GXByteBuffer(raw[1:])
        if tag == Command.GET_REQUEST:
            GXDLMSLNCommandHandler.handleGetRequest(settings, self, data, reply, None)
        else:
            self.act(raw, reply)
        return bytes(reply.array())

    def opened(self, raw):
        settings = self.settings
        sealed = AesGcmParameter(0, settings.sourceSystemTitle, GUEK, GAK)
        return bytes(GXCiphering.decrypt(settings, sealed, GXByteBuffer(raw)))

    def associate(self, raw):
        settings = self.settings
        settings.cipher.security = Security.NONE
        settings.authentication, settings.password = Authentication.NONE, None
        settings.connected = ConnectionState.NONE
        try:
            _GXAPDU.parsePDU(settings, settings.cipher, GXByteBuffer(raw), None)
        except GXDLMSException:
            # Sealed under another key; who calls the library's parser is to answer.
            return self.aare(1, 1)
        settings.maxPduSize = min(settings.maxPduSize or 0xFFFF, settings.maxServerPDUSize)
        wanted = {16: Authentication.NONE, 32: Authentication.LOW, 48: Authentication.HIGH_GMAC}[self.sap]
        right = settings.authentication == wanted
        if right and wanted == Authentication.LOW:
            right = bytes(settings.password or b"") == FACTS["secret"].encode()
        if not right:
            return self.aare(1, 13)
        if wanted != Authentication.HIGH_GMAC:
            settings.connected = ConnectionState.DLMS
            return self.aare(0, 0)
        settings.setStoCChallenge(os.urandom(16))
        return self.aare(0, 14)

    def aare(self, result, diagnostic):
        """The library's own counts the title's length without its header, and writes none inside."""
        settings = self.settings
        ciphered = settings.cipher.isCiphered()
        body = tlv(0xA1, tlv(0x06, bytes.fromhex("608574050801") + bytes([3 if ciphered else 1])))
        body += tlv(0xA2, tlv(0x02, bytes([result]))) + tlv(0xA3, tlv(0xA1, tlv(0x02, bytes([diagnostic]))))
        if ciphered:
            body += tlv(0xA4, tlv(0x04, TITLE))
        if diagnostic == 14:
            body += tlv(0x88, b"\x07\x80") + tlv(0x89, bytes.fromhex("60857405080205"))
            body += tlv(0xAA, tlv(0x80, bytes(settings.stoCChallenge)))
        if result == 0:
            information = bytes(_GXAPDU.getUserInformation(settings, settings.cipher))
            settings.cipher.invocationCounter += 1
            body += tlv(0xBE, tlv(0x04, information))
        return tlv(0x61, body)

    def act(self, raw, reply):
        invoke, class_id, name, method = raw[2], int.from_bytes(raw[3:5], "big"), raw[5:11], raw[11]
        returned = GXByteBuffer()
        if class_id == ObjectType.ASSOCIATION_LOGICAL_NAME and method == 1:
            proof = self.prove(raw[15 : 15 + raw[14]])
            returned.set(b"\x01\x00\x09" + bytes([len(proof)]) + proof if proof else b"\x00")
            status = 0 if proof else 3
        else:
            switch = self.settings.objects.findByLN(ObjectType.DISCONNECT_CONTROL, ".".join(map(str, name)))
            # Only who has proven himself as the utility moves it.
            status = 0 if switch and self.sap == 48 and self.settings.connected else 3
            if not status:
                switch.move(method)
            returned.setUInt8(0)
        GXDLMS.getLNPdu(
            GXDLMSLNParameters(self.settings, invoke, Command.METHOD_RESPONSE, 1, None, returned, status),
            reply,
        )
        if class_id == ObjectType.ASSOCIATION_LOGICAL_NAME and not status:
            self.settings.connected = ConnectionState.DLMS

    def prove(self, answer):
        settings, cipher = self.settings, self.settings.cipher
        counter = int.from_bytes(answer[1:5], "big")
        peer = settings.sourceSystemTitle
        expected = GXSecure.secure(settings, cipher, counter, settings.stoCChallenge, peer)
        if bytes(expected) != bytes(answer):
            return b""
        proof = GXSecure.secure(settings, cipher, cipher.invocationCounter, settings.ctoSChallenge, TITLE)
        cipher.invocationCounter += 1
        return bytes(proof)


def tlv(tag, content):
    assert len(content) < 128
    return bytes([tag, len(content)]) + content


def serve(connection):
    associations = {}
    with connection, connection.makefile("rb") as incoming:
        while header := incoming.read(HEADER.size):
            version, source, destination, size = HEADER.unpack(header)
            association = associations.setdefault(source, None) or Association(source)
            associations[source] = association
            answer = association.answer(incoming.read(size))
            connection.sendall(HEADER.pack(version, destination, source, len(answer)) + answer)


class HdlcLine:
    """Meters at physical addresses behind one connection; the library reads and writes the frames and numbers them.

    It keeps one data link, as small meters do: a new SNRM ends the one before, and its associations.
    """

    def __init__(self, physical):
        self.physical = physical
        self.incoming = GXByteBuffer()
        self.drop()

    def drop(self):
        self.link = GXDLMSSettings(True, None)
        self.link.interfaceType = InterfaceType.HDLC
        self.connected = False
        self.request, self.reply = GXReplyData(), GXByteBuffer()

    def feed(self, data):
        """The library's frames in answer to bytes from the line."""
        self.incoming.set(data)
        answers = b""
        while frame := self.next_frame():
            answers += self.answer(frame)
        return answers

    def next_frame(self):
        """The bytes of the next whole frame; the library passes over what comes before another's."""
        raw = bytes(self.incoming.array())
        start = raw.find(b"\x7e")
        while raw[start + 1 : start + 2] == b"\x7e":
            start += 1
        if start < 0 or len(raw) < start + 3:
            return b""
        size = int.from_bytes(raw[start + 1 : start + 3], "big") & 0x7FF
        if len(raw) < start + size + 2:
            return b""
        self.incoming = GXByteBuffer(raw[start + size + 2 :])
        return raw[start : start + size + 2]

    def answer(self, raw):
        if raw[4] >> 1 != self.physical or raw[3] & 1:
            return b""
        buffer = GXByteBuffer(raw)
        kind = GXDLMS.getHdlcData(True, self.link, buffer, self.request, None)
        if not self.request.complete:
            return b""
        GXDLMS.getDataFromFrame(buffer, self.request, True)
        if kind == Command.SNRM:
            return self.connect()
        if not self.connected:
            return bytes(GXDLMS.getHdlcFrame(self.link, Command.DISCONNECT_MODE, None))
        if kind == Command.DISCONNECT_REQUEST:
            gone = bytes(GXDLMS.getHdlcFrame(self.link, Command.UA, None))
            self.drop()
            return gone
        if kind & 1:  # RR: the next segment
            frame = self.link.getNextSend(False) if len(self.reply) else self.link.getKeepAlive()
            return bytes(GXDLMS.getHdlcFrame(self.link, frame, self.reply))
        if raw[1] & 8:
            return bytes(GXDLMS.getHdlcFrame(self.link, self.link.getReceiverReady(), None))
        apdu = bytes(self.request.data.array())
        self.request = GXReplyData()
        self.reply = GXByteBuffer(LLC_REPLY + self.association.answer(apdu))
        return bytes(GXDLMS.getHdlcFrame(self.link, self.link.getNextSend(True), self.reply))

    def connect(self):
        parameters, sizes = self.request.data, self.link.hdlc
        parameters.position = 0
        GXDLMS.parseSnrmUaResponse(parameters, sizes)
        sizes.maxInfoTX, sizes.maxInfoRX = min(sizes.maxInfoTX, 128), min(sizes.maxInfoRX, 128)
        content = GXByteBuffer()
        for name, value in ((5, sizes.maxInfoTX), (6, sizes.maxInfoRX)):
            content.setUInt8(name)
            GXDLMS.appendHdlcParameter(content, value)
        for name in (7, 8):
            content.set(bytes([name, 4, 0, 0, 0, 1]))
        self.request, self.reply = GXReplyData(), GXByteBuffer()
        self.association, self.connected = Association(self.link.clientAddress), True
        settled = GXByteBuffer(bytes([0x81, 0x80, len(content)]) + bytes(content.array()))
        return bytes(GXDLMS.getHdlcFrame(self.link, Command.UA, settled))


def serve_hdlc(connection):
    line = HdlcLine(FACTS["physical_address"])
    with connection:
        while data := connection.recv(4096):
            connection.sendall(line.feed(data))


def main():
    serving = serve_hdlc if "physical_address" in FACTS else serve
    listener = socket.create_server(("127.0.0.1", 0))
    sys.__stdout__.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.__stdout__.flush()

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serving, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    for _ in sys.stdin:
        sys.__stdout__.write(json.dumps({"answer": SWITCH.told()}) + "\n")
        sys.__stdout__.flush()


if __name__ == "__main__":
    sys.stdout = sys.stderr  # the library prints
    main()
