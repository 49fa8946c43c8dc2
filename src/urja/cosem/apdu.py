"""Every APDU of DLMS/COSEM that we speak: one decoder for all, `encode()` on each."""

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
from urja.cosem.xdlms import action, ciphered, get, initiate, notification, set_
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
from urja.cosem.xdlms.ciphered import GeneralDedCiphered, GeneralGloCiphered, GlobalCiphered
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
    | GlobalCiphered
    | GeneralGloCiphered
    | GeneralBlockTransfer
)

Ciphered = GlobalCiphered | GeneralGloCiphered

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
    gbt.TAG: gbt.decode_block,
}


def decode_apdu(buf: bytes | bytearray | memoryview, *, limits: Limits = axdr.DEFAULT_LIMITS) -> Apdu:
    """The APDU that takes all of `buf`.

    Ciphered ones come as they are: `open(keys, ...)` gives the plain bytes for another call. Raises
    DecodeError (with the offset in `buf`) or LimitExceeded.
    """
    cursor = Cursor(buf if isinstance(buf, bytes) else bytes(buf), 0, limits)
    tag = cursor.byte("APDU tag")
    decoder = _DECODERS.get(tag)
    if decoder is not None:
        apdu = decoder(cursor)
    elif tag in ciphered.CIPHERED_TAGS:
        apdu = ciphered.decode_service(tag, cursor)
    else:
        raise DecodeError(f"0x{tag:02x} is not the tag of an APDU we know", offset=0)
    cursor.finish("APDU")
    return apdu


__all__ = [
    "Aare",
    "Aarq",
    "Access",
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
    "GeneralDedCiphered",
    "GeneralGloCiphered",
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
    "InitiateRequest",
    "InitiateResponse",
    "RangeAccess",
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
    "StateError",
    "decode_apdu",
]
