"""The associations of one meter over one connection: wrapper frames in, wrapper frames out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, assert_never

from urja.cosem.acse import Mechanism
from urja.cosem.apdu import AccessResult, AccessSelection, ActionResult, GeneralGloCiphered
from urja.cosem.association import (
    ActionRequested,
    Associated,
    AssociationConfig,
    Fault,
    GetListRequested,
    GetRequested,
    NeedsSend,
    Released,
    ServerAssociation,
    ServerEvent,
    SetListRequested,
    SetRequested,
)
from urja.cosem.axdr import Data
from urja.cosem.errors import PeerError
from urja.cosem.obis import CosemAttribute, Obis
from urja.cosem.wrapper import Frame
from urja.meter.association_objects import CONFORMANCE
from urja.meter.meter import Meter
from urja.meter.object_model import RefusedError, Role, Selection
from urja.meter.object_values import selection_of

MAX_PDU: Final = 1024
"""Length of the longest APDU the meter sends and accepts, in bytes: the buffer of a small modem."""

_SERVICE_CIPHERED: Final = frozenset((b"\xc8", b"\xc9", b"\xcb"))
"""Tags of glo-get, glo-set and glo-action requests."""

Entropy = Callable[[int], bytes]


def association_config(meter: Meter, role: Role) -> AssociationConfig:
    """Return the parameters of a role's association (IS 15959-2, associations)."""
    identity = meter.identity
    if role is Role.PUBLIC:
        return AssociationConfig(conformance=CONFORMANCE[role], max_pdu=MAX_PDU)
    mechanism = Mechanism.LLS if role is Role.READER else Mechanism(identity.type.associations.hls_mechanism)
    return AssociationConfig(
        mechanism=mechanism,
        ciphered=True,
        keys=meter.keys,
        system_title=identity.title,
        secret=bytes.fromhex(identity.lls_secret) if role is Role.READER else meter.hls_secret,
        conformance=CONFORMANCE[role],
        max_pdu=MAX_PDU,
    )


