"""Amounts by what they bill: Wh of electricity, litres of gas."""

from urja.apps.network.kinds import Commodity


def wh(amount: int | None, commodity: str) -> int | None:
    """Return an amount in Wh where it bills electricity; None for another commodity."""
    return amount if commodity == Commodity.ELECTRICITY else None


def litres(amount: int | None, commodity: str) -> int | None:
    """Return an amount in litres where it bills gas; None for another commodity."""
    return amount if commodity == Commodity.GAS else None
