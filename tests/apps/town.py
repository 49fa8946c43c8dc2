"""A few adopted meters with consumers for tests, and rows placed as the pipeline places them."""

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import numpy as np
from django.db import connection, transaction

from urja.apps.readings import last_gasps, staging
from urja.apps.readings.channel_sets import D1_BLOCK_SET, D1_REGISTER_SET
from urja.apps.readings.kinds import Series, Status
from urja.stream.records import EVENT, NULL, RegisterKind, Source

ZONE = "Asia/Kolkata"
START = datetime(2026, 3, 1, 18, 30, tzinfo=UTC)
"""Local midnight that begins 2 March in Kolkata."""
HALF_HOUR = timedelta(seconds=1800)


def adopt(
    number=1, *, valid_from=START, register_wh=10_000, bucket=7, credit_minor=0, called=True, **changes
):
    """Create a meter with its consumer: installed and commissioned here, or (`called` false) taken over."""
    from urja.usecases.operations import Adoption, adopt_meter

    values = {
        "serial": f"URJ{number:08}",
        "system_title": b"URJ" + number.to_bytes(5, "big"),
        "device_type": "urja-d1",
        "interval_s": 1800,
        "max_power_w": 14_400,
        "wrapped_guek": bytes(24),
        "wrapped_gak": bytes(24),
        "valid_from": valid_from,
        "tariff_code": "demo",
        "sanctioned_load_w": 5000,
        "person_name": f"Person {number}",
        "email": f"person{number}@example.org",
        "credit_minor": credit_minor,
        "bucket": bucket,
    }
    values |= changes
    values |= register_of_type(values["device_type"], register_wh)
    adopted = adopt_meter(Adoption(**values), recorded_at=valid_from, actor="test")
    if called:
        passed(adopted.device_id, valid_from)
    return adopted


def register_of_type(device_type, read):
    """A register in the field of what a type measures."""
    from urja.apps.meter_types.queries import commodity_of

    return {"register_l" if commodity_of(device_type) == "gas" else "register_wh": read}


def passed(device_id, at):
    """Make an adopted meter one that was installed here and has passed its commissioning."""
    from urja.apps.assets.models import DevicePeriod

    with by_hand(at):
        DevicePeriod.objects.filter(device_id=device_id).update(commissioned_at=at, taken_over_at=None)


def seconds(instant):
    return int(instant.timestamp())


def blocks(adopted, *rows):
    """Return assigned intervals from (start, Wh) pairs."""
    array = np.zeros(len(rows), staging.PLACED_BLOCK)
    array["values"] = NULL
    array["service_point_id"] = adopted.service_point_id
    array["agreement_id"] = adopted.agreement_id
    array["device_id"] = adopted.device_id
    array["start_at"] = [seconds(start) for start, _ in rows]
    array["values"][:, 0] = [energy for _, energy in rows]
    array["length_s"] = 1800
    array["channel_set"] = D1_BLOCK_SET
    array["series"] = Series.COUNTED
    array["status"] = Status.MEASURED
    array["source"] = Source.PUSH
    array["received_at"] = [(seconds(start) + 1800) * 1000 for start, _ in rows]
    return array


def registers(adopted, *rows, kind=RegisterKind.DAILY):
    """Return assigned register reads from (instant, Wh) pairs."""
    array = np.zeros(len(rows), staging.PLACED_REGISTER)
    array["values"] = NULL
    array["channel_set"] = D1_REGISTER_SET
    array["service_point_id"] = adopted.service_point_id
    array["agreement_id"] = adopted.agreement_id
    array["device_id"] = adopted.device_id
    array["read_at"] = [seconds(at) for at, _ in rows]
    array["values"][:, 0] = [energy for _, energy in rows]
    array["kind"] = kind
    array["status"] = Status.MEASURED
    array["source"] = Source.PULL
    array["received_at"] = [seconds(at) * 1000 for at, _ in rows]
    return array


def store_blocks(connection, rows, now=START, *, expect_new=False):
    with connection.transaction(), connection.cursor() as cursor:
        staging.make_days(cursor, rows["start_at"])
        staging.prepare(cursor)
        last_gasps.record_batch(cursor, [rows], np.zeros(0, EVENT))
        return staging.store_blocks(cursor, rows, zone=ZONE, now=now, expect_new=expect_new)


def store_registers(connection, rows, now=START):
    with connection.transaction(), connection.cursor() as cursor:
        staging.prepare(cursor)
        last_gasps.record_batch(cursor, [rows], np.zeros(0, EVENT))
        return staging.store_registers(cursor, rows, zone=ZONE, now=now)


def accruals(connection):
    """Return (agreement, period, watermark, energy, estimated) of every accrual, in order."""
    return connection.execute(
        "SELECT agreement_id, period, watermark_at, billed_value, estimated_value, anchor_at, latest_end_at"
        " FROM readings_accrual ORDER BY 1, 2"
    ).fetchall()