class Sessions:
    """The associations of one connection: one for each client SAP.

    The caller advances the meter to the present before `receive`.
    """

    def __init__(self, meter: Meter, entropy: Entropy) -> None:
        saps = meter.identity.type.associations
        self._meter = meter
        self._entropy = entropy
        self._server_sap = saps.server_sap
        self._roles = {
            saps.public_sap: Role.PUBLIC,
            saps.reader_sap: Role.READER,
            saps.utility_sap: Role.UTILITY,
        }
        self._open: dict[Role, ServerAssociation] = {}
        self._faults: list[PeerError] = []

    def knows(self, client_sap: int, server_sap: int) -> bool:
        """Return whether an association exists for a client at a server SAP."""
        return client_sap in self._roles and server_sap == self._server_sap

    def forget(self, client_sap: int) -> None:
        """End a client's association: the data link that carried it is gone."""
        self._open.pop(self._roles[client_sap], None)

    def receive(self, frame: Frame) -> list[Frame]:
        """Return the answers to one frame; none for an unknown SAP, without power or asleep, as real meters do."""
        role = self._roles.get(frame.source)
        if role is None or frame.destination != self._server_sap or not self._meter.communicates:
            return []
        self._meter.engine.note_request()
        association = self._association(role)
        answers: list[bytes] = []
        with_counters = association.config.ciphered
        if with_counters:
            # Pushes and other connections share the key and so the counter, and may have used some since the last
            # request. A counter must never be used twice (IEC 62056-5-3, 5.3.3.3).
            association.invocation_counter = self._meter.transmit.upcoming
            association.peer_counter = self._meter.received_counters[role]
            keys = self._meter.keys
            now = association_config(self._meter, role)
            association.config = replace(association.config, keys=now.keys, secret=now.secret)
            _answer_in_kind(association, frame.apdu)
        for event in association.receive(frame.apdu):
            answers += self._answer(association, role, event)
        # A key transfer is answered under the old keys, and counters under the new ones have begun again: the old
        # counter must not be copied over them.
        if with_counters and keys is self._meter.keys:
            self._meter.transmit.skip_to(association.invocation_counter)
            self._meter.received_counters[role] = association.peer_counter
        return [Frame(self._server_sap, frame.source, apdu) for apdu in answers]

    def take_faults(self) -> list[PeerError]:
        """Return the errors of clients since the last call; each was answered as the standard prescribes."""
        faults, self._faults = self._faults, []
        return faults

    def _association(self, role: Role) -> ServerAssociation:
        association = self._open.get(role)
        if association is None:
            association = self._open[role] = ServerAssociation(
                association_config(self._meter, role),
                invocation_counter=self._meter.transmit.upcoming,
                peer_counter=self._meter.received_counters.get(role, -1),
                entropy=self._entropy,
            )
        return association

    def _answer(self, association: ServerAssociation, role: Role, event: ServerEvent) -> list[bytes]:
        match event:
            case NeedsSend(apdu):
                return [apdu]
            case Associated():
                # A client may accept longer APDUs; the meter's own buffer is the limit.
                association.peer_max_pdu = min(event.max_pdu or MAX_PDU, MAX_PDU)
                if event.peer_system_title is not None:
                    self._meter.client_titles[role] = event.peer_system_title
                return []
            case Released():
                return []
            case Fault():
                self._faults.append(event.error)
                return []
            case GetRequested():
                return [association.respond_get(event.ref, self._read(role, event.attribute, event.access))]
            case GetListRequested():
                results = tuple(self._read(role, attribute, access) for attribute, access in event.items)
                return [association.respond_get_list(event.ref, results)]
            case SetRequested():
                return [association.respond_set(event.ref, self._write(role, event.attribute, event.value))]
            case SetListRequested():
                pairs = zip(event.items, event.values, strict=True)
                written = tuple(self._write(role, attribute, value) for (attribute, _access), value in pairs)
                return [association.respond_set_list(event.ref, written)]
            case ActionRequested():
                result, returned = self._invoke(role, event)
                return [association.respond_action(event.ref, result, returned)]
            case _:
                assert_never(event)

    def _read(
        self, role: Role, attribute: CosemAttribute, access: AccessSelection | None
    ) -> Data | AccessResult:
        meter = self._meter
        try:
            selection = None if access is None else self._selection(access)
            return meter.catalogue.read(meter, role, _target(attribute), selection)
        except RefusedError as refused:
            return refused.reason

    def _selection(self, access: AccessSelection) -> Selection:
        try:
            return selection_of(self._meter.identity.type, access)
        except PeerError:
            # A malformed access descriptor: the request is refused and the association stays open.
            raise RefusedError(AccessResult.TYPE_UNMATCHED) from None

    def _write(self, role: Role, attribute: CosemAttribute, value: Data) -> AccessResult:
        meter = self._meter
        try:
            meter.catalogue.write(meter, role, _target(attribute), value)
        except RefusedError as refused:
            return refused.reason
        except PeerError:
            return AccessResult.TYPE_UNMATCHED
        return AccessResult.SUCCESS

    def _invoke(self, role: Role, event: ActionRequested) -> tuple[ActionResult, Data | None]:
        meter = self._meter
        target = (event.method.class_id, event.method.obis, event.method.method)
        try:
            return ActionResult.SUCCESS, meter.catalogue.invoke(meter, role, target, event.parameters)
        except RefusedError as refused:
            # Both enumerations number these reasons alike (IEC 62056-5-3, 9.5).
            return ActionResult(int(refused.reason)), None


def _answer_in_kind(association: ServerAssociation, request: bytes) -> None:
    """Answer with the ciphering of the request: a client that sends general-glo-ciphering may understand no other."""
    general = request[:1] == bytes((GeneralGloCiphered.TAG,))
    if general or request[:1] in _SERVICE_CIPHERED:
        association.config = replace(association.config, general_protection=general)


def _target(attribute: CosemAttribute) -> tuple[int, Obis, int]:
    return attribute.class_id, attribute.obis, attribute.attribute
