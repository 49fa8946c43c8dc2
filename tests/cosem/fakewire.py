"""Two associations joined by lists instead of a socket: each receives what the other sends, in order."""

from urja.cosem.apdu import AccessResult, ActionResult
from urja.cosem.association import (
    ActionRequested,
    AssociationConfig,
    ClientAssociation,
    GetListRequested,
    GetRequested,
    Mechanism,
    NeedsSend,
    ServerAssociation,
    SetListRequested,
    SetRequested,
)
from urja.cosem.security import SuiteKeys

KEYS = SuiteKeys(bytes(range(16)), bytes(range(16, 32)))
CLIENT_TITLE = b"URJCLI01"
SERVER_TITLE = b"URJSRV01"


def config(title, mechanism=Mechanism.NONE, ciphered=False, **changes):
    parts = {"keys": KEYS, "system_title": title, "secret": b"12345678"} | changes
    return AssociationConfig(mechanism=mechanism, ciphered=ciphered, **parts)


def entropy(begin=0):
    """Return bytes that differ with each call and are recognisable."""
    calls = begin

    def draw(size):
        nonlocal calls
        calls += 1
        return bytes([calls]) * size

    return draw


class Wire:
    """A client, a server with a small object model, and a log of all APDUs that passed."""

    def __init__(self, client_config, server_config, *, client=None, server=None):
        self.client = ClientAssociation(client_config, entropy=entropy(), **(client or {}))
        self.server = ServerAssociation(server_config, entropy=entropy(100), **(server or {}))
        self.objects = {}
        self.log = []
        self.heard = []
        self.answering = True

    @classmethod
    def of(cls, mechanism=Mechanism.NONE, ciphered=False, **changes):
        return cls(
            config(CLIENT_TITLE, mechanism, ciphered, **changes),
            config(SERVER_TITLE, mechanism, ciphered, **changes),
        )

    def say(self, apdu):
        """Send from the client and return its events once no APDU is under way."""
        events = []
        while apdu is not None:
            self.log.append(("client", apdu))
            reply = self._serve(self.server.receive(apdu))
            apdu = None
            if reply is not None:
                self.log.append(("server", reply))
                for event in self.client.receive(reply):
                    if isinstance(event, NeedsSend):
                        apdu = event.apdu
                    else:
                        events.append(event)
        return events

    def _serve(self, events):
        reply = None
        for event in events:
            self.heard.append(event)
            if isinstance(event, NeedsSend):
                reply = event.apdu
            elif self.answering:
                reply = self._answer(event) or reply
        return reply

    def _answer(self, event):
        server = self.server
        if isinstance(event, GetRequested):
            return server.respond_get(event.ref, self._read(event.attribute))
        if isinstance(event, GetListRequested):
            return server.respond_get_list(event.ref, [self._read(item) for item, _ in event.items])
        if isinstance(event, SetRequested):
            self.objects[event.attribute] = event.value
            return server.respond_set(event.ref, AccessResult.SUCCESS)
        if isinstance(event, SetListRequested):
            for (attribute, _), value in zip(event.items, event.values, strict=True):
                self.objects[attribute] = value
            return server.respond_set_list(event.ref, [AccessResult.SUCCESS] * len(event.items))
        if isinstance(event, ActionRequested):
            return server.respond_action(event.ref, ActionResult.SUCCESS, event.parameters)
        return None

    def _read(self, attribute):
        return self.objects.get(attribute, AccessResult.OBJECT_UNDEFINED)
