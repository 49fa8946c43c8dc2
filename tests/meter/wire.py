"""A client core and a meter without a transport: bytes pass directly between them."""

import itertools

from urja.cosem.association import (
    Associated,
    AssociationConfig,
    ClientAssociation,
    GetListResult,
    GetResult,
    Mechanism,
    NeedsSend,
    Released,
)
from urja.cosem.obis import CosemAttribute
from urja.cosem.wrapper import Frame
from urja.meter.object_model import Role
from urja.meter.session import Sessions

CLIENT_TITLE = b"CLNT0001"
SAPS = {Role.PUBLIC: 16, Role.READER: 32, Role.UTILITY: 48}


def entropy():
    """Bytes that repeat: challenges need to differ, not to be secret, in a test."""
    counter = itertools.count(1)
    return lambda size: bytes((next(counter) + index) % 256 for index in range(size))


def client_for(meter, role, *, counter=None, config=None):
    """A client association as the head end would configure it."""
    identity = meter.identity
    if config is None:
        config = {
            Role.PUBLIC: AssociationConfig,
            Role.READER: lambda: AssociationConfig(
                mechanism=Mechanism.LLS,
                ciphered=True,
                keys=identity.keys,
                system_title=CLIENT_TITLE,
                secret=bytes.fromhex(identity.lls_secret),
            ),
            Role.UTILITY: lambda: AssociationConfig(
                mechanism=Mechanism.HLS_GMAC, ciphered=True, keys=identity.keys, system_title=CLIENT_TITLE
            ),
        }[role]()
    if counter is None:
        counter = max(meter.received_counters.get(role, 0), 0) + 1
    return ClientAssociation(config, invocation_counter=counter, entropy=entropy())


class FakeWire:
    """Runs a client against a meter's sessions until nothing more is to be sent."""

    def __init__(self, meter, role, client=None, sessions=None):
        self.meter = meter
        self.sap = SAPS[role]
        self.client = client or client_for(meter, role)
        self.sessions = sessions or Sessions(meter, entropy())
        self.round_trips = 0

    def run(self, request):
        """Send a request; returns the client's events other than NeedsSend."""
        events, waiting = [], [request]
        while waiting:
            self.round_trips += 1
            for answer in self.sessions.receive(Frame(self.sap, 1, waiting.pop(0))):
                assert (answer.source, answer.destination) == (1, self.sap)
                for event in self.client.receive(answer.apdu):
                    if isinstance(event, NeedsSend):
                        waiting.append(event.apdu)
                    else:
                        events.append(event)
        return events

    def associate(self):
        [event] = self.run(self.client.associate())
        assert isinstance(event, Associated)
        return self

    def get(self, class_id, obis, attribute, access=None):
        """The value or the refusal of one attribute."""
        [event] = self.run(self.client.get(CosemAttribute.of(class_id, obis, attribute), access))
        assert isinstance(event, GetResult)
        return event.result

    def get_list(self, *attributes):
        [event] = self.run(self.client.get_list([(CosemAttribute.of(*item), None) for item in attributes]))
        assert isinstance(event, GetListResult)
        return event.results

    def release(self):
        [event] = self.run(self.client.release())
        assert isinstance(event, Released)
