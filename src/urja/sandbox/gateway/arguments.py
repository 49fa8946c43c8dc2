"""Arguments of the gateway, in addition to those of every service."""

from msgspec import Struct

from urja.sandbox.arguments import Address, ServiceArguments
from urja.sandbox.faults import Range


class PaymentRates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of faults of payments by UPI and wallet: probabilities 0..1, and business seconds, since they belong to a
    bank.

    `late`: the bank answers after a time drawn from `late_s`; half of such payments are reported as failed before.
    `reverse`: the money is returned after a time drawn from `reverse_s` from capture. `decline`: refused at once.
    `dispute`: disputed after a time drawn from `dispute_s` from capture and decided after one from `decided_s`; half
    are lost. Test cards have outcomes of their own, whatever these rates are.
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
    """As `ServiceArguments`, with the behaviour of payments.

    `public_url` is how payers reach the gateway, where that is not `http://host:port`. `callback_origins` are further
    origins to which its pay page may send payers back; the loopback and its own host are always allowed.
    """

    payments: PaymentRates = NO_PAYMENT_FAULTS
    public_url: Address | None = None
    callback_origins: tuple[Address, ...] = ()
    auto_capture: bool = True
