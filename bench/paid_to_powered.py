"""From the gateway's webhook to the meter's own word that the switch is closed, among many connected meters.

Everything runs as its own process: head end, pipeline, web server, PostgreSQL, NATS, the sandbox's gateway, and a fleet
of simulated meters, each with its TCP connection and DLMS session. Some houses owe money and are cut by the system
itself; then each of them pays at the gateway, at a steady rate, and the webhooks take their way. Measured from the
moment in which the web server had the webhook to the read-back of the control state:

  own share   houses whose link has no latency: the remaining time is Urja's (and the simulated meter's, which is not)
  with links  the other half, on the mesh and cellular links of docs/meter.md, 4 % of them out of reach from the start;
              half of those are back 60 s after the first payment, half stay away for as long as the bench runs

    uv run python bench/paid_to_powered.py [--meters 10000] [--payments 300] [--rate 3] [--association-idle 60] [--quick]
"""

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from installation import FLEET, SYSTEM, RunningTown, installed, mesh_or_cellular
from urja.base import log
from urja.meter.surroundings import LinkOptions

SMALL = 100
GOAL_OWN_P95_MS, BAR_RATIO = 1000, 3.0
AWAY_SHARE, AWAY_S = 0.04, 60
AMOUNT_MINOR = 100_000
WATCH_S = 100
"""Seconds after the last payment to wait for unreachable meters."""
WITHIN_S = {"10_s": 10, "1_min": 60, "10_min": 600, "60_min": 3600}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--meters", type=int, default=10_000)
    parser.add_argument("--payments", type=int, default=300)
    parser.add_argument("--rate", type=float, default=3.0, help="payments a second")
    parser.add_argument("--quick", action="store_true", help="1,000 meters, 100 payments")
    parser.add_argument(
        "--association-idle",
        type=float,
        default=60.0,
        help="headend.association_idle_s: 0 opens one for each order",
    )
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.quick:
        options.meters, options.payments = 1_000, 100
    if options.one:
        log.configure("bench", "warning", json=False)
        with tempfile.TemporaryDirectory(prefix="urja-") as folder:
            print(json.dumps(asyncio.run(measure(Path(folder), options))))
        return
    # Each size in a separate process, because Django is set up for one database.
    small, large = (one(size, options) for size in (SMALL, options.meters))
    ratio = round(large["own_share_ms"]["p95"] / small["own_share_ms"]["p95"], 2)
    found = {
        "benchmark": "paid_to_powered",
        "what": "first webhook of a captured payment at the web server to the control state read back",
        "rate_per_s": options.rate,
        f"meters_{SMALL}": small,
        f"meters_{options.meters}": large,
        "goal_own_share_p95_ms": GOAL_OWN_P95_MS,
        "goal_met": large["own_share_ms"]["p95"] <= GOAL_OWN_P95_MS,
        "own_share_p95_ratio": ratio,
        "bar_ratio": BAR_RATIO,
        "bars_met": ratio <= BAR_RATIO,
        "cores": os.cpu_count(),
    }
    print(json.dumps(found, indent=2))


