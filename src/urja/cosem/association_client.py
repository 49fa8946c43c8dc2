"""The client's end of an association, sans-IO: calls return bytes to send, received bytes return events."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from urja.cosem import acse, apdu, axdr
from urja.cosem.acse import AssociationResult, Diagnostic
from urja.cosem.apdu import (
    Aare,
    Aarq,
    ActionRequestBlock,
    ActionRequestFirstBlock,
    ActionRequestNextBlock,
    ActionRequestNormal,
    ActionResponseBlock,
    ActionResponseNextBlock,
    ActionResponseNormal,
    Apdu,
    Block,
    ConfirmedServiceError,
    DataNotification,
    EventNotification,
    ExceptionResponse,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    InitiateRequest,
    InitiateResponse,
    Rlre,
    Rlrq,
    SetRequestBlock,
    SetRequestFirstBlock,
    SetRequestFirstBlockWithList,
    SetRequestNormal,
    SetRequestWithList,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseLastBlockWithList,
    SetResponseNormal,
    SetResponseWithList,
    decode_apdu,
)
from urja.cosem.association_base import (
    REPLY_TO_HLS,
    Association,
    AssociationConfig,
    IncomingBlocks,
    OutgoingBlocks,
)
from urja.cosem.association_events import (
    ActionResult,
    Associated,
    ClientEvent,
    GetListResult,
    GetResult,
    NeedsSend,
    Notified,
    Released,
    Service,
    SetListResult,
    SetResult,
)
from urja.cosem.association_table import Input, State
from urja.cosem.axdr import Data, Tag
from urja.cosem.errors import (
    AssociationRejectedError,
    AuthenticationError,
    DecodeError,
    LocalError,
    PeerError,
    ServiceRejectedError,
    UnexpectedApduError,
)
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.xdlms import action, get, set_
from urja.cosem.xdlms.codes import INVOKE_ID_MASK, PRIORITY_HIGH, SERVICE_CONFIRMED, Conformance
from urja.cosem.xdlms.cursor import Cursor
from urja.cosem.xdlms.selection import Access, to_selection

_BLOCK_HEADER = 32
"""Bytes that type, invoke id, reference and block header of a first block take at most, without a selection.
"""


class ClientAssociation(Association):
    """One association of a client; see `Association` for the counters.

    `receive` raises PeerError for faults of the server. A refusal (AssociationRejectedError,
    ServiceRejectedError, AuthenticationError) moves the state as the table says. Any other error leaves the
    state: the owner should close the connection and call `lost()`.
    """

    def __init__(self, config: AssociationConfig, **counters: Any) -> None:
        super().__init__(config, **counters)
        self._invoke_id = 0
        self._service = Service.GET
        self._incoming: IncomingBlocks | None = None
        self._outgoing: OutgoingBlocks | None = None

    # --- requests of the owner ------------------------------------------------------------------------

    def associate(self) -> bytes:
        """Return the AARQ to send; LocalError unless the state is idle."""
        self._require(Input.ASSOCIATE, ours=True)
        scheme = self.config.scheme
        authentication = self._new_challenge() if scheme.challenges else None
        if scheme.password:
            authentication = self.config.secret
        initiate = self._protect(self._initiate().encode())
        aarq = Aarq(
            context=self.config.context,
            calling_ap_title=self.config.system_title,
            sender_requirements=None if authentication is None else acse.AUTHENTICATION_UNIT,
            mechanism=None if authentication is None else self.config.mechanism,
            authentication_value=authentication,
            user_information=initiate,
        )
        self._move(Input.ASSOCIATE, ours=True)
        return aarq.encode()

    def release(self) -> bytes:
        """Return the RLRQ to send; a request under way is abandoned. LocalError without an association."""
        self._require(Input.RELEASE, ours=True)
        information = self._protect(self._initiate().encode()) if self.config.ciphered else None
        self._move(Input.RELEASE, ours=True)
        return Rlrq(0, information).encode()

    def get(self, attribute: CosemAttribute, access: Access | None = None) -> bytes:
        """Return the request to read an attribute; `GetResult` follows. LocalError unless the state is ready."""
        return self._request(
            Service.GET, lambda invoke: GetRequestNormal(invoke, attribute, to_selection(access))
        )

    def get_list(self, items: Sequence[tuple[CosemAttribute, Access | None]]) -> bytes:
        """Return the request to read several attributes at once; `GetListResult` follows.

        Raises LocalError unless the state is ready, and where the request is longer than the server accepts.
        """
        wire = tuple((attribute, to_selection(access)) for attribute, access in items)
        return self._request(Service.GET_LIST, lambda invoke: GetRequestWithList(invoke, wire))

    def set(self, attribute: CosemAttribute, value: Data, access: Access | None = None) -> bytes:
        """Return the request to write an attribute, in blocks where the server accepts no longer APDU.

        `SetResult` follows. Raises LocalError unless the state is ready.
        """
        selection = to_selection(access)
        return self._request(
            Service.SET,
            lambda invoke: SetRequestNormal(invoke, attribute, value, selection),
            (
                axdr.encode(value),
                Conformance.BLOCK_TRANSFER_SET,
                lambda invoke, block: SetRequestFirstBlock(invoke, attribute, block, selection),
            ),
        )

    def set_list(
        self, items: Sequence[tuple[CosemAttribute, Access | None]], values: Sequence[Data]
    ) -> bytes:
        """Return the request to write several attributes; `SetListResult` follows.

        Raises LocalError unless there is a value for each attribute and the state is ready.
        """
        if len(items) != len(values):
            raise LocalError(f"{len(values)} values for {len(items)} attributes")
        wire = tuple((attribute, to_selection(access)) for attribute, access in items)
        return self._request(
            Service.SET_LIST,
            lambda invoke: SetRequestWithList(invoke, wire, tuple(values)),
            (
                set_.encode_values(tuple(values)),
                Conformance.BLOCK_TRANSFER_SET,
                lambda invoke, block: SetRequestFirstBlockWithList(invoke, wire, block),
            ),
        )

    def action(self, method: CosemMethod, parameters: Data | None = None) -> bytes:
        """Return the request to invoke a method, in blocks where its parameters are too long.

        `ActionResult` follows. Raises LocalError unless the state is ready.
        """
        long = None
        if parameters is not None:
            long = (
                axdr.encode(parameters),
                Conformance.BLOCK_TRANSFER_ACTION,
                lambda invoke, block: ActionRequestFirstBlock(invoke, method, block),
            )
        return self._request(
            Service.ACTION, lambda invoke: ActionRequestNormal(invoke, method, parameters), long
        )

    # --- APDUs of the server --------------------------------------------------------------------------

    def receive(self, raw: bytes) -> list[ClientEvent]:
        """Process one APDU of the server and return its events; raises PeerError (see the class)."""
        # Before decoding, which advances the counter: the proof inside may have a lower one than the APDU
        # around it.
        floor = self.peer_counter
        plain = self._decode(raw)
        if plain is None:
            return []
        if isinstance(plain, DataNotification | EventNotification):
            return [Notified(plain)]
        if isinstance(plain, Aare):
            return self._on_aare(plain)
        if isinstance(plain, Rlre):
            return self._on_rlre()
        if isinstance(plain, ExceptionResponse):
            self._on_exception(plain)
        if self.state is State.AUTHENTICATING:
            return self._on_proof(plain, floor)
        return self._on_response(plain)

    # --- association ----------------------------------------------------------------------------------

    def _initiate(self) -> InitiateRequest:
        return InitiateRequest(self.config.conformance, self.config.max_pdu)

    def _on_aare(self, aare: Aare) -> list[ClientEvent]:
        # Checked before the answer changes anything: an AARE that no AARQ asked for must not replace the
        # peer's title.
        self._require(Input.ACCEPTED, ours=False)
        if aare.result != AssociationResult.ACCEPTED:
            self._reject(aare)
        if aare.responding_ap_title is not None:
            self._accept_title(aare.responding_ap_title)
        initiate = self._open_initiate(aare)
        self.conformance, self.peer_max_pdu = initiate.conformance, initiate.max_pdu
        if not self.config.scheme.challenges:
            self._move(Input.ACCEPTED, ours=False)
            return [self._associated()]
        if not aare.authentication_value:
            raise AuthenticationError(
                "the server gives no challenge, though the association is requested with high level security"
            )
        if self.config.scheme.same_from_both_ends and aare.authentication_value == self._own_challenge:
            # A server that reflects our challenge would get from us the very proof that it owes us.
            raise AuthenticationError("the server gives our own challenge back")
        self._peer_challenge = aare.authentication_value
        request = ActionRequestNormal(self._next_invoke(), REPLY_TO_HLS, axdr.octets(self._prove()))
        reply = self._protect_service(request.encode())
        self._move(Input.CHALLENGED, ours=False)
        return [NeedsSend(reply)]

    def _accept_title(self, title: bytes) -> None:
        if len(title) != 8:
            raise DecodeError(f"the server's system title has {len(title)} bytes, not 8")
        if self.config.system_title == title:
            raise AuthenticationError("the server answers under our own system title")
        self.peer_system_title = title

    def _reject(self, aare: Aare) -> None:
        self._move(Input.REJECTED, ours=False)
        self._forget()
        try:
            reason = Diagnostic(aare.diagnostic).name.lower().replace("_", " ")
        except ValueError:
            reason = f"diagnostic {aare.diagnostic}"
        error = _service_error(aare.user_information)
        if error is not None:
            reason += f"; initiate error {error.kind}.{error.code}"
        raise AssociationRejectedError(
            f"the server refuses the association: {reason}", result=aare.result, diagnostic=aare.diagnostic
        )

    def _open_initiate(self, aare: Aare) -> InitiateResponse:
        if aare.user_information is None:
            raise DecodeError("the AARE carries no initiate response")
        initiate = self._unprotect(decode_apdu(aare.user_information, limits=self.config.limits))
        if not isinstance(initiate, InitiateResponse):
            raise UnexpectedApduError(
                f"the AARE carries a {type(initiate).__name__}, not an initiate response"
            )
        return initiate

    def _associated(self) -> Associated:
        return Associated(self.conformance, self.peer_max_pdu, self.peer_system_title)

    def _on_proof(self, response: Apdu, floor: int) -> list[ClientEvent]:
        """Verify pass 4, the server's answer to our challenge."""
        if not isinstance(response, ActionResponseNormal):
            raise UnexpectedApduError(f"a {type(response).__name__} where the answer to the challenge is due")
        try:
            if response.result is not apdu.ActionResult.SUCCESS:
                raise AuthenticationError(f"the server refuses our proof: {response.result.name}")
            if not isinstance(response.data, Data) or response.data.tag is not Tag.OCTET_STRING:
                raise AuthenticationError("the server's answer to the challenge is missing")
            self._verify(response.data.value, floor)
        except PeerError:
            self._move(Input.DISPROVED, ours=False)
            self._forget()
            raise
        self._move(Input.PROVED, ours=False)
        return [self._associated()]

    def _on_rlre(self) -> list[ClientEvent]:
        self._move(Input.RELEASED, ours=False)
        self._forget()
        return [Released()]

    def _on_exception(self, exception: ExceptionResponse) -> None:
        self._move(Input.EXCEPTION, ours=False)
        if self.state is State.IDLE:
            self._forget()
        names = f"{exception.state_error.name}, {exception.service_error.name}"
        if exception.expected_counter is not None:
            names += f", expected counter {exception.expected_counter}"
        raise ServiceRejectedError(f"the server answers with an exception: {names}", result=exception)

    # --- services -------------------------------------------------------------------------------------

    def _next_invoke(self) -> int:
        self._invoke_id = (self._invoke_id + 1) & INVOKE_ID_MASK
        return PRIORITY_HIGH | SERVICE_CONFIRMED | self._invoke_id

    def _request(
        self,
        service: Service,
        build: Callable[[int], Any],
        long: tuple[bytes, Conformance, Callable[[int, Block], Any]] | None = None,
    ) -> bytes:
        """Return a request in one piece, or its first block.

        `long` gives the raw data, the conformance bit that must be negotiated, and how a first block is
        built.
        """
        self._require(Input.REQUEST, ours=True)
        invoke = self._next_invoke()
        request: bytes = build(invoke).encode()
        outgoing = None
        if self._too_long(len(request)):
            if long is None or not self.conformance & long[1]:
                raise LocalError(
                    f"a request of {len(request)} bytes; the server accepts {self.peer_max_pdu} and no blocks"
                )
            # A reference with a selection can be long: the room for data is what this very request leaves.
            header = _BLOCK_HEADER + len(long[2](invoke, Block(False, 1, b"")).encode())
            outgoing = OutgoingBlocks(long[0], self._block_size(header))
            request = long[2](invoke, outgoing.next()).encode()
        sealed = self._protect_service(request)
        self._move(Input.REQUEST, ours=True)
        self._service, self._outgoing, self._incoming = service, outgoing, None
        return sealed

    def _on_response(self, plain: Any) -> list[ClientEvent]:
        self._require(Input.RESPONSE, ours=False)
        handler = self._RESPONSES.get((self._service, type(plain)))
        if handler is None:
            raise UnexpectedApduError(f"a {type(plain).__name__} as the answer to {self._service.value}")
        # The answer to an earlier request that was given up must not be taken for the answer to this one.
        if (plain.invoke ^ self._invoke_id) & INVOKE_ID_MASK:
            raise UnexpectedApduError(
                f"an answer to request {plain.invoke & INVOKE_ID_MASK}, not {self._invoke_id}"
            )
        return handler(self, plain)

    def _done(self, event: ClientEvent) -> list[ClientEvent]:
        self._move(Input.RESPONSE, ours=False)
        self._incoming = self._outgoing = None
        return [event]

    def _gather(self, number: int, data: bytes) -> IncomingBlocks:
        incoming = self._incoming or IncomingBlocks(self.config.limits)
        incoming.push(number, data)
        self._incoming = incoming
        return incoming

    def _on_get(self, response: GetResponseNormal) -> list[ClientEvent]:
        return self._done(GetResult(response.invoke, response.result))

    def _on_get_list(self, response: GetResponseWithList) -> list[ClientEvent]:
        return self._done(GetListResult(response.invoke, response.results))

    def _on_get_block(self, response: GetResponseWithBlock) -> list[ClientEvent]:
        if isinstance(response.result, apdu.AccessResult):
            return self._done(GetResult(response.invoke, response.result))
        incoming = self._gather(response.block_number, response.result)
        if not response.last:
            return self._request_next(GetRequestNext(response.invoke, response.block_number).encode())
        if self._service is Service.GET:
            data = axdr.decode_all(incoming.joined(), limits=self.config.limits)
            return self._done(GetResult(response.invoke, data))
        cursor = Cursor(incoming.joined(), 0, self.config.limits)
        results = get.decode_results(cursor)
        cursor.finish("results")
        return self._done(GetListResult(response.invoke, results))

    def _request_next(self, request: bytes) -> list[ClientEvent]:
        sealed = self._protect_service(request)
        self._move(Input.BLOCK, ours=False)
        return [NeedsSend(sealed)]

    def _on_set(self, response: SetResponseNormal | SetResponseLastBlock) -> list[ClientEvent]:
        return self._done(SetResult(response.invoke, response.result))

    def _on_set_list(self, response: SetResponseWithList | SetResponseLastBlockWithList) -> list[ClientEvent]:
        return self._done(SetListResult(response.invoke, response.results))

    def _on_block_taken(self, response: SetResponseBlock | ActionResponseNextBlock) -> list[ClientEvent]:
        """Send the next block after the server has acknowledged one."""
        outgoing = self._outgoing
        if outgoing is None or response.block_number != outgoing.last_number or outgoing.finished:
            raise UnexpectedApduError(
                f"an acknowledgement of block {response.block_number}, which is not due"
            )
        block = outgoing.next()
        setting = isinstance(response, SetResponseBlock)
        request = (
            SetRequestBlock(response.invoke, block) if setting else ActionRequestBlock(response.invoke, block)
        )
        return self._request_next(request.encode())

    def _on_action(self, response: ActionResponseNormal) -> list[ClientEvent]:
        return self._done(ActionResult(response.invoke, response.result, response.data))

    def _on_action_block(self, response: ActionResponseBlock) -> list[ClientEvent]:
        block = response.block
        incoming = self._gather(block.number, block.data)
        if not block.last:
            return self._request_next(ActionRequestNextBlock(response.invoke, block.number).encode())
        cursor = Cursor(incoming.joined(), 0, self.config.limits)
        outcome = action.decode_outcome(cursor)
        cursor.finish("outcome")
        return self._done(ActionResult(response.invoke, outcome.result, outcome.data))

    _RESPONSES: ClassVar[
        dict[tuple[Service, type], Callable[["ClientAssociation", Any], list[ClientEvent]]]
    ] = {
        (Service.GET, GetResponseNormal): _on_get,
        (Service.GET, GetResponseWithBlock): _on_get_block,
        (Service.GET_LIST, GetResponseWithList): _on_get_list,
        (Service.GET_LIST, GetResponseWithBlock): _on_get_block,
        (Service.SET, SetResponseNormal): _on_set,
        (Service.SET, SetResponseBlock): _on_block_taken,
        (Service.SET, SetResponseLastBlock): _on_set,
        (Service.SET_LIST, SetResponseWithList): _on_set_list,
        (Service.SET_LIST, SetResponseBlock): _on_block_taken,
        (Service.SET_LIST, SetResponseLastBlockWithList): _on_set_list,
        (Service.ACTION, ActionResponseNormal): _on_action,
        (Service.ACTION, ActionResponseBlock): _on_action_block,
        (Service.ACTION, ActionResponseNextBlock): _on_block_taken,
    }


def _service_error(information: bytes | None) -> ConfirmedServiceError | None:
    """Return the confirmed service error in a refusal's user information; None for anything else there."""
    if not information:
        return None
    try:
        carried = decode_apdu(information)
    except DecodeError:
        return None
    return carried if isinstance(carried, ConfirmedServiceError) else None
