"""What the gateway is told at its start, beside what every service is told."""

from msgspec import Struct

from urja.sandbox.arguments import Address, ServiceArguments
from urja.sandbox.faults import Range


class PaymentRates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What becomes of payments by UPI and wallet: probabilities 0..1, and business seconds, for they are a bank's.

    `late`: the bank answers after a draw from `late_s`; half of such payments are called failed meanwhile.
    `reverse`: the money goes back after a draw from `reverse_s` from capture. `decline`: refused at once.
    `dispute`: disputed after a draw from `dispute_s` from capture and decided after one from `decided_s`; half are lost.
    Test cards do what they say, whatever these rates are.
    """

    late: float = 0.0
    late_s: Range = (60.0, 1800.0)
    reverse: float = 0.0
    reverse_s: Range = (3600.0, 172_800.0)
    decline: float = 0.0
    dispute: float = 0.0
    dispute_s: Range = (3600.0, 172_800.0)
    decided_s: Range = (3600.0, 172_800.0)


NO_PAYMENT_FAULTS = PaymentRates()


class GatewayArguments(ServiceArguments, frozen=True, kw_only=True):
    """As `ServiceArguments`, and how payments fare.

    `public_url` is how payers reach the gateway, where that is not `http://host:port`. `callback_origins` are
    further origins to which its pay page sends payers back; the loopback and its own host are always allowed.
    """

    payments: PaymentRates = NO_PAYMENT_FAULTS
    public_url: Address | None = None
    callback_origins: tuple[Address, ...] = ()
    auto_capture: bool = True
