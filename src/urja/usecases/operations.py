"""All use cases. Each is one transaction, and takes its time and actor as arguments."""

from urja.apps.assets.projection_versions import mark_written_due
from urja.apps.journal.operation import Execution, UseCase
from urja.usecases import kinds
from urja.usecases.address_changes import ApproveAddressChange, ChangeAddress, Readdress
from urja.usecases.adjustments import AdjustBalance, RefundCredit, WaiveCharges, WriteOff
from urja.usecases.adoption import Adopted, Adoption, InstallNetworkMeter, adopt_meter, install_network_meter
from urja.usecases.bank import ClaimTransfer, DecideClaim, LoadStatement, ReverseClaim
from urja.usecases.charge_reviews import DecideReview
from urja.usecases.commissioning import Commission, RecordCommissioning
from urja.usecases.connections import NewConnection
from urja.usecases.counter import (
    CancelReceipt,
    ClearCheque,
    CloseDrawer,
    DepositTakings,
    OpenDrawer,
    ReturnCheque,
    TakeReceipt,
)
from urja.usecases.deposits import ChargeDeposit
from urja.usecases.differences import CloseDifference, NoteDifference
from urja.usecases.disconnections import (
    DisconnectPermanently,
    DisconnectTemporarily,
    Reconnect,
    ReopenServicePoint,
)
from urja.usecases.external_systems import UpsertFromSystem
from urja.usecases.instalments import AgreeInstalments, EndInstalments, RecordDuesPaid
from urja.usecases.interval_edits import EditInterval
from urja.usecases.key_rewrapping import RewrapKeys
from urja.usecases.kinds.agreements import Bill
from urja.usecases.kinds.stock import Delivered
from urja.usecases.letters import RecordLetter
from urja.usecases.maintenance import PostMaintenance
from urja.usecases.meter_exchange import ChangeRatio, CorrectLastRead, ExchangeMeter
from urja.usecases.meter_installation import InstallMeter, RemoveMeter
from urja.usecases.meter_jobs import (
    CancelMeterJob,
    ChangeKeys,
    ReadMeters,
    ResetDemands,
    SetCalendars,
    SetClocks,
    ShowText,
    TestRelays,
)
from urja.usecases.meter_swap import SwapMeters
from urja.usecases.mode_changes import ChangeModes, StopModeChange
from urja.usecases.move_in_and_out import MoveIn, MoveOut, TransferOwnership
from urja.usecases.network import AddTransformer, MoveNode, MoveServicePoint, add_transformer
from urja.usecases.opening_balances import SignOffOpeningBalances
from urja.usecases.operation_execution import Change, changes_of, dry_run_changes, perform
from urja.usecases.payment_modes import ConvertToPostpaid, ConvertToPrepaid
from urja.usecases.people import AnonymiseConsumer, CorrectConsumer
from urja.usecases.protection import EndProtection, Protect
from urja.usecases.societies import SetUpSociety
from urja.usecases.staff import Dismiss, Employ, dismiss, employ
from urja.usecases.stock import IssueDevice, ReceiveDevices, ReturnDevice, ScrapDevice, TestDevice
from urja.usecases.subsidy_payments import RecordSubsidyPayment
from urja.usecases.take_new_keys import TakeNewKeys
from urja.usecases.terms import ChangeCategory, ChangeLoad, ChangePolicy
from urja.usecases.tokens import IssueToken, RevokeToken
from urja.usecases.undoing import Undo
from urja.usecases.work_orders import AssignWorkOrder, CloseWorkOrder, OpenWorkOrder, WithdrawWorkOrder

BY_KIND: dict[str, type[UseCase]] = {asked.kind(): globals()[asked.__name__] for asked in kinds.ALL}
"""Use cases by kind, the name that the audit stores: a use case has the class name of its kind."""

__all__ = [
    "BY_KIND",
    "AddTransformer",
    "AdjustBalance",
    "Adopted",
    "Adoption",
    "AgreeInstalments",
    "AnonymiseConsumer",
    "ApproveAddressChange",
    "AssignWorkOrder",
    "Bill",
    "CancelMeterJob",
    "CancelReceipt",
    "Change",
    "ChangeAddress",
    "ChangeCategory",
    "ChangeKeys",
    "ChangeLoad",
    "ChangeModes",
    "ChangePolicy",
    "ChangeRatio",
    "ChargeDeposit",
    "ClaimTransfer",
    "ClearCheque",
    "CloseDifference",
    "CloseDrawer",
    "CloseWorkOrder",
    "Commission",
    "ConvertToPostpaid",
    "ConvertToPrepaid",
    "CorrectConsumer",
    "CorrectLastRead",
    "DecideClaim",
    "DecideReview",
    "Delivered",
    "DepositTakings",
    "DisconnectPermanently",
    "DisconnectTemporarily",
    "Dismiss",
    "EditInterval",
    "Employ",
    "EndInstalments",
    "EndProtection",
    "ExchangeMeter",
    "Execution",
    "InstallMeter",
    "InstallNetworkMeter",
    "IssueDevice",
    "IssueToken",
    "LoadStatement",
    "MoveIn",
    "MoveNode",
    "MoveOut",
    "MoveServicePoint",
    "NewConnection",
    "NoteDifference",
    "OpenDrawer",
    "OpenWorkOrder",
    "PostMaintenance",
    "Protect",
    "ReadMeters",
    "Readdress",
    "ReceiveDevices",
    "Reconnect",
    "RecordCommissioning",
    "RecordDuesPaid",
    "RecordLetter",
    "RecordSubsidyPayment",
    "RefundCredit",
    "RemoveMeter",
    "ReopenServicePoint",
    "ResetDemands",
    "ReturnCheque",
    "ReturnDevice",
    "ReverseClaim",
    "RevokeToken",
    "RewrapKeys",
    "ScrapDevice",
    "SetCalendars",
    "SetClocks",
    "SetUpSociety",
    "ShowText",
    "SignOffOpeningBalances",
    "StopModeChange",
    "SwapMeters",
    "TakeNewKeys",
    "TakeReceipt",
    "TestDevice",
    "TestRelays",
    "TransferOwnership",
    "Undo",
    "UpsertFromSystem",
    "UseCase",
    "WaiveCharges",
    "WithdrawWorkOrder",
    "WriteOff",
    "add_transformer",
    "adopt_meter",
    "changes_of",
    "dismiss",
    "dry_run_changes",
    "employ",
    "install_network_meter",
    "mark_written_due",
    "perform",
]
