"""Every APDU of DLMS/COSEM that Urja reads: one decoder for all of them, `encode()` on each."""

from collections.abc import Callable
from typing import Final

from urja.cosem import axdr, gbt
from urja.cosem.acse import (
    AARE_TAG,
    AARQ_TAG,
    RLRE_TAG,
    RLRQ_TAG,
    Aare,
    Aarq,
    Rlre,
    Rlrq,
    decode_aare,
    decode_aarq,
    decode_rlre,
    decode_rlrq,
)
from urja.cosem.axdr import Limits
from urja.cosem.errors import DecodeError
from urja.cosem.gbt import GeneralBlockTransfer
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.xdlms import access, action, ciphered, get, initiate, notification, set_, short_names
from urja.cosem.xdlms.access import AccessKind, AccessOutcome, AccessPart, AccessRequest, AccessResponse
from urja.cosem.xdlms.action import (
    ActionOutcome,
    ActionRequest,
    ActionRequestBlock,
    ActionRequestFirstBlock,
    ActionRequestFirstBlockWithList,
    ActionRequestNextBlock,
    ActionRequestNormal,
    ActionRequestWithList,
    ActionResponse,
    ActionResponseBlock,
    ActionResponseNextBlock,
    ActionResponseNormal,
    ActionResponseWithList,
)
from urja.cosem.xdlms.blocks import Block
from urja.cosem.xdlms.ciphered import (
    Ciphered,
    GeneralCiphered,
    GeneralDedCiphered,
    GeneralGloCiphered,
    GeneralSigned,
    GlobalCiphered,
    KeyInfo,
    MessageFields,
    under_dedicated_key,
)
from urja.cosem.xdlms.codes import AccessResult, ActionResult, Conformance, ServiceError, StateError
from urja.cosem.xdlms.cursor import Cursor
from urja.cosem.xdlms.get import (
    GetRequest,
    GetRequestNext,
    GetRequestNormal,
    GetRequestWithList,
    GetResponse,
    GetResponseNormal,
    GetResponseWithBlock,
    GetResponseWithList,
    GetResult,
)
from urja.cosem.xdlms.initiate import (
    ConfirmedServiceError,
    ExceptionResponse,
    InitiateRequest,
    InitiateResponse,
)
from urja.cosem.xdlms.notification import DataNotification, EventNotification
from urja.cosem.xdlms.selection import Access, AccessSelection, CaptureObject, EntryAccess, RangeAccess
from urja.cosem.xdlms.set_ import (
    SetRequest,
    SetRequestBlock,
    SetRequestFirstBlock,
    SetRequestFirstBlockWithList,
    SetRequestNormal,
    SetRequestWithList,
    SetResponse,
    SetResponseBlock,
    SetResponseLastBlock,
    SetResponseLastBlockWithList,
    SetResponseNormal,
    SetResponseWithList,
)
from urja.cosem.xdlms.short_names import (
    BlockAccess,
    InformationReport,
    ReadRequest,
    ReadResponse,
    ShortName,
    WriteRequest,
    WriteResponse,
)

Apdu = (
    Aarq
    | Aare
    | Rlrq
    | Rlre
    | InitiateRequest
    | InitiateResponse
    | ConfirmedServiceError
    | ExceptionResponse
    | DataNotification
    | EventNotification
    | GetRequest
    | GetResponse
    | SetRequest
    | SetResponse
    | ActionRequest
    | ActionResponse
    | AccessRequest
    | AccessResponse
    | ReadRequest
    | ReadResponse
    | WriteRequest
    | WriteResponse
    | InformationReport
    | GlobalCiphered
    | GeneralGloCiphered
    | GeneralCiphered
    | GeneralSigned
    | GeneralBlockTransfer
)
"""Any decoded APDU."""

