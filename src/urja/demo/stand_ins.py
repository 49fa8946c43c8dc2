"""The outside world of a demonstration: a payment gateway, a message service, and the residents of the town.

Each is a process with a book of its own. Their faults are drawn by seed: webhooks that are lost, repeated, late and
out of order, banks that answer late, receipts that never come.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import msgspec

from urja.base.ports import free_port
from urja.base.settings import ChannelSettings, Settings
from urja.base.untyped_values import JsonObject
from urja.demo.town import House
from urja.site.supervisor import sandbox_gateway
from urja.site.supervisor.extra_child import ExtraChild
from urja.site.supervisor.secrets import Vault

SMS: Final = "sms"
RESIDENTS: Final = "residents"
PAYMENTS: Final = "razorpay"
"""Its name in the settings, and so in every row."""
KEY_ID: Final = "rzp_test_town"

WEBHOOK_FAULTS: Final = {
    "lose": 0.1,
    "repeat": 0.1,
    "delay": 0.1,
    "delay_s": [1.0, 10.0],
    "reorder": 0.1,
}
PAYMENT_FAULTS: Final = {"late": 0.05, "reverse": 0.02, "decline": 0.03, "dispute": 0.02}
MESSAGE_FAULTS: Final = {"usual_s": [20.0, 240.0], "late": 0.05, "never": 0.02, "fail": 0.01}

_STOP_RANK: Final = 25
"""After the web server, whose pages lead here, and after the residents."""


@dataclass(frozen=True, slots=True)
class StandIns:
    """Ports of the stand-ins; the settings of the system point to them."""

    gateway_port: int
    sms_port: int

    @classmethod
    def on_free_ports(cls) -> "StandIns":
        """Return stand-ins on ports that are free now."""
        return cls(free_port(), free_port())

    @property
    def gateway_url(self) -> str:
        return f"http://127.0.0.1:{self.gateway_port}"

    @property
    def sms_url(self) -> str:
        return f"http://127.0.0.1:{self.sms_port}"

    def known_to(self, settings: Settings) -> Settings:
        """Return settings with the stand-ins as payment gateway and message service."""
        replace = msgspec.structs.replace
        return replace(
            settings,
            payments=replace(
                settings.payments,
                gateways={PAYMENTS: sandbox_gateway.settings_of(self.gateway_port, KEY_ID)},
            ),
            messages=replace(
                settings.messages,
                channels={SMS: ChannelSettings(provider="sandbox", options={"base_url": self.sms_url})},
                recharge_at=f"{settings.web.host}:{settings.web.port}",
            ),
        )

    def children(self, settings: Settings, vault: Vault, folder: Path, seed: int) -> list[ExtraChild]:
        """Return the two services, with their books in `folder`."""
        web = f"http://{settings.web.host}:{settings.web.port}"
        gateway = sandbox_gateway.child_of(
            PAYMENTS,
            settings,
            vault.services.gateways[PAYMENTS],
            folder,
            seed=seed,
            webhooks=WEBHOOK_FAULTS,
            payments=PAYMENT_FAULTS,
        )
        channel = vault.services.channels[SMS]
        sms = {
            "port": self.sms_port,
            "database": str(folder / "sms.sqlite"),
            "webhook_url": f"{web}/hooks/notices/{SMS}/",
            "webhook_secret": channel["webhook_secret"],
            "key_id": "urja",
            "key_secret": channel["key_secret"],
            "seed": seed,
            "messages": MESSAGE_FAULTS,
        }
        return [gateway, _child(SMS, "urja.sandbox.sms.process:run", sms)]

    def book(self, vault: Vault) -> list[JsonObject]:
        """Return every payment in the gateway's book. Raises httpx.HTTPError where it does not answer."""
        return self._whole_book(vault)["payments"]

    def settled(self, vault: Vault) -> list[JsonObject]:
        """Return every row of the gateway's settlements. Raises httpx.HTTPError where it does not answer."""
        return self._whole_book(vault)["settlement_rows"]

    def _whole_book(self, vault: Vault) -> dict[str, list[dict[str, object]]]:
        login = (KEY_ID, vault.services.gateways[PAYMENTS]["key_secret"])
        answer = httpx.get(f"{self.gateway_url}/book/payments", auth=login, timeout=20).raise_for_status()
        book: dict[str, list[JsonObject]] = answer.json()
        return book


def residents(settings: Settings, houses: list[House], seed: int) -> ExtraChild:
    """Return the process of the residents of these houses, each with its habit."""
    people = [
        {"email": house.email, "habit": house.habit, "means": house.means, "seed": seed * 1000 + number}
        for number, house in enumerate(houses)
    ]
    # The second of a household's supplies is its gas.
    people += [
        person | {"habit": house.gas.habit, "supply": 1}
        for person, house in zip(tuple(people), houses, strict=True)
        if house.gas is not None
    ]
    arguments = {"portal_url": f"http://{settings.web.host}:{settings.web.port}", "people": people}
    return _child(RESIDENTS, "urja.sandbox.residents.process:run", arguments, stop_rank=5)


def _child(name: str, target: str, arguments: JsonObject, stop_rank: int = _STOP_RANK) -> ExtraChild:
    port = free_port()
    return ExtraChild(name, target, {**arguments, "ready_port": port}, ready_port=port, stop_rank=stop_rank)
