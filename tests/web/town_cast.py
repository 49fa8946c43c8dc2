"""A small town for pages about many houses: a ledger, and a control that answers like the demonstration's."""

import json
import socketserver
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
from tests.apps import town as town_rows
from tests.apps.town import HALF_HOUR, START

from urja.core.policy import Reason

NOW = datetime(2026, 3, 2, 8, 12, tzinfo=UTC)
"""13:42 in Kolkata on the first day."""
READ_TO = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
HOUSES = ("Neem House", "Jamun House", "Amla House", "Kadam House", "Palash House")
DARK = "URJ00000002"
WORKSHOP = "URJ00000005"
WITHOUT_RELAY = {5: {"device_type": "urja-d3", "load_switch": False}}
TRANSFORMERS = ("T1", "T2")


@dataclass
class Cast:
    """Keys of what is in the town's books."""

    adopted: list
    operator_id: int
    operator_email: str
    consumer_id: int


def build(connect) -> Cast:
    """Five houses on two metered transformers; from the first a wire passes a meter, one house is cut."""
    from django.contrib.auth import get_user_model

    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.usecases.operations import ChangeLoad, add_transformer, employ, perform

    load_tariff(bundled_tariffs()["demo-domestic.toml"], START)
    for code, feeder in zip(TRANSFORMERS, ("North", "South"), strict=True):
        add_transformer(code, feeder=feeder, recorded_at=START, actor="test")
    adopted = [
        town_rows.adopt(
            number,
            premise_name=name,
            email=f"{name.split()[0].lower()}@street.example",
            credit_minor=30_000 if number != 2 else 2_000,
            tariff_code="demo-domestic",
            sanctioned_load_w=3000,
            transformer="T1" if number <= 3 else "T2",
            **WITHOUT_RELAY.get(number, {}),
        )
        for number, name in enumerate(HOUSES, 1)
    ]
    larger = ChangeLoad(consumer_number="URJ00000004", effective_on=date(2026, 3, 2), sanctioned_load_w=4000)
    perform(larger, recorded_at=START + HALF_HOUR, actor="test")
    sources = [place_source(901, "T1"), place_source(902, "T2")]
    with connect("urja_pipeline") as connection:
        _read(connection, adopted, sources)
    _stand(adopted)
    operator = employ("operator@street.example", "Operator", "control_room", recorded_at=START, actor="test")
    consumer = get_user_model().objects.get(email="neem@street.example")
    return Cast(adopted, operator.pk, operator.email, consumer.pk)


def place_source(number, transformer):
    from urja.usecases.operations import InstallNetworkMeter, install_network_meter

    return install_network_meter(
        InstallNetworkMeter(
            serial=f"URJ{number:08}",
            system_title=b"URJ" + number.to_bytes(5, "big"),
            device_type="urja-dt",
            interval_s=1800,
            max_power_w=200_000,
            wrapped_guek=bytes(24),
            wrapped_gak=bytes(24),
            register_wh=0,
            valid_from=START,
            premise_name=f"Transformer {transformer}",
            transformer=transformer,
            bucket=3,
        ),
        recorded_at=START,
        actor="test",
    )


@dataclass(frozen=True)
class _Place:
    service_point_id: int
    device_id: int
    agreement_id: int = 0


def _read(connection, adopted, sources) -> None:
    """The last four intervals of every meter: 100 Wh in each house, what the transformers saw of it and more."""
    starts = [READ_TO - HALF_HOUR * (4 - number) for number in range(4)]
    rows = [town_rows.blocks(house, *((start, 100) for start in starts)) for house in adopted]
    for source, seen_wh in zip(sources, (500, 215), strict=True):
        place = _Place(source.service_point_id, source.device_id)
        rows.append(town_rows.blocks(place, *((start, seen_wh) for start in starts)))
    town_rows.store_blocks(connection, np.concatenate(rows), now=NOW)


def _stand(adopted) -> None:
    """All accounts are in credit but two: one was disconnected this morning, one is due tomorrow."""
    from urja.apps.supply.models import Decision, State

    decided_at = NOW - timedelta(hours=2)
    for number, house in enumerate(adopted, 1):
        cut, planned = number == 2, number == 5
        balance_minor = -1_250 if cut else -410 if planned else 28_350
        reason = (CUT if cut else fine(balance_minor)).to_json()
        State.objects.create(
            account_id=house.account_id,
            service_point_id=house.service_point_id,
            agreement_id=house.agreement_id,
            standing="cut" if cut else "warned" if planned else "fine",
            reason=reason,
            decided_at=decided_at,
            since_at=decided_at,
            policy="demo 2",
            supply="off" if cut else "on",
            balance_minor=balance_minor,
            limit_minor=0,
            seen_seq=0,
            planned_from_at=NOW + timedelta(days=1) if planned else None,
            planned_to_at=NOW + timedelta(days=1, hours=3) if planned else None,
        )
        Decision.objects.create(
            account_id=house.account_id,
            decided_at=decided_at,
            standing="cut" if cut else "fine",
            reason=reason,
            policy="demo 2",
            balance_minor=balance_minor,
        )
    _cut(adopted[1], decided_at)


