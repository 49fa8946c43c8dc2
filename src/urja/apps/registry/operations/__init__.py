"""The writing side of the registry. Every operation is one transaction and takes its time and actor as given."""

from urja.apps.registry.operations.addresses import ApproveAddressChange, ChangeAddress, Readdress
from urja.apps.registry.operations.adoption import (
    Adopted,
    Adoption,
    Hanging,
    adopt_meter,
    hang_network_meter,
)
from urja.apps.registry.operations.commissioning import Commission, RecordCommissioning
from urja.apps.registry.operations.connections import NewConnection
from urja.apps.registry.operations.differences import CloseDifference, NoteDifference
from urja.apps.registry.operations.doing import Change, Doing, Operation, changes_of, perform, rehearse
from urja.apps.registry.operations.exchange import ChangeRatio, CorrectLastRead, ExchangeMeter
from urja.apps.registry.operations.external import UpsertFromSystem
from urja.apps.registry.operations.instalments import AgreeInstalments, EndInstalments, RecordDuesPaid
from urja.apps.registry.operations.letters import RecordLetter
from urja.apps.registry.operations.meter_jobs import (
    CancelMeterJob,
    ChangeKeys,
    ReadMeters,
    SetClocks,
    ShowText,
    TestRelays,
)
from urja.apps.registry.operations.mounting import InstallMeter, RemoveMeter
from urja.apps.registry.operations.moving import MoveIn, MoveOut, TransferOwnership
from urja.apps.registry.operations.network import (
    MoveConnection,
    MoveNode,
    PutUpTransformer,
    put_up_transformer,
)
from urja.apps.registry.operations.payment_modes import Bill, ConvertToPostpaid, ConvertToPrepaid
from urja.apps.registry.operations.people import CorrectPerson, MakeNameless
from urja.apps.registry.operations.protection import EndProtection, Protect
from urja.apps.registry.operations.proving import TakeNewKeys
from urja.apps.registry.operations.rewrapping import RewrapKeys
from urja.apps.registry.operations.staff import Dismiss, Employ, dismiss, employ
from urja.apps.registry.operations.stock import (
    Delivered,
    IssueDevice,
    ReceiveDevices,
    ReturnDevice,
    ScrapDevice,
    TestDevice,
)
from urja.apps.registry.operations.supply_life import (
    DisconnectPermanently,
    DisconnectTemporarily,
    Reconnect,
    ReopenConnection,
)
from urja.apps.registry.operations.swapping import SwapMeters
from urja.apps.registry.operations.terms import ChangeCategory, ChangeLoad, ChangePolicy
from urja.apps.registry.operations.tokens import IssueToken, RevokeToken
from urja.apps.registry.operations.undoing import Undo
from urja.apps.registry.operations.work_orders import (
    AssignWorkOrder,
    CloseWorkOrder,
    OpenWorkOrder,
    WithdrawWorkOrder,
)
from urja.apps.registry.projecting import project_again

ALL: tuple[type[Operation], ...] = (
    Adoption,
    AgreeInstalments,
    ApproveAddressChange,
    AssignWorkOrder,
    CancelMeterJob,
    ChangeAddress,
    ChangeCategory,
    ChangeKeys,
    ChangeLoad,
    ChangePolicy,
    ChangeRatio,
    CloseDifference,
    CloseWorkOrder,
    Commission,
    ConvertToPostpaid,
    ConvertToPrepaid,
    CorrectLastRead,
    CorrectPerson,
    DisconnectPermanently,
    DisconnectTemporarily,
    Dismiss,
    Employ,
    EndInstalments,
    EndProtection,
    ExchangeMeter,
    Hanging,
    InstallMeter,
    IssueDevice,
    IssueToken,
    MakeNameless,
    MoveConnection,
    MoveIn,
    MoveNode,
    MoveOut,
    NewConnection,
    NoteDifference,
    OpenWorkOrder,
    Protect,
    PutUpTransformer,
    ReadMeters,
    Readdress,
    ReceiveDevices,
    Reconnect,
    RecordCommissioning,
    RecordDuesPaid,
    RecordLetter,
    RemoveMeter,
    ReopenConnection,
    ReturnDevice,
    RevokeToken,
    RewrapKeys,
    ScrapDevice,
    SetClocks,
    ShowText,
    SwapMeters,
    TakeNewKeys,
    TestDevice,
    TestRelays,
    TransferOwnership,
    Undo,
    UpsertFromSystem,
    WithdrawWorkOrder,
)
"""Every operation there is: the API, the table of roles and the stage `register` go by it."""

BY_KIND: dict[str, type[Operation]] = {operation.kind(): operation for operation in ALL}
"""By the name that the audit has."""

__all__ = [
    "ALL",
    "BY_KIND",
    "Adopted",
    "Adoption",
    "AgreeInstalments",
    "ApproveAddressChange",
    "AssignWorkOrder",
    "Bill",
    "CancelMeterJob",
    "Change",
    "ChangeAddress",
    "ChangeCategory",
    "ChangeKeys",
    "ChangeLoad",
    "ChangePolicy",
    "ChangeRatio",
    "CloseDifference",
    "CloseWorkOrder",
    "Commission",
    "ConvertToPostpaid",
    "ConvertToPrepaid",
    "CorrectLastRead",
    "CorrectPerson",
    "Delivered",
    "DisconnectPermanently",
    "DisconnectTemporarily",
    "Dismiss",
    "Doing",
    "Employ",
    "EndInstalments",
    "EndProtection",
    "ExchangeMeter",
    "Hanging",
    "InstallMeter",
    "IssueDevice",
    "IssueToken",
    "MakeNameless",
    "MoveConnection",
    "MoveIn",
    "MoveNode",
    "MoveOut",
    "NewConnection",
    "NoteDifference",
    "OpenWorkOrder",
    "Operation",
    "Protect",
    "PutUpTransformer",
    "ReadMeters",
    "Readdress",
    "ReceiveDevices",
    "Reconnect",
    "RecordCommissioning",
    "RecordDuesPaid",
    "RecordLetter",
    "RemoveMeter",
    "ReopenConnection",
    "ReturnDevice",
    "RevokeToken",
    "RewrapKeys",
    "ScrapDevice",
    "SetClocks",
    "ShowText",
    "SwapMeters",
    "TakeNewKeys",
    "TestDevice",
    "TestRelays",
    "TransferOwnership",
    "Undo",
    "UpsertFromSystem",
    "WithdrawWorkOrder",
    "adopt_meter",
    "changes_of",
    "dismiss",
    "employ",
    "hang_network_meter",
    "perform",
    "project_again",
    "put_up_transformer",
    "rehearse",
]
