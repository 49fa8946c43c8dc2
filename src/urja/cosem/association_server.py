"""The server's end of an association, sans-IO: requests come as events, the owner answers by reference."""

import hmac
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final, NoReturn

from urja.cosem import acse, apdu, axdr
from urja.cosem.acse import AssociationResult, Diagnostic, Mechanism
from urja.cosem.apdu import (
    Aare,
    Aarq,
    AccessResult,
    ActionOutcome,
    ActionRequestBlock,
    ActionRequestFirstBlock,
    ActionRequestNextBlock,
    ActionRequestNormal,
    ActionResponseBlock,
    ActionResponseNextBlock,
    ActionResponseNormal,
    Apdu,
    ConfirmedServiceError,
    ExceptionResponse,
    GeneralGloCiphered,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    GlobalCiphered,
    InitiateRequest,
    InitiateResponse,
    Rlre,
    Rlrq,
    ServiceError,
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
    StateError,
    decode_apdu,
    under_dedicated_key,
)
from urja.cosem.association_auth import MAX_CHALLENGE, MIN_CHALLENGE
from urja.cosem.association_base import (
    REPLY_TO_HLS,
    Association,
    AssociationConfig,
    IncomingBlocks,
    OutgoingBlocks,
)
from urja.cosem.association_events import (
    ActionRequested,
    Associated,
    Fault,
    GetListRequested,
    GetRequested,
    NeedsSend,
    Released,
    RequestRef,
    ServerEvent,
    Service,
    SetListRequested,
    SetRequested,
)
from urja.cosem.association_table import Input, State
from urja.cosem.axdr import Data, Tag
from urja.cosem.errors import (
    AssociationRejectedError,
    AuthenticationError,
    DecodeError,
    LimitExceededError,
    LocalError,
    PeerError,
    ReplayError,
    UnexpectedApduError,
)
from urja.cosem.security import KEY_LENGTH, SuiteKeys
from urja.cosem.xdlms import get, set_
from urja.cosem.xdlms.codes import Conformance
from urja.cosem.xdlms.cursor import Cursor
from urja.cosem.xdlms.initiate import DLMS_VERSION

_BLOCK_HEADER: Final = 16
"""Bytes that type, invoke id and block header of a response take at most."""
_SMALLEST_PDU: Final = 64

_INITIATE: Final = (1, 6)
"""ConfirmedServiceError: initiateError, and in it the choice `initiate`."""
_VERSION_TOO_LOW, _INCOMPATIBLE_CONFORMANCE, _PDU_TOO_SHORT = 1, 2, 3


