"""Test cards, each with a fixed outcome. No other number is accepted, so that no payer enters a real one."""

from dataclasses import dataclass
from typing import Final

from urja.sandbox.gateway.context import PaymentOutcome
from urja.sandbox.gateway.payments import Method


@dataclass(frozen=True, slots=True)
class Card:
    """A card number and the outcome of paying with it; `outcome` is a key of the page's texts."""

    number: str
    network: str
    outcome: str
    fate: PaymentOutcome

    @property
    def shown(self) -> str:
        """The number in groups of four digits."""
        return " ".join(self.number[start : start + 4] for start in range(0, 16, 4))


CARDS: Final = (
    Card("4111111111111111", "Visa", "success", PaymentOutcome()),
    Card("4000000000000002", "Visa", "fail", PaymentOutcome(declined=True)),
    Card("4000000000000119", "Visa", "late", PaymentOutcome(late_s=300.0, as_failed=True)),
    Card("5105105105105100", "MasterCard", "reverse", PaymentOutcome(reverse_s=3600.0)),
    Card("4000000000000259", "Visa", "dispute_lost", PaymentOutcome(dispute_s=3600.0, decided_s=7200.0)),
    Card(
        "4000000000001976",
        "Visa",
        "dispute_won",
        PaymentOutcome(dispute_s=3600.0, decided_s=7200.0, dispute_won=True),
    ),
)

_BY_NUMBER: Final = {card.number: card for card in CARDS}


def method_of(number: str) -> Method | None:
    """Return the method of an entered card number, None for any that is not a test card."""
    card = _BY_NUMBER.get("".join(character for character in number if character.isalnum()))
    if card is None:
        return None
    return Method("card", {"card": _entity(card)}, card.fate)


def _entity(card: Card) -> dict[str, object]:
    return {
        "id": f"card_Sandbox{card.number[-4:]}",
        "entity": "card",
        "name": "",
        "last4": card.number[-4:],
        "network": card.network,
        "type": "credit",
        "issuer": None,
        "international": False,
        "emi": False,
    }