def _cut(house, at) -> None:
    """A disconnection confirmed by the meter; then the register advanced, which needs an inspection."""
    from urja.apps.commands import operations as commands
    from urja.apps.commands.kinds import State
    from urja.apps.commands.models import Command
    from urja.apps.supply.models import Switching
    from urja.apps.work.models import WorkOrder

    command = commands.issue(
        device_id=house.device_id,
        service_point_id=house.service_point_id,
        account_id=house.account_id,
        kind="disconnect",
        issued_at=at,
        issued_wall_ms=1,
        expires_at=NOW + timedelta(hours=1),
        reason="credit",
        correlation=1,
    )
    Command.objects.filter(id=command.id).update(
        state=State.CONFIRMED, ended_at=at + timedelta(minutes=1), ended_wall_ms=2
    )
    Switching.objects.create(
        command_id=command.id,
        kind="disconnect",
        cause="credit",
        account_id=house.account_id,
        service_point_id=house.service_point_id,
        transformer="T1",
        ordered_at=at,
        ordered_wall_ms=1,
        policy="demo 2",
        reason=CUT.to_json(),
        balance_minor=-1_250,
        limit_minor=0,
        ledger_seq=0,
    )
    WorkOrder.objects.create(
        id=1,
        kind="weld_or_bypass",
        device_id=house.device_id,
        service_point_id=house.service_point_id,
        opened_at=NOW - timedelta(hours=1),
    )


CUT = Reason("limit", "cut", {"missing_minor": 11_250, "currency": "INR"})


def fine(balance_minor):
    return Reason("limit", "fine", {"balance_minor": balance_minor, "currency": "INR"})


# -- the demonstration -------------------------------------------------------------------------------------


def adopt_gas(premise_id) -> str:
    """The gas of a home: a second supply at its premise; returns the meter's serial."""
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    load_tariff(bundled_tariffs()["demo-gas.toml"], START)
    adopted = town_rows.adopt(
        71,
        premise_code=f"premise:{premise_id}",
        email="neem@street.example",
        credit_minor=20_000,
        tariff_code="demo-gas",
        device_type="urja-g1-hourly",
        interval_s=3600,
        max_power_w=2500,
    )
    assert adopted.premise_id == premise_id
    return "URJ00000071"


def gas_seen(serial, *, awake=False, **changes):
    """The gas of a home as the fleet's control tells it: 90 mL flow a second."""
    module = {
        "awake": awake,
        "next_wake_at": "2026-03-02T08:30:00+00:00",
        "battery_percent": 98,
        "battery_left_h": 30_000,
        "flow_ml_s": 90,
    }
    gas = {"module": module, "register_l": 412_345, "linked": awake, "active_w": 0, "register_wh": 0}
    return house_seen(serial, None, **gas | changes)


def house_seen(serial, transformer, *, supplied=True, **changes):
    """One house as the fleet's control tells it."""
    seen = {
        "serial": serial,
        "life": "family",
        "transformer": transformer,
        "feeder": {"T1": "North", "T2": "South"}.get(transformer),
        "measures": None,
        "powered": True,
        "supplied": supplied,
        "output": supplied,
        "control_state": 1 if supplied else 0,
        "control_mode": 4,
        "welded": False,
        "load_limit_w": 5000,
        "overload": None,
        "active_w": 420 if supplied else 0,
        "exporting_w": 0,
        "register_wh": 1_234_567,
        "hook_w": 0,
        "tampers": [],
        "outages": [],
        "reachable": True,
        "linked": True,
    }
    return seen | changes


@dataclass
class FakeTown:
    """Answers as the demonstration's control does, and remembers what was ordered."""

    path: Path
    orders: list[dict] = field(default_factory=list)
    refuses: str = ""
    gateway: str = "none"
    headend: str = "ready"
    more: list[dict] = field(default_factory=list)
    """Houses beside the town's own, or in their place by serial."""

    def answer(self, order):
        self.orders.append(order)
        if self.refuses and order["do"] == self.refuses:
            return {"ok": False, "error": "it may not be"}
        return {"ok": True, **getattr(self, f"_{order['do']}")(order)}

    def _fleet(self, order):
        inner = order["order"]
        if inner["do"] == "houses":
            houses = self.houses()
            return {
                "houses": [one for one in houses if one["serial"] in inner.get("serials", [one["serial"]])]
            }
        if inner["do"] == "transformers":
            return {"transformers": [{"id": code, "load_w": 1900, "loss_w": 110} for code in TRANSFORMERS]}
        if inner["do"] == "display":
            pages = [["BALANCE", "283.50", "Rs"], ["KWH", "1234.5", "kWh"], ["RELAY", "ON", ""]]
            return {"displays": dict.fromkeys(inner["serials"], pages)}
        if inner["do"] == "status":
            return {"meters": 7, "linked": 6}
        return {"meters": 1}

    def houses(self):
        changed = {house["serial"] for house in self.more}
        return [house for house in self._own_houses() if house["serial"] not in changed] + self.more

    def _own_houses(self):
        return [
            house_seen("URJ00000001", "T1", hook_w=2000),
            house_seen("URJ00000002", "T1", supplied=False),
            house_seen("URJ00000003", "T1", tampers=["cover"], reachable=False, linked=False),
            house_seen("URJ00000004", "T2", exporting_w=300),
            house_seen("URJ00000005", "T2"),
        ]

    def _processes(self, _order):
        return {
            "processes": {
                "headend": {"state": self.headend, "restarts": int(self.headend != "ready")},
                "pipeline": {"state": "ready", "restarts": 0},
            }
        }

    def _kill(self, order):
        return {"name": order["name"]}

    def _gateway(self, order):
        self.gateway = {"mute": "everything", "unmute": "none", "state": self.gateway}[order["what"]]
        return {"gateway": {"muting": self.gateway}}

    def _decode(self, order):
        return {"tree": f"get-request\n  {order['frame']}", "errors": []}


@contextmanager
def running(path: Path):
    """A fake town that listens on a Unix socket."""
    town = FakeTown(path)

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            for line in self.rfile:
                self.wfile.write(json.dumps(town.answer(json.loads(line))).encode() + b"\n")

    class Server(socketserver.ThreadingUnixStreamServer):
        daemon_threads = True

    with Server(str(path), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield town
        server.shutdown()
        thread.join()
