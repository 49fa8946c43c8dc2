"""Billing profiles by the API: as they are stored, for those who may see the load curve."""

from datetime import UTC, datetime, timedelta

from tests.apps.payments.till import as_role

AT = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)


def store(flat):
    """A profile of a meter, and the calendar that it held."""
    from django.db import connection

    from urja.apps.determinants import meter_calendars
    from urja.apps.readings import channel_sets
    from urja.quantities.channel_sets import channel_set

    channels = channel_set(
        "billing", ("import_wh", "import_wh_z1", "import_wh_z2", "max_import_w", "max_import_w_at")
    )
    plain = {
        "seasons": [{"name": "S1", "month": 1, "day": 1, "week": "W1"}],
        "weeks": [{"name": "W1", "days": [1] * 7}],
        "days": [{"id": 1, "actions": [{"minute": 0, "zone": 1}]}],
        "special_days": [],
    }
    with as_role("urja_pipeline"), connection.cursor() as cursor:
        channel_sets.add(cursor, [channels])
        number = next(n for n, known in channel_sets.load(cursor).items() if known == channels)
        cursor.execute(
            "INSERT INTO readings_register (service_point_id, device_id, read_at, channel_set, values, correlation,"
            " received_at, recorded_in, kind, version, status, source, clock_status)"
            " VALUES (%s, %s, %s, %s, %s, 1, %s, (SELECT readings_period()), 3, 1, 1, 2, 0)",
            [
                flat.service_point_id,
                flat.device_id,
                AT,
                number,
                [9_000, 5_000, 3_999, 800, int(AT.timestamp())],
                AT,
            ],
        )
        meter_calendars.record(cursor, flat.device_id, AT, "TOD", plain, was_set=False, command_id=1, now=AT)


def test_profiles_and_calendars_are_what_is_stored(api, society):
    flat = society.flats[0]
    store(flat)
    address = f"/agreements/{flat.agreement_id}/billing-profiles"
    told = api("consumer").get(address).json()
    [profile] = told["items"]
    assert (profile["device_id"], profile["by_date"]) == (flat.device_id, False)
    assert datetime.fromisoformat(profile["ended_at"]) == AT
    assert profile["registers"][0] == {"name": "import_wh", "unit": "Wh", "value": 9000}
    assert profile["registers"][-1] == {"name": "max_import_w_at", "unit": "s", "value": int(AT.timestamp())}
    assert profile["zone_residuals"] == {"import_wh": 1}
    [calendar] = told["calendars"]
    # The tariff has no zones: there is nothing to agree with or to differ from.
    assert calendar["compared"] == "no_zones"
    assert (calendar["name"], calendar["was_set"], calendar["differs_from"]) == ("TOD", False, None)
    assert api("secretary").get(address).status_code == 403


def test_a_new_tenant_does_not_see_what_was_before(society):
    from zoneinfo import ZoneInfo

    from urja.apps.readings.queries.billing_profiles import billing_profiles

    flat = society.flats[0]
    store(flat)

    def since(at):
        return billing_profiles(
            flat.service_point_id, [flat.device_id], at, AT + timedelta(days=1), ZoneInfo("Asia/Kolkata")
        )

    assert len(since(AT)) == 1
    assert since(AT + timedelta(seconds=1)) == []