class ServerAssociation(Association):
    """One association of a server; see `Association` for the counters.

    `receive` raises LocalError only. A fault of the client comes as `Fault`; where the standard has an answer
    to it, that follows as `NeedsSend`.
    """

    def __init__(self, config: AssociationConfig, **counters: Any) -> None:
        super().__init__(config, **counters)
        self._serial = 0
        self._pending: RequestRef | None = None
        self._request: Any = None
        self._incoming: IncomingBlocks | None = None
        self._outgoing: OutgoingBlocks | None = None
        self._transfer_invoke = 0

    # --- APDUs of the client --------------------------------------------------------------------------

    def receive(self, raw: bytes) -> list[ServerEvent]:
        """Process one APDU of the client and return its events."""
        # Before decoding, which advances the counter: the proof inside may have a lower one than the APDU
        # around it.
        floor = self.peer_counter
        try:
            plain = self._decode(raw)
            return [] if plain is None else self._on_apdu(plain, floor)
        except PeerError as error:
            return [Fault(error), *self._complaint(raw, error)]

    def _complaint(self, raw: bytes, error: PeerError) -> list[ServerEvent]:
        """Return the answer to a faulty APDU: a refusal to an AARQ, an exception response to others.

        Nothing to what is itself an answer: two ends that complain about each other's complaints would never stop.
        """
        if not raw or raw[0] in _ANSWERS:
            return []
        if raw[0] == acse.AARQ_TAG:
            return [NeedsSend(self._refusal(error).encode())]
        return [NeedsSend(_exception_for(error).encode())]

    def _on_apdu(self, plain: Apdu, floor: int) -> list[ServerEvent]:
        if isinstance(plain, Aarq):
            return self._on_aarq(plain)
        if isinstance(plain, Rlrq):
            return self._on_rlrq(plain)
        if self.state is State.AUTHENTICATING:
            return self._on_proof(plain, floor)
        handler = self._REQUESTS.get(type(plain))
        if handler is None:
            raise _UnservedError(f"a {type(plain).__name__} is not served here")
        if self.state in (State.IDLE, State.RELEASING):
            raise UnexpectedApduError(f"a {type(plain).__name__} without an association")
        return handler(self, plain)

    def _unprotect_service(self, apdu: Apdu) -> Apdu:
        plain = super()._unprotect_service(apdu)
        if isinstance(apdu, GlobalCiphered | GeneralGloCiphered):
            # Some clients understand one form only: answer in the client's, and under its key.
            self._general = isinstance(apdu, GeneralGloCiphered)
            self._answer_dedicated = under_dedicated_key(apdu)
        return plain

    # --- association ----------------------------------------------------------------------------------

    def _on_aarq(self, aarq: Aarq) -> list[ServerEvent]:
        if self.state is not State.IDLE:
            # The client gave up its last session without a release, and begins again on the same connection.
            self.lost()
        self._move(Input.ASSOCIATE, ours=False)
        try:
            self._check_aarq(aarq)
            initiate = self._open_initiate(aarq)
            information = self._protect(self._negotiate(initiate).encode())
        except PeerError as error:
            self._move(Input.REJECTED, ours=True)
            self._forget()
            return [Fault(error), NeedsSend(self._refusal(error).encode())]
        if self.config.scheme.challenges:
            self._peer_challenge = aarq.authentication_value or b""
            aare = self._aare(Diagnostic.AUTHENTICATION_REQUIRED, information, self._new_challenge())
            self._move(Input.CHALLENGED, ours=True)
            return [NeedsSend(aare.encode())]
        self._move(Input.ACCEPTED, ours=True)
        return [NeedsSend(self._aare(Diagnostic.NULL, information, None).encode()), self._associated()]

    def _check_aarq(self, aarq: Aarq) -> None:
        if aarq.context != self.config.context:
            _refuse("application context not offered here", Diagnostic.CONTEXT_NAME_NOT_SUPPORTED)
        mechanism = aarq.mechanism or Mechanism.NONE
        if mechanism != self.config.mechanism:
            missing = mechanism == Mechanism.NONE
            _refuse(
                f"authentication mechanism {mechanism}, not {self.config.mechanism}",
                Diagnostic.MECHANISM_NAME_REQUIRED if missing else Diagnostic.MECHANISM_NAME_NOT_RECOGNIZED,
            )
        if aarq.calling_ap_title is not None and len(aarq.calling_ap_title) == 8:
            self.peer_system_title = aarq.calling_ap_title
        elif self.config.ciphered or self.config.scheme.needs_keys:
            _refuse("no system title of 8 bytes", Diagnostic.CALLING_AP_TITLE_NOT_RECOGNIZED)
        self._check_authentication(aarq.authentication_value or b"")

    def _check_authentication(self, value: bytes) -> None:
        scheme = self.config.scheme
        if scheme.password and not hmac.compare_digest(value, self.config.secret):
            raise AuthenticationError("the password is wrong")
        if scheme.challenges and not MIN_CHALLENGE <= len(value) <= MAX_CHALLENGE:
            raise AuthenticationError(
                f"a challenge of {len(value)} bytes, not {MIN_CHALLENGE} to {MAX_CHALLENGE}"
            )

    def _open_initiate(self, aarq: Aarq) -> InitiateRequest:
        if aarq.user_information is None:
            raise DecodeError("the AARQ carries no initiate request")
        initiate = self._unprotect(decode_apdu(aarq.user_information, limits=self.config.limits))
        if not isinstance(initiate, InitiateRequest):
            raise UnexpectedApduError(
                f"the AARQ carries a {type(initiate).__name__}, not an initiate request"
            )
        if initiate.dedicated_key is not None and self.config.ciphered:
            self._dedicated_keys = self._agreed(initiate.dedicated_key)
        return initiate

    def _agreed(self, dedicated_key: bytes) -> SuiteKeys:
        """Return the keys under the dedicated key; the authentication key stays (Green Book 9.2.5.1)."""
        if len(dedicated_key) != KEY_LENGTH:
            raise DecodeError(f"a dedicated key of {len(dedicated_key)} bytes, not {KEY_LENGTH}")
        return SuiteKeys(dedicated_key, self._keys().gak)

    def _negotiate(self, initiate: InitiateRequest) -> InitiateResponse:
        if initiate.version < DLMS_VERSION:
            raise _InitiateRefusedError(f"DLMS version {initiate.version}", _VERSION_TOO_LOW)
        self.conformance = Conformance(initiate.conformance & self.config.conformance)
        if not self.conformance:
            raise _InitiateRefusedError("no service in common", _INCOMPATIBLE_CONFORMANCE)
        if 0 < initiate.max_pdu < _SMALLEST_PDU:
            raise _InitiateRefusedError(f"PDUs of {initiate.max_pdu} bytes", _PDU_TOO_SHORT)
        self.peer_max_pdu = initiate.max_pdu
        return InitiateResponse(self.conformance, self.config.max_pdu)

    def _aare(self, diagnostic: Diagnostic, information: bytes, challenge: bytes | None) -> Aare:
        return Aare(
            context=self.config.context,
            result=AssociationResult.ACCEPTED,
            diagnostic=diagnostic,
            user_information=information,
            responding_ap_title=self.config.system_title,
            responder_requirements=None if challenge is None else acse.AUTHENTICATION_UNIT,
            mechanism=None if challenge is None else self.config.mechanism,
            authentication_value=challenge,
        )

    def _refusal(self, error: PeerError) -> Aare:
        diagnostic = Diagnostic.NO_REASON_GIVEN
        information = None
        if isinstance(error, AssociationRejectedError):
            diagnostic = Diagnostic(error.diagnostic)
        elif isinstance(error, acse.UnknownNameError):
            diagnostic = error.diagnostic
        elif isinstance(error, AuthenticationError):
            diagnostic = Diagnostic.AUTHENTICATION_FAILURE
        elif isinstance(error, _InitiateRefusedError):
            information = ConfirmedServiceError(*_INITIATE, error.code).encode()
        return Aare(
            context=self.config.context,
            result=AssociationResult.REJECTED_PERMANENT,
            diagnostic=diagnostic,
            user_information=information,
            responding_ap_title=self.config.system_title,
        )

    def _associated(self) -> Associated:
        return Associated(self.conformance, self.peer_max_pdu, self.peer_system_title)

    def _on_proof(self, plain: Apdu, floor: int) -> list[ServerEvent]:
        """Verify pass 3, the client's answer to our challenge, and return pass 4."""
        if not isinstance(plain, ActionRequestNormal) or not _is_reply_to_hls(plain):
            raise UnexpectedApduError(f"a {type(plain).__name__} before the client has proved itself")
        try:
            if plain.parameters is None or plain.parameters.tag is not Tag.OCTET_STRING:
                raise AuthenticationError("the client's answer to the challenge is missing")
            self._verify(plain.parameters.value, floor)
        except PeerError as error:
            refusal = ActionResponseNormal(plain.invoke, apdu.ActionResult.READ_WRITE_DENIED)
            reply = self._protect_service(refusal.encode())
            self._move(Input.DISPROVED, ours=False)
            self._forget()
            return [Fault(error), NeedsSend(reply)]
        proof = axdr.octets(self._prove())
        response = ActionResponseNormal(plain.invoke, apdu.ActionResult.SUCCESS, proof)
        reply = self._protect_service(response.encode())
        self._move(Input.PROVED, ours=False)
        return [NeedsSend(reply), self._associated()]

    def _on_rlrq(self, rlrq: Rlrq) -> list[ServerEvent]:
        self._require(Input.RELEASE, ours=False)
        information = None
        if self.config.ciphered and rlrq.user_information is not None:
            self._unprotect(decode_apdu(rlrq.user_information, limits=self.config.limits))
            information = self._protect(InitiateResponse(self.conformance, self.config.max_pdu).encode())
        self._move(Input.RELEASE, ours=False)
        self._move(Input.RELEASED, ours=True)
        self._forget()
        return [NeedsSend(Rlre(0, information).encode()), Released()]

    def _forget(self) -> None:
        super()._forget()
        self._pending = self._request = self._incoming = self._outgoing = None

    # --- requests -------------------------------------------------------------------------------------

    def _begin(self, service: Service, invoke: int) -> RequestRef:
        self._move(Input.REQUEST, ours=False)
        self._incoming = self._outgoing = None
        self._serial += 1
        self._pending = RequestRef(invoke, service, self._serial)
        return self._pending

    def _on_get(self, request: GetRequestNormal) -> list[ServerEvent]:
        return [GetRequested(request.attribute, request.access, self._begin(Service.GET, request.invoke))]

    def _on_get_list(self, request: GetRequestWithList) -> list[ServerEvent]:
        return [GetListRequested(request.items, self._begin(Service.GET_LIST, request.invoke))]

    def _on_get_next(self, request: GetRequestNext) -> list[ServerEvent]:
        reason = AccessResult.NO_LONG_GET_IN_PROGRESS
        if self.state is State.TRANSFERRING and self._outgoing is not None:
            if request.block_number == self._outgoing.last_number:
                return [NeedsSend(self._next_get_block())]
            reason = AccessResult.DATA_BLOCK_NUMBER_INVALID
            self._end_transfer()
        response = GetResponseWithBlock(request.invoke, True, request.block_number, reason)
        return [NeedsSend(self._protect_service(response.encode()))]

    def _on_set(self, request: SetRequestNormal) -> list[ServerEvent]:
        ref = self._begin(Service.SET, request.invoke)
        return [SetRequested(request.attribute, request.access, request.value, ref)]

    def _on_set_list(self, request: SetRequestWithList) -> list[ServerEvent]:
        ref = self._begin(Service.SET_LIST, request.invoke)
        return [SetListRequested(request.items, request.values, ref)]

    def _on_action(self, request: ActionRequestNormal) -> list[ServerEvent]:
        ref = self._begin(Service.ACTION, request.invoke)
        return [ActionRequested(request.method, request.parameters, ref)]

    def _on_action_next(self, request: ActionRequestNextBlock) -> list[ServerEvent]:
        outgoing = self._outgoing
        if self.state is State.TRANSFERRING and outgoing is not None:
            if request.block_number == outgoing.last_number:
                return [NeedsSend(self._next_action_block())]
            self._end_transfer()
        response = ActionResponseNormal(request.invoke, apdu.ActionResult.NO_LONG_ACTION_IN_PROGRESS)
        return [NeedsSend(self._protect_service(response.encode()))]

    # --- long requests --------------------------------------------------------------------------------

    def _on_first_block(
        self, request: SetRequestFirstBlock | SetRequestFirstBlockWithList | ActionRequestFirstBlock
    ) -> list[ServerEvent]:
        service = Service.ACTION if isinstance(request, ActionRequestFirstBlock) else Service.SET
        self._begin(service, request.invoke)
        self._request, self._incoming = request, IncomingBlocks(self.config.limits)
        return self._take_block(request)

    def _on_block(self, request: SetRequestBlock | ActionRequestBlock) -> list[ServerEvent]:
        begun = isinstance(self._request, ActionRequestFirstBlock)
        expected = self.state is State.TRANSFERRING and self._incoming is not None
        if not expected or begun != isinstance(request, ActionRequestBlock):
            raise UnexpectedApduError("a block of a long request that was not begun")
        return self._take_block(request)

    def _take_block(self, request: Any) -> list[ServerEvent]:
        assert self._incoming is not None
        block = request.block
        try:
            self._incoming.push(block.number, block.data)
            if block.last:
                return self._whole_request(request.invoke)
        except PeerError:
            # The transfer is abandoned; the exception response that follows reports it.
            self._move(Input.EXCEPTION, ours=True)
            self._incoming = self._request = self._pending = None
            raise
        taken = (
            ActionResponseNextBlock
            if isinstance(self._request, ActionRequestFirstBlock)
            else SetResponseBlock
        )
        reply = self._protect_service(taken(request.invoke, block.number).encode())
        self._move(Input.BLOCK, ours=True)
        return [NeedsSend(reply)]

    def _whole_request(self, invoke: int) -> list[ServerEvent]:
        assert self._incoming is not None
        first, raw = self._request, self._incoming.joined()
        limits = self.config.limits
        if isinstance(first, SetRequestFirstBlockWithList):
            cursor = Cursor(raw, 0, limits)
            values = set_.decode_values(cursor, len(first.items))
            cursor.finish("values")
            return [SetListRequested(first.items, values, self._resume(Service.SET_LIST, invoke))]
        value = axdr.decode_all(raw, limits=limits)
        if isinstance(first, SetRequestFirstBlock):
            return [SetRequested(first.attribute, first.access, value, self._resume(Service.SET, invoke))]
        return [ActionRequested(first.method, value, self._resume(Service.ACTION, invoke))]

    def _resume(self, service: Service, invoke: int) -> RequestRef:
        """Return the reference of a long request that is complete.

        `_incoming` stays until the answer, which names its last block.
        """
        if self.state is State.TRANSFERRING:
            self._move(Input.REQUEST, ours=False)
        self._pending = RequestRef(invoke, service, self._serial)
        return self._pending

    # --- answers --------------------------------------------------------------------------------------

    def respond_get(self, ref: RequestRef, result: Data | AccessResult) -> bytes:
        """Return the answer to a GET, in blocks where it is too long for the client.

        LocalError for a stale `ref`.
        """
        self._claim(ref, Service.GET)
        response = GetResponseNormal(ref.invoke, result).encode()
        if not self._too_long(len(response)):
            return self._answer(response)
        # Neither whole nor in blocks: a short refusal is all that fits.
        if isinstance(result, AccessResult) or not self.conformance & Conformance.BLOCK_TRANSFER_GET:
            return self._answer(GetResponseNormal(ref.invoke, AccessResult.OTHER_REASON).encode())
        return self._begin_get_blocks(ref, axdr.encode(result))

    def respond_get_list(self, ref: RequestRef, results: Sequence[Data | AccessResult]) -> bytes:
        """Return the answer to a GET with list, in its order; LocalError for a stale `ref`."""
        self._claim(ref, Service.GET_LIST)
        response = GetResponseWithList(ref.invoke, tuple(results)).encode()
        if not self._too_long(len(response)):
            return self._answer(response)
        if not self.conformance & Conformance.BLOCK_TRANSFER_GET:
            short = (AccessResult.OTHER_REASON,) * len(results)
            return self._answer(GetResponseWithList(ref.invoke, short).encode())
        return self._begin_get_blocks(ref, get.encode_results(tuple(results)))

    def respond_set(self, ref: RequestRef, result: AccessResult) -> bytes:
        """Return the answer to a SET; LocalError for a stale `ref`."""
        self._claim(ref, Service.SET)
        if self._incoming is None:
            return self._answer(SetResponseNormal(ref.invoke, result).encode())
        number = self._incoming.last_number
        return self._answer(SetResponseLastBlock(ref.invoke, result, number).encode())

    def respond_set_list(self, ref: RequestRef, results: Sequence[AccessResult]) -> bytes:
        """Return the answer to a SET with list, in its order; LocalError for a stale `ref`."""
        self._claim(ref, Service.SET_LIST)
        if self._incoming is None:
            return self._answer(SetResponseWithList(ref.invoke, tuple(results)).encode())
        number = self._incoming.last_number
        return self._answer(SetResponseLastBlockWithList(ref.invoke, tuple(results), number).encode())

    def respond_action(
        self, ref: RequestRef, result: apdu.ActionResult, returned: Data | AccessResult | None = None
    ) -> bytes:
        """Return the answer to an ACTION, in blocks where the return parameters are too long for the client.

        Raises LocalError for a stale `ref`.
        """
        self._claim(ref, Service.ACTION)
        response = ActionResponseNormal(ref.invoke, result, returned).encode()
        if not self._too_long(len(response)):
            return self._answer(response)
        if not self.conformance & Conformance.BLOCK_TRANSFER_ACTION:
            return self._answer(ActionResponseNormal(ref.invoke, apdu.ActionResult.OTHER_REASON).encode())
        outgoing = OutgoingBlocks(ActionOutcome(result, returned).encode(), self._block_size(_BLOCK_HEADER))
        self._incoming, self._outgoing, self._transfer_invoke = None, outgoing, ref.invoke
        return self._next_action_block()

    def _claim(self, ref: RequestRef, service: Service) -> None:
        if self._pending != ref or ref.service is not service:
            raise LocalError(f"no {service.value} request is pending for this answer")
        self._require(Input.RESPONSE, ours=True)
        self._pending = None

    def _answer(self, response: bytes) -> bytes:
        sealed = self._protect_service(response)
        self._end_transfer()
        return sealed

    def _end_transfer(self) -> None:
        self._move(Input.RESPONSE, ours=True)
        self._incoming = self._outgoing = self._request = None

    def _begin_get_blocks(self, ref: RequestRef, raw: bytes) -> bytes:
        self._outgoing = OutgoingBlocks(raw, self._block_size(_BLOCK_HEADER))
        self._transfer_invoke = ref.invoke
        return self._next_get_block()

    def _next_get_block(self) -> bytes:
        assert self._outgoing is not None
        block = self._outgoing.next()
        response = GetResponseWithBlock(self._transfer_invoke, block.last, block.number, block.data)
        return self._send_block(response.encode(), last=block.last)

    def _next_action_block(self) -> bytes:
        assert self._outgoing is not None
        block = self._outgoing.next()
        return self._send_block(ActionResponseBlock(self._transfer_invoke, block).encode(), last=block.last)

    def _send_block(self, response: bytes, *, last: bool) -> bytes:
        if last:
            return self._answer(response)
        sealed = self._protect_service(response)
        self._move(Input.BLOCK, ours=True)
        return sealed

    _REQUESTS: ClassVar[dict[type, Callable[["ServerAssociation", Any], list[ServerEvent]]]] = {
        GetRequestNormal: _on_get,
        GetRequestNext: _on_get_next,
        GetRequestWithList: _on_get_list,
        SetRequestNormal: _on_set,
        SetRequestWithList: _on_set_list,
        SetRequestFirstBlock: _on_first_block,
        SetRequestFirstBlockWithList: _on_first_block,
        SetRequestBlock: _on_block,
        ActionRequestNormal: _on_action,
        ActionRequestNextBlock: _on_action_next,
        ActionRequestFirstBlock: _on_first_block,
        ActionRequestBlock: _on_block,
    }


