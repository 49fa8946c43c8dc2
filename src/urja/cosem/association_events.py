"""The events that an association reports to its owner."""

from dataclasses import dataclass
from enum import Enum

from urja.cosem import apdu
from urja.cosem.axdr import Data
from urja.cosem.errors import PeerError, ServiceRejectedError
from urja.cosem.obis import CosemAttribute, CosemMethod
from urja.cosem.xdlms.codes import AccessResult, Conformance
from urja.cosem.xdlms.selection import AccessSelection


@dataclass(frozen=True, slots=True)
class NeedsSend:
    """An APDU that is to be sent to the peer."""

    apdu: bytes


@dataclass(frozen=True, slots=True)
class Associated:
    """The association is established: what was negotiated, and the peer's system title if it gave one."""

    conformance: Conformance
    max_pdu: int
    """Bytes of the longest APDU that the peer accepts; 0 for no limit."""
    peer_system_title: bytes | None


@dataclass(frozen=True, slots=True)
class Released:
    """The association was released by agreement."""


@dataclass(frozen=True, slots=True)
class Notified:
    """A notification that the server sent unasked."""

    notification: apdu.DataNotification | apdu.EventNotification


@dataclass(frozen=True, slots=True)
class GetResult:
    """The answer to a GET."""

    invoke: int
    result: Data | AccessResult

    @property
    def data(self) -> Data:
        """The value; raises ServiceRejectedError where the server gave a reason instead."""
        return _value(self.result)


@dataclass(frozen=True, slots=True)
class GetListResult:
    """The answers to a GET with list, in its order."""

    invoke: int
    results: tuple[Data | AccessResult, ...]


@dataclass(frozen=True, slots=True)
class SetResult:
    """The answer to a SET."""

    invoke: int
    result: AccessResult


@dataclass(frozen=True, slots=True)
class SetListResult:
    """The answers to a SET with list, in its order."""

    invoke: int
    results: tuple[AccessResult, ...]


@dataclass(frozen=True, slots=True)
class ActionResult:
    """The answer to an ACTION: its code, and the return parameters if there are any."""

    invoke: int
    result: apdu.ActionResult
    returned: Data | AccessResult | None = None

    @property
    def data(self) -> Data:
        """The return parameters; raises ServiceRejectedError where there are none or the action failed."""
        if self.result is not apdu.ActionResult.SUCCESS:
            raise ServiceRejectedError(f"the action failed: {self.result.name}", result=self.result)
        return _value(AccessResult.OTHER_REASON if self.returned is None else self.returned)


ClientEvent = (
    NeedsSend
    | Associated
    | Released
    | Notified
    | GetResult
    | GetListResult
    | SetResult
    | SetListResult
    | ActionResult
)
"""Any event of a client's association."""


class Service(Enum):
    """The kind of answer that a request expects."""

    GET = "get"
    GET_LIST = "get with list"
    SET = "set"
    SET_LIST = "set with list"
    ACTION = "action"


@dataclass(frozen=True, slots=True)
class RequestRef:
    """A reference to a request that the server's owner has to answer."""

    invoke: int
    service: Service
    serial: int
    """Number of the request in this association: a late answer is not taken for that of a later request."""


@dataclass(frozen=True, slots=True)
class GetRequested:
    """A GET of the client; the owner answers with `respond_get`."""

    attribute: CosemAttribute
    access: AccessSelection | None
    ref: RequestRef


@dataclass(frozen=True, slots=True)
class GetListRequested:
    """A GET with list of the client; the owner answers with `respond_get_list`."""

    items: tuple[tuple[CosemAttribute, AccessSelection | None], ...]
    ref: RequestRef


@dataclass(frozen=True, slots=True)
class SetRequested:
    """A SET of the client; the owner answers with `respond_set`."""

    attribute: CosemAttribute
    access: AccessSelection | None
    value: Data
    ref: RequestRef


@dataclass(frozen=True, slots=True)
class SetListRequested:
    """A SET with list of the client; the owner answers with `respond_set_list`."""

    items: tuple[tuple[CosemAttribute, AccessSelection | None], ...]
    values: tuple[Data, ...]
    ref: RequestRef


@dataclass(frozen=True, slots=True)
class ActionRequested:
    """An ACTION of the client; the owner answers with `respond_action`."""

    method: CosemMethod
    parameters: Data | None
    ref: RequestRef


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault of the client; the standard's answer to it, if there is one, follows as `NeedsSend`."""

    error: PeerError


ServerEvent = (
    NeedsSend
    | Associated
    | Released
    | GetRequested
    | GetListRequested
    | SetRequested
    | SetListRequested
    | ActionRequested
    | Fault
)
"""Any event of a server's association."""


def _value(result: Data | AccessResult) -> Data:
    if isinstance(result, AccessResult):
        raise ServiceRejectedError(f"the server answers {result.name}", result=result)
    return result