@contextmanager
def by_hand(known_at=START):
    """Allow changes of registry rows that no operation makes; the database refuses them otherwise."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('urja.operation', '1', true), set_config('urja.known_at', %s, true)",
            [known_at.isoformat()],
        )
        yield


def closed(adopted, through, *, provisional=False):
    """Say that an agreement's days up to `through` are closed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_close (agreement_id, closed_through, closed_at, provisional) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (agreement_id) DO UPDATE SET closed_through = EXCLUDED.closed_through, "
            "provisional = EXCLUDED.provisional",
            [adopted.agreement_id, through, START, provisional],
        )


def protect(number, at=START, kind="medical", until=None):
    """Give the consumer of the number-th supply a protected status."""
    from urja.usecases.operations import Protect, perform

    operation = Protect(
        consumer_number=f"URJ{number:08}",
        kind_of_protection=kind,
        evidence="a certificate",
        protected_from=at,
        protected_until=until,
    )
    return perform(operation, recorded_at=at, actor="clerk")


def remove(number, at, register_wh=None):
    """Remove an adopted meter."""
    from urja.usecases.operations import RemoveMeter, perform

    removal = RemoveMeter(serial=f"URJ{number:08}", removed_at=at, register_wh=register_wh)
    return perform(removal, recorded_at=at, actor="test")


def install(number, at, *, place, register_wh=0, role="billing"):
    """Install one adopted meter at the service point of another."""
    from urja.usecases.operations import InstallMeter, perform

    return perform(
        InstallMeter(
            serial=f"URJ{number:08}",
            consumer_number=f"URJ{place:08}",
            installed_at=at,
            register_wh=register_wh,
            role=role,
        ),
        recorded_at=at,
        actor="test",
    )


def in_stock(number, *, bucket=7, **changes):
    """Create a meter that is not installed yet."""
    from urja.apps.assets.kinds import Stock
    from urja.apps.assets.models import Device
    from urja.apps.journal.operation import next_id

    values = {
        "serial": f"URJ{number:08}",
        "system_title": b"URJ" + number.to_bytes(5, "big"),
        "device_type": "urja-d1",
        "wrapped_guek": bytes(24),
        "wrapped_gak": bytes(24),
        "interval_s": 1800,
        "max_power_w": 14_400,
        "stock": Stock.ISSUED,
        "recorded_at": START,
        "actor": "test",
    }
    return Device.objects.create(id=next_id(bucket), **(values | changes))


def exchange(old, new, at, *, old_wh, new_wh=0, commission=True, recorded_at=None, **changes):
    """Exchange an adopted meter for one from stock, which is commissioned at once."""
    from urja.apps.assets.models import DevicePeriod
    from urja.usecases.meter_exchange import first_billed_at
    from urja.usecases.operations import ExchangeMeter, perform

    values = {
        "consumer_number": f"URJ{old:08}",
        "at": at,
        "old_register_wh": old_wh,
        "new_serial": f"URJ{new:08}",
        "new_register_wh": new_wh,
        "reason": "no display",
    }
    done = perform(ExchangeMeter(**(values | changes)), recorded_at=recorded_at or at, actor="test")
    if commission:
        period = DevicePeriod.objects.get(id=done.outcome["device_period_id"])
        commissioned(period, first_billed_at(period, at + timedelta(minutes=10)), recorded_at or at)
    return done


def commissioned(period, billed_from, now=START):
    """Store what a meter that passes commissioning leaves behind."""
    from urja.apps.readings.operations import recompute_since

    with by_hand(), connection.cursor() as cursor:
        type(period).objects.filter(id=period.id).update(commissioned_at=billed_from)
        cursor.execute("UPDATE journal_revision SET revision = revision + 1")
        recompute_since(cursor, {period.service_point_id: period.valid_from}, now, ZONE)


def pay(account_id, amount_minor, key, at=START):
    """Request the credit of a recharge, with the captured payment that it belongs to."""
    from urja.apps.books.operations import request_credit
    from urja.apps.payments.models import Order, Payment

    credit = request_credit(
        account_id=account_id,
        amount_minor=amount_minor,
        kind="recharge",
        idempotency_key=f"gateway:{key}",
        requested_at=at,
    )
    order = Order.objects.create(
        id=credit.id,
        account_id=account_id,
        amount_minor=amount_minor,
        currency="INR",
        provider="gateway",
        provider_order_id=f"order {key}",
        state="paid",
        correlation=0,
        created_at=at,
    )
    Payment.objects.create(
        provider="gateway",
        payment_id=key,
        order=order,
        account_id=account_id,
        amount_minor=amount_minor,
        currency="INR",
        state="captured",
        created_at=at,
        seen_at=at,
        authorised_at=at,
        captured_at=at,
        credit_id=credit.id,
    )
    return credit


def give_back(credit, amount_minor, key, at=START):
    """Request the debit for a part of a recharge, with the refund that it belongs to."""
    from urja.apps.books.operations import request_debit
    from urja.apps.payments.models import Payment, Refund

    debit = request_debit(
        account_id=credit.account_id,
        amount_minor=amount_minor,
        kind="reversal",
        reverses="recharge",
        idempotency_key=f"gateway:{key}",
        requested_at=at,
        credit_id=credit.id,
    )
    Refund.objects.create(
        provider="gateway",
        refund_id=key,
        payment=Payment.objects.get(credit_id=credit.id),
        amount_minor=amount_minor,
        created_at=at,
        seen_at=at,
        debit_id=debit.id,
    )
    return debit