class _InitiateRefusedError(PeerError):
    """An initiate request that cannot be met; `code` is the initiate error."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(f"initiate refused: {message}")
        self.code = code


class _UnservedError(UnexpectedApduError):
    """A service that this server does not have, such as ACCESS, ACTION with list or those with short names."""


_ANSWERS: Final = frozenset(
    (0x08, 0x0E, 0x0F, 0x28, 0x2E, 0x61, 0x63, 0xC2, 0xC4, 0xC5, 0xC7, 0xCC, 0xCD, 0xCF, 0xD8)
)
"""Tags of APDUs that servers send: there is no request in them to answer."""


def _is_reply_to_hls(request: ActionRequestNormal) -> bool:
    """Whether this is pass 3, by the name of the current association or of the one it is in.

    Clients write 0.0.40.0.0.255 or 0.0.40.0.e.255.
    """
    method, reply = request.method, REPLY_TO_HLS
    same_object = (method.obis.a, method.obis.b, method.obis.c, method.obis.d) == (0, 0, 40, 0)
    return same_object and method.class_id == reply.class_id and method.method == reply.method


def _refuse(message: str, diagnostic: Diagnostic) -> NoReturn:
    raise AssociationRejectedError(
        message, result=AssociationResult.REJECTED_PERMANENT, diagnostic=diagnostic
    )


def _exception_for(error: PeerError) -> ExceptionResponse:
    allowed, unknown = StateError.SERVICE_NOT_ALLOWED, StateError.SERVICE_UNKNOWN
    if isinstance(error, ReplayError):
        expected = min(error.expected, 0xFFFF_FFFF)
        return ExceptionResponse(allowed, ServiceError.INVOCATION_COUNTER_ERROR, expected)
    if isinstance(error, AuthenticationError):
        return ExceptionResponse(allowed, ServiceError.DECIPHERING_ERROR)
    if isinstance(error, _UnservedError):
        return ExceptionResponse(unknown, ServiceError.SERVICE_NOT_SUPPORTED)
    if isinstance(error, UnexpectedApduError):
        return ExceptionResponse(allowed, ServiceError.OPERATION_NOT_POSSIBLE)
    if isinstance(error, LimitExceededError):
        return ExceptionResponse(allowed, ServiceError.PDU_TOO_LONG)
    return ExceptionResponse(unknown, ServiceError.OTHER_REASON)
