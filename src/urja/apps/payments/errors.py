"""Exceptions of payments."""


class PaymentsError(Exception):
    """A request that payments refuse."""


class AmountRefusedError(PaymentsError):
    """An amount outside of the limits in `[payments]`."""


class OpenOrdersError(PaymentsError):
    """An account with so many orders that may still be paid that it gets no other."""


class NoGatewayError(PaymentsError):
    """No payment gateway is configured, or none of this name."""


class GatewayAwayError(Exception):
    """The gateway did not answer, or not usefully: the same request may succeed later."""


class GatewayRefusedError(Exception):
    """The gateway refused the request: it would fail again."""