_DECODERS: Final[dict[int, Callable[[Cursor], Apdu]]] = {
    AARQ_TAG: decode_aarq,
    AARE_TAG: decode_aare,
    RLRQ_TAG: decode_rlrq,
    RLRE_TAG: decode_rlre,
    initiate.INITIATE_REQUEST_TAG: initiate.decode_request,
    initiate.INITIATE_RESPONSE_TAG: initiate.decode_response,
    initiate.CONFIRMED_SERVICE_ERROR_TAG: initiate.decode_error,
    initiate.EXCEPTION_TAG: initiate.decode_exception,
    notification.DATA_NOTIFICATION_TAG: notification.decode_data_notification,
    notification.EVENT_NOTIFICATION_TAG: notification.decode_event_notification,
    get.REQUEST_TAG: get.decode_request,
    get.RESPONSE_TAG: get.decode_response,
    set_.REQUEST_TAG: set_.decode_request,
    set_.RESPONSE_TAG: set_.decode_response,
    action.REQUEST_TAG: action.decode_request,
    action.RESPONSE_TAG: action.decode_response,
    ciphered.GENERAL_GLO_TAG: ciphered.decode_general_glo,
    ciphered.GENERAL_DED_TAG: ciphered.decode_general_ded,
    ciphered.GENERAL_CIPHERING_TAG: ciphered.decode_general_ciphering,
    ciphered.GENERAL_SIGNING_TAG: ciphered.decode_general_signing,
    access.REQUEST_TAG: access.decode_request,
    access.RESPONSE_TAG: access.decode_response,
    short_names.READ_REQUEST_TAG: short_names.decode_read_request,
    short_names.READ_RESPONSE_TAG: short_names.decode_read_response,
    short_names.WRITE_REQUEST_TAG: short_names.decode_write_request,
    short_names.WRITE_RESPONSE_TAG: short_names.decode_write_response,
    short_names.UNCONFIRMED_WRITE_TAG: short_names.decode_unconfirmed_write,
    short_names.INFORMATION_REPORT_TAG: short_names.decode_information_report,
    gbt.TAG: gbt.decode_block,
}


def decode_apdu(buf: bytes | bytearray | memoryview, *, limits: Limits = axdr.DEFAULT_LIMITS) -> Apdu:
    """Return the APDU that fills all of `buf`.

    Ciphered APDUs are returned ciphered: `open(keys, ...)` gives the plain bytes for another call. Raises
    DecodeError (with the offset in `buf`) or LimitExceededError.
    """
    cursor = Cursor(buf if isinstance(buf, bytes) else bytes(buf), 0, limits)
    tag = cursor.byte("APDU tag")
    decoder = _DECODERS.get(tag)
    if decoder is not None:
        apdu = decoder(cursor)
    elif tag in ciphered.CIPHERED_TAGS:
        apdu = ciphered.decode_service(tag, cursor)
    else:
        raise DecodeError(f"0x{tag:02x} is not the tag of an APDU that is known", offset=0)
    cursor.finish("APDU")
    return apdu


__all__ = [
    "Aare",
    "Aarq",
    "Access",
    "AccessKind",
    "AccessOutcome",
    "AccessPart",
    "AccessRequest",
    "AccessResponse",
    "AccessResult",
    "AccessSelection",
    "ActionOutcome",
    "ActionRequest",
    "ActionRequestBlock",
    "ActionRequestFirstBlock",
    "ActionRequestFirstBlockWithList",
    "ActionRequestNextBlock",
    "ActionRequestNormal",
    "ActionRequestWithList",
    "ActionResponse",
    "ActionResponseBlock",
    "ActionResponseNextBlock",
    "ActionResponseNormal",
    "ActionResponseWithList",
    "ActionResult",
    "Apdu",
    "Block",
    "BlockAccess",
    "CaptureObject",
    "Ciphered",
    "ConfirmedServiceError",
    "Conformance",
    "CosemAttribute",
    "CosemMethod",
    "DataNotification",
    "EntryAccess",
    "EventNotification",
    "ExceptionResponse",
    "GeneralBlockTransfer",
    "GeneralCiphered",
    "GeneralDedCiphered",
    "GeneralGloCiphered",
    "GeneralSigned",
    "GetRequest",
    "GetRequestNext",
    "GetRequestNormal",
    "GetRequestWithList",
    "GetResponse",
    "GetResponseNormal",
    "GetResponseWithBlock",
    "GetResponseWithList",
    "GetResult",
    "GlobalCiphered",
    "InformationReport",
    "InitiateRequest",
    "InitiateResponse",
    "KeyInfo",
    "MessageFields",
    "RangeAccess",
    "ReadRequest",
    "ReadResponse",
    "Rlre",
    "Rlrq",
    "ServiceError",
    "SetRequest",
    "SetRequestBlock",
    "SetRequestFirstBlock",
    "SetRequestFirstBlockWithList",
    "SetRequestNormal",
    "SetRequestWithList",
    "SetResponse",
    "SetResponseBlock",
    "SetResponseLastBlock",
    "SetResponseLastBlockWithList",
    "SetResponseNormal",
    "SetResponseWithList",
    "ShortName",
    "StateError",
    "WriteRequest",
    "WriteResponse",
    "decode_apdu",
    "under_dedicated_key",
]
