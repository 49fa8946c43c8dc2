"""Arguments of the SMS service, in addition to those of every service."""

from msgspec import Struct

from urja.sandbox.arguments import ServiceArguments
from urja.sandbox.faults import Range


class MessageRates(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Rates of faults of messages: probabilities 0..1, and business seconds until a handset has its message.

    `late` draws from `late_s` instead of `usual_s`; `never` has no receipt at all; `fail` has one that says `failed`.
    """

    usual_s: Range = (1.0, 8.0)
    late: float = 0.0
    late_s: Range = (600.0, 21_600.0)
    never: float = 0.0
    fail: float = 0.0


NO_MESSAGE_FAULTS = MessageRates()


class SmsArguments(ServiceArguments, frozen=True, kw_only=True):
    """As `ServiceArguments`, with the behaviour of messages."""

    messages: MessageRates = NO_MESSAGE_FAULTS