def one(meters: int, options: argparse.Namespace) -> dict:
    payments = min(options.payments, meters * 4 // 5)
    command = [sys.executable, __file__, "--one", "--meters", str(meters)]
    command += ["--payments", str(payments), "--rate", str(options.rate)]
    command += ["--association-idle", str(options.association_idle)]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(answer.stdout)


def link_of(number: int) -> LinkOptions:
    """Return the links: every second house on a wire, the others on mesh and cellular, three to one."""
    return LinkOptions() if number % 2 else mesh_or_cellular(number // 2)


async def measure(folder: Path, options: argparse.Namespace) -> dict:
    async with installed(
        folder,
        options.meters,
        disconnected=options.payments,
        links=link_of,
        association_idle_s=options.association_idle,
    ) as running:
        await pushed(running)
        cutting = time.monotonic()
        await all_disconnected(running, options.payments)
        cutting = time.monotonic() - cutting
        orders = await asyncio.to_thread(open_orders, running, options.payments)
        away = await out_of_reach(running, options.payments)
        load, cpu, began = os.getloadavg()[0], running.cpu_s(), time.monotonic()
        await pay(running, orders, options.rate)
        await running.until("payments", lambda: credited(running) == options.payments)
        spent = {name: running.cpu_s()[name] - used for name, used in cpu.items()}
        lasted = time.monotonic() - began
        await watch(running, options.payments - len(away) // 2)
        paid = await asyncio.to_thread(chains, running)
        fleet_mb = running.resident_mb(FLEET)
    return {
        **figures(paid, away),
        "payments": options.payments,
        "association_idle_s": options.association_idle,
        "cut_by_the_system_s": round(cutting, 1),
        "cpu_share_while_paying": {name: round(spent[name] / lasted, 3) for name in (*SYSTEM, FLEET)},
        "fleet_mb": fleet_mb,
        "set_up_s": {name: round(seconds, 1) for name, seconds in running.set_up_s.items()},
        "load_average": round(load, 1),
    }


# -- before --------------------------------------------------------------------------------------------------


async def pushed(running: RunningTown) -> None:
    """Wait until every meter has pushed once and all is stored, so that the head end knows each connection."""
    total = len(running.meters)
    await running.until(
        "first pushes", lambda: running.scalar("SELECT count(*) FROM readings_interval") == total
    )
    await running.until("standings", lambda: running.scalar("SELECT count(*) FROM supply_state") == total)


async def all_disconnected(running: RunningTown, disconnected: int) -> None:
    query = "SELECT count(*) FROM commands_command WHERE kind = 'disconnect' AND state = 'confirmed'"
    await running.until("cuts", lambda: running.scalar(query) >= disconnected)
    settled = "SELECT count(*) FROM supply_state WHERE standing = 'cut'"
    await running.until("standings", lambda: running.scalar(settled) >= disconnected)
    idle = "SELECT count(*) FROM commands_command WHERE ended_at IS NULL"
    # Balances sent to the displays are not part of this bench.
    await running.until("displays", lambda: running.scalar(idle) == 0)


def open_orders(running: RunningTown, count: int) -> list[str]:
    """Create an order of each disconnected account, as web and pipeline place it at the gateway.

    It is not asked after by time: webhooks make it be asked about.
    """
    from urja.apps.payments import requests
    from urja.apps.payments.config import PaymentsConfig
    from urja.apps.payments.kinds import OrderState
    from urja.apps.payments.models import Order

    config = PaymentsConfig.of(running.installation.settings.payments)
    assert config is not None
    for number in range(1, count + 1):
        requests.open_order(
            config,
            config.gateways[0].name,
            account_id=number % 1024 << 40 | number,
            user_id=None,
            amount_minor=AMOUNT_MINOR,
            currency="INR",
            now=running.installation.clock.now(),
        )
    while Order.objects.filter(state=OrderState.CREATED).exists():
        time.sleep(0.1)
    # Each was queried once, when it was placed.
    while Order.objects.filter(asked=0).exists():
        time.sleep(0.1)
    Order.objects.update(ask_at=None)
    return list(Order.objects.order_by("created_at", "id").values_list("provider_order_id", flat=True))


async def out_of_reach(running: RunningTown, count: int) -> set[str]:
    """Make four in a hundred of the meters with a link unreachable; half of them for a minute."""
    linked = [meter.serial for meter in running.meters[:count] if meter.link.profile != "wire"]
    away = random.Random(1).sample(linked, round(AWAY_SHARE * len(linked)))
    half = len(away) // 2
    running.back = away[half:]
    if away:
        await running.order("unreachable", serials=away)
    return set(away)


# -- the measurement -----------------------------------------------------------------------------------------


async def pay(running: RunningTown, orders: list[str], rate: float) -> None:
    """Send each payment at its time, independently of the others; meters away for a minute have returned by then."""
    async with (
        httpx.AsyncClient(base_url=running.outside.gateway_url, timeout=30, trust_env=False) as gateway,
        asyncio.TaskGroup() as town,
    ):
        town.create_task(come_back(running))
        began = time.monotonic()
        for number, order in enumerate(orders):
            await asyncio.sleep(max(began + number / rate - time.monotonic(), 0))
            town.create_task(pay_one(gateway, order))


async def pay_one(gateway: httpx.AsyncClient, order: str) -> None:
    answer = await gateway.post(f"/pay/{order}/upi", data={})
    assert answer.status_code == 303, answer.text


async def come_back(running: RunningTown) -> None:
    if running.back:
        await asyncio.sleep(AWAY_S)
        await running.order("reachable", serials=running.back)


def credited(running: RunningTown) -> int:
    return running.scalar("SELECT count(*) FROM supply_reconnection")


async def watch(running: RunningTown, wanted: int) -> None:
    powered = "SELECT count(*) FROM commands_command WHERE kind = 'connect' AND state = 'confirmed'"
    give_up = time.monotonic() + WATCH_S
    while await asyncio.to_thread(running.scalar, powered) < wanted and time.monotonic() < give_up:  # noqa: ASYNC110 - a query of another process, which sets no event here
        await asyncio.sleep(0.5)


CHAINS = """
SELECT d.serial, (SELECT min(i.received_wall_ms) FROM payments_inbox i
    WHERE i.verdict = 'asked' AND convert_from(i.body, 'UTF8')::jsonb
        @> jsonb_build_object('payload', jsonb_build_object('payment', jsonb_build_object('entity',
            jsonb_build_object('id', p.payment_id, 'status', 'captured'))))),
    r.paid_wall_ms, r.credited_wall_ms, r.ordered_wall_ms, c.sent_wall_ms, c.acknowledged_wall_ms,
    CASE WHEN c.state = 'confirmed' THEN c.ended_wall_ms END, (c.evidence ->> 'round_trips')::int
FROM payments_payment p JOIN supply_reconnection r ON r.credit_id = p.credit_id
JOIN commands_command c ON c.id = r.command_id JOIN assets_device d ON d.id = c.device_id
"""
STEPS = ("recorded", "credited", "ordered", "sent", "acknowledged", "confirmed")


def chains(running: RunningTown) -> list[dict]:
    """Return milliseconds from the webhook to each step of each payment; None for a missing step."""
    with running.connect() as connection:
        rows = connection.execute(CHAINS).fetchall()
    links = {meter.serial: meter.link.profile for meter in running.meters}
    return [
        {
            "serial": serial,
            "link": links[serial],
            "wire": links[serial] == "wire",
            "round_trips": round_trips,
            **{step: None if at is None else at - webhook for step, at in zip(STEPS, stamps, strict=True)},
        }
        for serial, webhook, *stamps, round_trips in rows
    ]


def figures(paid: list[dict], away: set[str]) -> dict:
    own = [one["confirmed"] for one in paid if one["wire"]]
    linked = [one for one in paid if not one["wire"]]
    reached = [one["confirmed"] for one in linked if one["serial"] not in away]
    assert None not in own, "a house on a wire that has paid is still disconnected"
    powered = {
        name: round(sum(one["confirmed"] is not None and one["confirmed"] <= s * 1000 for one in linked) / len(linked), 3)
        for name, s in WITHIN_S.items()
    }  # fmt: skip
    return {
        "own_share_ms": spread(own),
        "own_share_steps_p50_ms": {
            # A command may be reported as confirmed before it is reported as acknowledged: then it skips that step.
            step: spread([one[step] for one in paid if one["wire"] and one[step] is not None])["p50"]
            for step in STEPS
        },
        "with_links_reachable_ms": spread([ms for ms in reached if ms is not None]),
        "by_link": {
            link: by_link([one for one in paid if one["link"] == link and one["serial"] not in away])
            for link in sorted({one["link"] for one in paid})
        },
        "with_links": {
            "houses": len(linked),
            "out_of_reach": len(away),
            "powered_within": powered,
            "watched_s": WATCH_S,
            "note": "unreachable meters count as disconnected in every figure; beyond the observed time the figures are bounds",
        },
    }


def by_link(paid: list[dict]) -> dict:
    """Return the figures of reachable houses on one kind of link: duration, round trips of the connect, time per step."""
    powered = [one for one in paid if one["confirmed"] is not None]
    asked = [one["round_trips"] for one in powered if one["round_trips"] is not None]
    return {
        "paid_to_powered_ms": spread([one["confirmed"] for one in powered]),
        "until_sent_to_head_end_ms": spread([one["sent"] for one in powered]),
        "from_there_to_read_back_ms": spread([one["confirmed"] - one["sent"] for one in powered]),
        "round_trips": spread(asked) if asked else None,
        "not_powered": len(paid) - len(powered),
    }


def spread(durations_ms: list[int]) -> dict:
    ordered = sorted(durations_ms)
    last = len(ordered) - 1
    ranks = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return {name: ordered[round(share * last)] for name, share in ranks.items()} | {"n": len(ordered)}


if __name__ == "__main__":
    main()
