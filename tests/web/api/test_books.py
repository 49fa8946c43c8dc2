"""Readings, totals and money: the figures are those of the books, in Wh and minor units."""

from datetime import date, timedelta

import msgspec
import pytest
from tests.web import house


def test_a_months_totals_count_nothing_twice(api, society):
    told = api("secretary").get("/totals?premise=901&month=2026-03").json()
    # Two flats and the common area, 96 half-hours each; behind the bulk supply are the flats.
    assert (told["consumers_wh"], told["common_area_wh"], told["bulk_wh"], told["dg_wh"]) == (
        2 * 96 * 100, 96 * 30, 96 * 250, 0,
    )  # fmt: skip
    (tower,) = told["parts"]
    assert (tower["premise"], tower["energy_wh"], tower["service_points"]) == (
        "Tower A", 2 * 96 * 100 + 96 * 30, 3,
    )  # fmt: skip
    by_number = {one["consumer_number"]: one for one in told["service_points"]}
    assert {number: one["energy_wh"] for number, one in by_number.items()} == {
        "URJ00000001": 9600, "URJ00000002": 9600, "URJ00000801": 2880, "URJ00000802": 24_000,
    }  # fmt: skip
    assert by_number["URJ00000001"]["premise"] == "Flat 1"
    tower_alone = api("secretary").get("/totals?premise=902&month=2026-03").json()
    assert (tower_alone["consumers_wh"], tower_alone["bulk_wh"]) == (19_200, 0)


def test_a_month_of_which_nothing_is_known(api):
    told = api("secretary").get("/totals?premise=901&month=2025-12").json()
    assert (told["consumers_wh"], told["service_points_without_data"]) == (0, 4)
    assert {one["energy_wh"] for one in told["service_points"]} == {None}


@pytest.mark.parametrize("month", ["2026-13", "2026", "March"])
def test_what_is_no_month(api, month):
    assert api("secretary").get(f"/totals?premise=901&month={month}").status_code == 400


DAY = "begins_at=2026-03-02T00:00:00%2B05:30&ends_at=2026-03-03T00:00:00%2B05:30"


def test_intervals_of_a_day(api, society):
    told = api("consumer").get(f"/agreements/{society.flats[0].agreement_id}/readings?{DAY}").json()
    assert len(told["items"]) == 48
    assert told["items"][0] == {
        "start_at": "2026-03-02T00:00:00+05:30", "length_s": 1800, "import_wh": 100, "export_wh": None,
        "volume_l": None,
        "status": "measured", "device_id": society.flats[0].device_id,
    }  # fmt: skip


def test_intervals_know_the_ratio_and_begin_with_commissioning(api, society):
    from tests.apps.town import START, by_hand
    from tests.web.api.cast import DAY as ONE_DAY
    from tests.web.api.conftest import as_owner

    from urja.apps.assets.models import DevicePeriod

    def behind_transformers():
        with by_hand():
            DevicePeriod.objects.filter(device_id=society.flats[0].device_id).update(
                ratio_primary=200, ratio_secondary=5, commissioned_at=START + ONE_DAY / 2
            )

    as_owner(behind_transformers)
    told = api("consumer").get(f"/agreements/{society.flats[0].agreement_id}/readings?{DAY}").json()
    assert [one["import_wh"] for one in told["items"]] == [4000] * 24


@pytest.mark.parametrize(
    ("times", "says"),
    [
        (
            "begins_at=2026-03-02T00:00:00Z&ends_at=2026-04-02T00:00:01Z",
            "begins_at to ends_at may be 31 days at most, not 32: request it in parts",
        ),
        (
            "begins_at=2026-03-02T00:00:00Z&ends_at=2026-03-02T00:00:00Z",
            "begins_at has to be before ends_at",
        ),
        (
            "begins_at=2026-03-02T00:00:00Z",
            "ends_at is missing: it may be an instant with an offset, such as 2",
        ),
    ],
)
def test_a_time_that_is_none_or_too_long(api, society, times, says):
    answer = api("consumer").get(f"/agreements/{society.flats[0].agreement_id}/readings?{times}")
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_the_balance_is_that_of_the_books(api, society):
    from urja.apps.billing.queries import fresh_balance

    account = society.flats[0].account_id
    told = api("consumer").get(f"/accounts/{account}/balance").json()
    fresh = fresh_balance(account, house.NOW)
    assert (told["balance_minor"], told["posted_minor"], told["pending_minor"]) == (
        fresh.balance_minor, fresh.ledger_minor, fresh.pending_minor,
    )  # fmt: skip
    assert (told["currency"], told["account_id"]) == ("INR", account)
    assert (told["reserve_minor"], told["reserves"]) == (0, [])


def test_the_balance_tells_what_the_end_of_the_period_will_add(api, society):
    from tests.apps.town import START
    from tests.web.api.conftest import as_owner
    from tests.web.test_reserve import LEAST

    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs

    text = bundled_tariffs()["demo-domestic.toml"].replace('version = "2024-1"', 'version = "least"')
    as_owner(lambda: load_tariff(text + LEAST, START))
    told = api("consumer").get(f"/accounts/{society.flats[0].account_id}/balance").json()
    (reserve,) = told["reserves"]
    assert reserve["settles_on"] == "2026-03-31"
    assert [line["title"] for line in reserve["lines"]] == ["Minimum charge"]
    assert 0 < told["reserve_minor"] == reserve["amount_minor"] == reserve["lines"][0]["amount_minor"]


