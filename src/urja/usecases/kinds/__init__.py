"""The kinds of operation that a caller may request: their fields, without guards and without effects.

The web builds forms and the API from these structs and records requests; it can import nothing that carries an
operation out (contract `use-case-kinds`). A use case of the same name in `urja.usecases` derives from each and adds
the guards and the execution.
"""

from typing import Final

from urja.apps.journal.operation import Operation as Operation
from urja.usecases.kinds import (
    agreements,
    connections,
    meter_jobs,
    meters,
    money,
    network,
    people,
    staff,
    stock,
    undoing,
    work_orders,
)

ALL: Final[tuple[type[Operation], ...]] = (
    meters.Adoption,
    money.AgreeInstalments,
    people.ApproveAddressChange,
    work_orders.AssignWorkOrder,
    meter_jobs.CancelMeterJob,
    people.ChangeAddress,
    agreements.ChangeCategory,
    meter_jobs.ChangeKeys,
    agreements.ChangeLoad,
    agreements.ChangePolicy,
    meters.ChangeRatio,
    money.CloseDifference,
    work_orders.CloseWorkOrder,
    meters.Commission,
    agreements.ConvertToPostpaid,
    agreements.ConvertToPrepaid,
    meters.CorrectLastRead,
    people.CorrectConsumer,
    connections.DisconnectPermanently,
    connections.DisconnectTemporarily,
    staff.Dismiss,
    staff.Employ,
    money.EndInstalments,
    connections.EndProtection,
    meters.ExchangeMeter,
    meters.InstallNetworkMeter,
    meters.InstallMeter,
    stock.IssueDevice,
    staff.IssueToken,
    people.AnonymiseConsumer,
    network.MoveServicePoint,
    agreements.MoveIn,
    network.MoveNode,
    agreements.MoveOut,
    connections.NewConnection,
    money.NoteDifference,
    work_orders.OpenWorkOrder,
    connections.Protect,
    network.AddTransformer,
    meter_jobs.ReadMeters,
    staff.Readdress,
    stock.ReceiveDevices,
    connections.Reconnect,
    meters.RecordCommissioning,
    money.RecordDuesPaid,
    connections.RecordLetter,
    meters.RemoveMeter,
    connections.ReopenServicePoint,
    stock.ReturnDevice,
    staff.RevokeToken,
    meters.RewrapKeys,
    stock.ScrapDevice,
    meter_jobs.SetClocks,
    meter_jobs.ShowText,
    meters.SwapMeters,
    meters.TakeNewKeys,
    stock.TestDevice,
    meter_jobs.TestRelays,
    agreements.TransferOwnership,
    undoing.Undo,
    connections.UpsertFromSystem,
    work_orders.WithdrawWorkOrder,
)
"""All operations. The API, the console's forms and the table of roles are built from this tuple."""

BY_KIND: Final[dict[str, type[Operation]]] = {operation.kind(): operation for operation in ALL}
"""Operations by kind: the name that the audit stores, such as `move_in`."""
