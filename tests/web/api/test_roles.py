"""The table of roles is what the API does: every role tries every read and every operation."""

import pytest
from tests.web import house
from tests.web.api.conftest import as_owner, aside

ROLES = (
    "consumer", "member", "secretary", "clerk", "cashier", "field_engineer", "control_room", "revenue_officer", "auditor",
    "administrator",
)  # fmt: skip


def reads(society):
    """An address of the API for each read."""
    from urja.apps.identity.queries.roles import Read

    flat = society.flats[0]
    day = "begins_at=2026-03-01T18:30:00Z&ends_at=2026-03-02T18:30:00Z"
    return {
        Read.CONSUMER: f"/consumers/{society.people['Asha Devi']}",
        Read.SERVICE_POINT: f"/service-points/{flat.service_point_id}",
        Read.DEVICE: f"/devices/{flat.device_id}",
        Read.AGREEMENT: f"/agreements/{flat.agreement_id}",
        Read.LOAD_CURVE: f"/agreements/{flat.agreement_id}/readings?{day}",
        Read.TOTALS: "/totals?premise=901&month=2026-03",
        Read.LEDGER: f"/accounts/{flat.account_id}/balance",
        Read.AUDIT: "/audit",
        Read.PERSONAL_READS: "/personal-reads",
        Read.WORK_ORDERS: f"/work-orders/{society.work_order}",
        Read.STOCK: "/stock",
        Read.METER_JOBS: "/meter-jobs",
        Read.MODE_CHANGES: "/mode-changes",
        Read.TARIFFS: "/tariffs",
    }


PAGES = {
    "read:counter": "/console/counter/",
    "read:overview": "/console/live/",
    "read:settlements": "/console/payments/",
    "read:society_money": "/console/society/901/money/",
}
"""Reads of whole utilities and societies, tried by their pages."""


def test_each_read_has_an_address(society):
    from urja.apps.identity.queries.roles import Read

    assert {*reads(society)} | {*PAGES} == {*Read}


@pytest.mark.parametrize("role", ROLES)
def test_reads(society, api, role):
    from urja.apps.identity.queries.roles import TABLE

    program = api(role)
    seen = {act: program.get(address) for act, address in reads(society).items()}
    # A household member is another person than the owner: theirs is themselves.
    if role == "member":
        seen["read:consumer"] = program.get("/consumers/950")
    assert {act: answer.status_code for act, answer in seen.items()} == {
        act: 200 if role in TABLE[act] else 403 for act in seen
    }
    for act, answer in seen.items():
        if role not in TABLE[act]:
            assert f"{act} needs one of the roles" in answer.json()["detail"]


@pytest.mark.parametrize("role", ROLES)
def test_pages_that_show_the_whole_utility(society, browser, role):
    from django.contrib.auth import get_user_model
    from tests.web.api.cast import EMAILS

    from urja.apps.identity.queries.roles import TABLE

    email = EMAILS.get(role, f"{role}@utility.example")
    user = as_owner(lambda: get_user_model().objects.get(email=email))
    client = browser(user_id=user.pk)
    seen = {act: client.get(path).status_code for act, path in PAGES.items()}
    assert seen == {act: 200 if role in TABLE[act] else 404 for act in PAGES}


@pytest.mark.parametrize("role", ROLES)
def test_operations_by_the_view(society, api, role):
    """A role without the right is refused before its content is read; one with the right is told that `[]` is nothing."""
    from urja.apps.identity.queries.roles import TABLE, write_scope
    from urja.usecases.kinds import ALL

    program = api(role)
    told = {one.kind(): program.post(one.kind(), []) for one in ALL}
    assert {kind: answer.status_code for kind, answer in told.items()} == {
        kind: 422 if role in TABLE[write_scope(kind)] else 403 for kind in told
    }
    for kind, answer in told.items():
        if answer.status_code == 403:
            why = (
                "needs one of the roles"
                if TABLE[write_scope(kind)]
                else "is possible only by a command on the machine itself"
            )
            assert f"{write_scope(kind)} {why}" in answer.json()["detail"]


@pytest.mark.parametrize("role", ROLES)
def test_operations_by_the_stage(society, api, role):
    """The stage judges by the same table, whatever the web has let through."""
    import msgspec

    from urja.apps.identity.queries.roles import TABLE, write_scope
    from urja.apps.journal.models import Request
    from urja.pipeline.register import run_once as answer_requests
    from urja.usecases.kinds import ALL
    from urja.web.api.examples import example_of

    user = api(role).get("/me").json()["user_id"]
    asked = [
        Request(
            id=number, kind=one.kind(), content=msgspec.to_builtins(example_of(one)), dry_run=True,
            actor=f"user {user}", requested_at=house.NOW,
        )
        for number, one in enumerate(ALL, 1_000_000)
    ]  # fmt: skip
    # As the owner: the web writes what is asked for by the columns that it may, one request at a time.
    apart("urja_owner", lambda: Request.objects.bulk_create(asked))
    apart("urja_pipeline", lambda: answer_requests(house.NOW))
    judged = {
        one.kind: any(
            f"{write_scope(one.kind)} {why} " in fault
            for fault in one.faults
            for why in ("needs", "is possible only")
        )
        for one in Request.objects.filter(id__gte=1_000_000)
    }
    assert judged == {one.kind(): role not in TABLE[write_scope(one.kind())] for one in ALL}


def apart(role, work):
    import threading

    thread = threading.Thread(target=lambda: aside(role, work))
    thread.start()
    thread.join()