def test_the_balance_tells_of_old_dues_and_of_their_instalments(api, society):
    from tests.apps.town import START
    from tests.web.api.conftest import as_owner

    from urja.apps.billing.models import Arrear, DepositDemand, InstalmentPlan

    account, stamp = society.flats[0].account_id, {"recorded_at": START, "actor": "test"}
    told = api("consumer").get(f"/accounts/{account}/balance").json()
    assert (told["dues_minor"], told["instalments"]) == (0, None)

    def owed():
        Arrear.objects.create(
            id=account + 1,
            account_id=account,
            bill="B-7",
            due_on=START.date(),
            principal_minor=9_000,
            **stamp,
        )
        InstalmentPlan.objects.create(
            id=account + 2, account_id=account, every="month", amount_minor=2_500, valid_from=START, **stamp
        )
        DepositDemand.objects.create(
            id=account + 3,
            agreement_id=society.flats[0].agreement_id,
            amount_minor=7_000,
            due_on=date(2026, 4, 1),
            **stamp,
        )

    as_owner(owed)
    told = api("consumer").get(f"/accounts/{account}/balance").json()
    assert told["dues_minor"] == 9_000
    assert told["deposits"] == {"held_minor": 0, "due": [{"due_on": "2026-04-01", "amount_minor": 7_000}]}
    assert told["instalments"] == {
        "every": "month", "amount_minor": 2_500, "valid_from": "2026-03-02T00:00:00+05:30",
    }  # fmt: skip


def test_each_entrys_rows_sum_to_it_and_all_entries_to_the_balance(api, society):
    program, account = api("consumer"), society.flats[0].account_id
    entries = program.get(f"/accounts/{account}/entries").json()["items"]
    for entry in entries:
        why = program.get(f"/accounts/{account}/entries/{entry['seq']}").json()
        assert why["entry"] == entry
        assert sum(row["amount_minor"] for row in why["rows"]) == entry["amount_minor"]
    total = sum(entry["amount_minor"] for entry in entries)
    assert total == entries[0]["balance_after_minor"]
    assert program.get(f"/accounts/{account}/entries/999").status_code == 404


def test_an_entry_of_a_sealed_day_has_its_proof(api, society, tmp_path):
    from tests.apps.payments.till import as_role
    from tests.pipeline.test_seal import exported, new_sealer

    from urja.apps.proofs.receipts import Receipt, check

    program, account = api("consumer"), society.flats[0].account_id
    assert program.get(f"/accounts/{account}/entries/1/proof").status_code == 404
    sealer = new_sealer(tmp_path)
    with as_role("urja_pipeline"):
        sealer.run_once(house.NOW + timedelta(days=2))
    for path in (f"/accounts/{account}/entries/1/proof", f"/accounts/{account}/proof"):
        answer = program.get(path)
        assert answer.status_code == 200
        check(msgspec.json.decode(answer.content, type=Receipt), exported(sealer))
    assert program.get(f"/accounts/{society.flats[1].account_id}/proof").status_code == 404


def test_a_charge_shows_what_it_rests_on(api, society):
    program, account = api("consumer"), society.flats[0].account_id
    entries = program.get(f"/accounts/{account}/entries").json()["items"]
    energy = next(one for one in entries if one["line"] == "energy")
    why = program.get(f"/accounts/{account}/entries/{energy['seq']}").json()
    assert (why["advance_wh"], why["blocks_wh"], why["residual_wh"]) == (4800, 9600, 0)
    assert why["tariffs"][0]["code"] == "demo-domestic"
    assert [read["register_wh"] for read in why["reads"]] == [14_800, 19_600]
    assert why["rows"][0]["unit"] == "kWh"


def test_everything_of_one_person(api, society):
    from tests.web.api.conftest import as_owner

    from urja.apps.books.operations import request_debit
    from urja.apps.maintenance.operations import accounts_beside
    from urja.pipeline.credits import post_credits

    asha = society.people["Asha Devi"]

    def charge_maintenance():
        account_id = society.flats[0].account_id
        beside = accounts_beside({account_id: "INR"}, house.NOW)[account_id]
        request_debit(
            account_id=beside, amount_minor=2500_00, kind="maintenance-due", reverses="maintenance-due",
            idempotency_key="m", requested_at=house.NOW,
        )  # fmt: skip
        post_credits(house.NOW)

    as_owner(charge_maintenance)
    api("clerk").get(f"/consumers/{asha}")
    told = api("consumer").get(f"/consumers/{asha}/export").json()
    assert (told["consumer"]["name"], told["consumer"]["phone"]) == ("Asha Devi", "9812300001")
    (account,) = told["accounts"]
    assert account["account_id"] == society.flats[0].account_id
    assert (
        sum(entry["amount_minor"] for entry in account["entries"])
        == account["entries"][-1]["balance_after_minor"]
    )
    assert [(one["line"], one["amount_minor"]) for one in account["maintenance"]] == [
        ("maintenance-due", -2500_00)
    ]
    (agreement,) = account["agreements"]
    assert agreement["premise"] == "Flat 1"
    assert agreement["readings"] == f"/api/v1/agreements/{society.flats[0].agreement_id}/readings"
    assert [read["what"] for read in told["read_by"]] == ["GET /consumers/{id}"]


def test_a_member_gets_no_message_to_the_owners_telephone(api, society):
    from tests.web.api.conftest import as_owner

    from urja.apps.notices.models import Notice

    def told():
        stamp = {"account_id": society.flats[0].account_id, "requested_at": house.NOW, "kind": "zero"}
        Notice.objects.create(dedupe_key="1", recipient="9812300001", text="to Asha", **stamp)

    as_owner(told)
    assert (
        "to Asha" in api("consumer").get(f"/consumers/{society.people['Asha Devi']}/export").content.decode()
    )
    assert "to Asha" not in api("member").get("/consumers/950/export").content.decode()
