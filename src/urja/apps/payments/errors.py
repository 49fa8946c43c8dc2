"""What can go wrong with payments, by type."""


class PaymentsError(Exception):
    """The caller asked for something that cannot be done."""


class AmountRefusedError(PaymentsError):
    """An amount outside the bounds of `[payments]`."""


class NoGatewayError(PaymentsError):
    """No payment gateway is configured: nobody can pay here."""


class GatewayAwayError(Exception):
    """The gateway did not answer, or answered that it cannot now: the same request may succeed later."""


class GatewayRefusedError(Exception):
    """The gateway understood and will not: the same request fails again."""
