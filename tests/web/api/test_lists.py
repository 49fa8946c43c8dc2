"""Lists: pages that neither repeat nor skip, filters, versions of single things."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.apps.town import START
from tests.web.api.conftest import as_owner


def walk(program, path, limit=2, between=lambda: None):
    """All items of a list, a page at a time; something happens after the first."""
    sign = "&" if "?" in path else "?"
    items, cursor, pages = [], "", 0
    while cursor is not None:
        page = program.get(f"{path}{sign}limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json()
        items += page["items"]
        cursor = page["next"]
        pages += 1
        if pages == 1:
            between()
    return items, pages


@pytest.mark.parametrize(
    "path",
    [
        "/service-points",
        "/devices",
        "/consumers",
        "/agreements",
        "/audit",
        "/tariffs",
        "/stock",
        "/work-orders",
    ],
)
def test_pages_are_the_whole_list(api, path):
    program = api("clerk")
    whole = program.get(path + "?limit=200").json()["items"]
    items, pages = walk(program, path)
    assert items == whole
    assert pages == max(1, -(-len(whole) // 2))


def test_what_comes_and_goes_meanwhile_neither_repeats_nor_skips(api, society):
    from tests.apps.town import adopt

    program = api("clerk")
    before = [item["id"] for item in program.get("/service-points?limit=200").json()["items"]]

    def come():
        as_owner(lambda: [adopt(51, bucket=0), adopt(52, bucket=1023)])

    items, _ = walk(program, "/service-points", between=come)
    seen = [item["id"] for item in items]
    assert len(seen) == len(set(seen))
    assert [number for number in seen if number in before] == before


def test_entries_go_on_while_new_ones_are_posted(api, society):
    account = society.flats[0].account_id
    program = api("clerk")
    whole = [item["seq"] for item in program.get(f"/accounts/{account}/entries?limit=200").json()["items"]]
    assert whole == sorted(whole, reverse=True)

    def post():
        from urja.apps.books.operations import request_credit
        from urja.pipeline.post import run_once

        request_credit(
            account_id=account, amount_minor=100, kind="payment", idempotency_key="x", requested_at=START
        )
        run_once(START)

    items, _ = walk(program, f"/accounts/{account}/entries", between=lambda: as_owner(post))
    assert [item["seq"] for item in items] == whole


def test_a_cursor_is_of_its_list_alone(api):
    program = api("clerk")
    cursor = program.get("/service-points?limit=1").json()["next"]
    for path, says in (
        (f"/devices?limit=1&cursor={cursor}", "the cursor belongs to another list or other filters"),
        (
            f"/service-points?purpose=bulk&cursor={cursor}",
            "the cursor belongs to another list or other filters",
        ),
        ("/service-points?cursor=abc", "'abc' is not a cursor"),
        ("/service-points?cursor=%00", "cursor: the character NUL cannot be kept"),
    ):
        answer = program.get(path)
        assert answer.status_code == 400
        assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "ends"),
    [
        ("/service-points?consumer_number=URJ00000002", ["002"]),
        ("/service-points?purpose=bulk", ["802"]),
        ("/service-points?premise=901", ["001", "002", "801", "802"]),
        ("/service-points?premise=902", ["001", "002", "801"]),
        ("/service-points?commodity=gas", []),
        ("/service-points?commodity=electricity&purpose=bulk", ["802"]),
        ("/service-points?device_type=urja-d2", []),
        ("/service-points?phases=3", []),
        ("/agreements?at=2026-02-01T00:00:00Z", []),
        ("/agreements?at=2026-03-02T00:00:00Z", ["001", "002", "003", "004"]),
        # The fourth's meter went, unread: two orders.
        ("/work-orders?state=open", ["001", "004", "004"]),
        ("/work-orders?state=done", []),
    ],
)
def test_filters(api, path, ends):
    items = api("clerk").get(path).json()["items"]
    assert sorted(item["consumer_number"][-3:] for item in items) == ends


NAMES = {
    "actor", "code", "consumer_number", "cursor", "device_type", "email", "held_by", "month", "phone", "serial",
}  # fmt: skip
"""Texts that name something: where there is no such thing a list is empty. A type of meter is looked up."""


def test_a_value_that_a_filter_does_not_have_is_refused(api, society):
    """Each parameter of each route that is a text has its values in its schema, or names something."""
    from urja.web.api import parameters
    from urja.web.api.table import ROUTES

    program, choices = api("clerk"), {}
    for route in ROUTES:
        for parameter in parameters.described(route.query):
            schema = parameter["schema"]
            if "enum" in schema:
                choices.setdefault(route.path, {})[parameter["name"]] = schema["enum"]
            elif schema.get("type") == "string" and "format" not in schema:
                assert parameter["name"] in NAMES, (route.path, parameter)
    assert {path: {*names} for path, names in choices.items()} == {
        "/service-points": {"purpose", "commodity", "phases"}, "/devices": {"commodity", "phases"},
        "/stock": {"stock", "commodity", "phases"}, "/work-orders": {"state", "kind"}, "/audit": {"kind"},
        "/meter-jobs": {"kind"}, "/meter-jobs/{id}/results": {"state"}, "/mode-changes/{id}/rows": {"state"},
    }  # fmt: skip
    for path, names in choices.items():
        for name, values in names.items():
            for odd in ("foo", "", str(values[0]).upper() + "x"):
                answer = program.get(f"{path.replace('{id}', '1')}?{name}={odd}")
                said = f"{name} is {odd!r}, and may be {', '.join(map(str, values))}"
                assert (answer.status_code, answer.json()["faults"]) == (400, [said])
                assert said in answer.json()["detail"]
    several = program.get("/work-orders?state=foo&kind=bar").json()["faults"]
    assert [one.split(",")[0] for one in several] == ["state is 'foo'", "kind is 'bar'"]
    for path in ("/service-points", "/devices", "/stock"):
        [said] = program.get(f"{path}?device_type=none").json()["faults"]
        assert said.startswith("device_type is 'none', and may be ")
        assert "urja-d1" in said


def test_the_kinds_of_jobs_and_of_the_audit_can_all_be_asked_for(api):
    from urja.apps.meter_jobs.steps_by_kind import STEPS
    from urja.usecases.kinds import BY_KIND
    from urja.web.api import meter_jobs, parameters, resources

    def kinds(query):
        [found] = [one["schema"]["enum"] for one in parameters.described(query) if one["name"] == "kind"]
        return {*found}

    assert kinds(meter_jobs.MeterJobsQuery) == {*STEPS}
    assert kinds(resources.AuditQuery) == {*BY_KIND, "import"}


def test_a_cursor_from_before_a_filter_had_its_values_goes_on(api):
    from urja.web.api import cursors

    texts = {"consumer_number": None, "purpose": "consumer", "premise": None, "commodity": "electricity"}
    cursor = cursors.encode("/api/v1/service-points", texts | {"phases": 1, "device_type": None}, 0)
    query = "purpose=consumer&commodity=electricity&phases=1"
    first = api("clerk").get(f"/service-points?{query}").json()["items"]
    assert api("clerk").get(f"/service-points?{query}&cursor={cursor}").json()["items"] == first != []


def test_meters_by_commodity_phases_and_type(api):
    def serials(query):
        return {item["serial"] for item in api("clerk").get(f"/devices?limit=200&{query}").json()["items"]}

    assert serials("") == serials("commodity=electricity")
    assert {"URJ00000001"} <= serials("device_type=urja-d1") <= serials("phases=1")
    assert serials("commodity=gas") == serials("device_type=urja-g1") == set()
    assert not serials("phases=1") & serials("phases=3")
    [first] = api("clerk").get("/devices?limit=1").json()["items"]
    assert first["commodity"] == "electricity"


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/consumers?email=ASHA@example.org", ["Asha Devi"]),
        ("/consumers?phone=9812300003", ["Chetan"]),
        ("/consumers?phone=1", []),
    ],
)
def test_filters_of_people(api, path, names):
    assert [item["name"] for item in api("clerk").get(path).json()["items"]] == names


def test_filters_of_records(api, society):
    program, flat = api("auditor"), society.flats[0]
    kinds = [
        item["kind"] for item in program.get(f"/audit?service_point={flat.service_point_id}").json()["items"]
    ]
    assert kinds == ["adoption"]
    (entry,) = program.get("/audit?kind=remove_meter").json()["items"]
    assert entry["content"]["serial"] == "URJ00000004"
    assert program.get("/tariffs?code=none").json()["items"] == []
    assert len(program.get("/stock?stock=removed").json()["items"]) == 1
    assert program.get("/stock?stock=scrapped").json()["items"] == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        (
            "colour=red&limit=0",
            "phases, device_type; limit is '0', and may be a whole number from 1 to 200",
        ),
        (
            "colour=red",
            "invalid parameters: there is no parameter 'colour'; known parameters: cursor, limit, consumer_",
        ),
        ("limit=201", "limit is '201', and may be a whole number from 1 to 200"),
        ("limit=many", "limit is 'many', and may be a whole number from 1 to 200"),
        # The word of a script for what it has not: no filter that is left out.
        ("premise=null", "premise is 'null', and may be a whole number from 1 on"),
        ("limit=1&limit=2", "limit is given 2 times; once is enough"),
    ],
)
def test_parameters_that_are_none(api, query, says):
    answer = api("clerk").get(f"/service-points?{query}")
    assert answer.status_code == 400
    assert says in answer.json()["detail"]


def test_an_instant_has_an_offset(api):
    for said in (
        "2026-03-02T00:00:00",
        "2026-03-02T00:00:00+05:30",
        "2026-03-02",
        "1772409600",
        "-1772409600.5",
    ):
        answer = api("clerk").get(f"/agreements?at={said}")
        assert answer.status_code == 400
        # An unescaped plus sign arrives as a space.
        (fault,) = answer.json()["faults"]
        assert fault.startswith(
            f"at is '{said.replace('+', ' ')}', and may be an instant with an offset, such as 2"
        )
        assert fault.endswith("in an address with %2B for the plus sign")


def test_what_names_people_is_not_in_the_audit(api, society):
    program = api("auditor")
    (entry,) = program.get(f"/audit?service_point={society.flats[0].service_point_id}").json()["items"]
    assert "Asha" not in program.get(f"/audit/{entry['id']}").content.decode()
    assert entry["content"]["premise_name"] == "Flat 1"
    assert not {"person_name", "email", "phone", "wrapped_guek"} & {*entry["content"]}


def singles(society):
    flat = society.flats[0]
    return [
        f"/consumers/{society.people['Asha Devi']}", f"/service-points/{flat.service_point_id}", f"/devices/{flat.device_id}",
        f"/agreements/{flat.agreement_id}", f"/work-orders/{society.work_order}", "/tariffs/1",
        f"/accounts/{flat.account_id}/balance", f"/accounts/{flat.account_id}/entries/1",
    ]  # fmt: skip


def test_what_has_not_changed_is_not_sent_again(api, society):
    program = api("clerk")
    for path in singles(society):
        first = program.get(path)
        assert first.status_code == 200, path
        again = program.get(path, if_none_match=first.headers["ETag"])
        assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", first.headers["ETag"])
        compressed = program.get(path, if_none_match=f'"other", W/{first.headers["ETag"]}')
        assert compressed.status_code == 304
        assert program.get(path, if_none_match='"other"').status_code == 200
        assert first.headers["Cache-Control"] == "private, no-cache"


def test_the_version_moves_with_what_is_shown(api, society):
    from tests.apps.town import by_hand

    from urja.apps.network.models import Premise

    program, flat = api("clerk"), society.flats[0]
    path = f"/service-points/{flat.service_point_id}"
    before = program.get(path).headers["ETag"]

    def rename():
        with by_hand():
            Premise.objects.filter(id=flat.premise_id).update(name="Flat 1A")

    as_owner(rename)
    assert program.get(path, if_none_match=before).status_code == 200


def test_a_head_is_a_get_without_its_body(api):
    answer = api("clerk")("HEAD", "/service-points")
    assert (answer.status_code, answer.content) == (200, b"")


def test_single_things_as_they_were_and_were_known(api, society):
    """A load that was changed for the past shows from when it was known on; a meter where it was installed."""
    from urllib.parse import urlencode

    from urja.usecases.operations import ChangeLoad, RemoveMeter, perform

    flat, program, later = society.flats[0], api("clerk"), START + timedelta(days=10)
    number = program.get(f"/service-points/{flat.service_point_id}").json()["consumer_number"]
    serial = program.get(f"/devices/{flat.device_id}").json()["serial"]
    agreed = program.get(f"/agreements/{flat.agreement_id}").json()
    was = agreed["terms"][-1]["sanctioned_load_w"]
    assert agreed["billing_day"] is None

    def change():
        load = ChangeLoad(
            consumer_number=number, effective_on=START.date() + timedelta(days=5), sanctioned_load_w=4321
        )
        perform(load, recorded_at=later, actor="test")
        gone = RemoveMeter(serial=serial, removed_at=later, register_wh=None)
        perform(gone, recorded_at=later, actor="test")

    as_owner(change)

    def seen(path, **instants):
        return program.get(f"{path}?{urlencode({name: at.isoformat() for name, at in instants.items()})}")

    agreement, device = f"/agreements/{flat.agreement_id}", f"/devices/{flat.device_id}"
    before = later - timedelta(days=1)
    loads = [
        [one["sanctioned_load_w"] for one in seen(agreement, **instants).json()["terms"]]
        for instants in ({"valid_at": before}, {"valid_at": before, "known_at": before}, {"valid_at": START})
    ]
    assert loads == [[4321], [was], [was]]
    assert seen(device, valid_at=later).json()["installation"] is None
    assert seen(device, valid_at=before).json()["installation"]["consumer_number"] == number
    assert seen(device, valid_at=later, known_at=before).json()["installation"]["consumer_number"] == number
    place = f"/service-points/{flat.service_point_id}"
    assert seen(place, valid_at=before).json()["consumer_number"] == number
    ahead = seen(place, known_at=datetime(2199, 1, 1, tzinfo=UTC))
    assert (ahead.status_code, "is in the future" in ahead.json()["detail"]) == (400, True)
    unknown = seen(place, known_at=START - timedelta(days=900))
    assert unknown.status_code == 404
    assert "by what was known then" in unknown.json()["detail"]
    assert program.get(place + "?valid_at=2026-03-02T00:00:00").status_code == 400


def test_both_trees_and_as_they_were_known(api, society):
    """A service point that was moved is under another node from then on, and was known to from when that was written down."""
    from urllib.parse import urlencode

    from urja.usecases.operations import MoveServicePoint, add_transformer, perform

    moved, learned = START + timedelta(hours=2), START + timedelta(days=1)
    program, flat = api("clerk"), society.flats[0]
    number = program.get(f"/service-points/{flat.service_point_id}").json()["consumer_number"]
    roots = program.get("/nodes").json()["items"]
    assert {one["tree"] for one in roots} <= {"administration", "grid"}

    def change():
        add_transformer("T8", feeder="F8", recorded_at=START, actor="test")
        asked = MoveServicePoint(consumer_number=number, grid="transformer T8", moved_at=moved)
        perform(asked, recorded_at=learned, actor="test")

    as_owner(change)

    def seen(path, valid_at, known_at):
        moment = {"valid_at": valid_at.isoformat(), "known_at": known_at.isoformat()}
        return program.get(f"{path}{'&' if '?' in path else '?'}{urlencode(moment)}")

    (node,) = program.get("/nodes?code=T8").json()["items"]
    assert (node["level"], node["consumer_service_points"], node["disconnected"]) == ("transformer", 1, 0)
    one = f"/nodes/{node['id']}"
    found = program.get(one).json()
    assert [above["code"] for above in found["path"]] == ["F8"]
    (feeder,) = seen("/nodes?code=F8", moved, learned).json()["items"]
    assert (feeder["consumer_service_points"], feeder["meters"], feeder["not_communicating"]) == (1, 1, None)
    below = seen(f"/nodes/{feeder['id']}", moved, learned).json()["children"]
    assert [(child["code"], child["consumer_service_points"]) for child in below] == [("T8", 1)]
    for valid_at, known_at, there in (
        (moved, learned, [number]),
        (moved - timedelta(minutes=1), learned, []),
        (moved, learned - timedelta(minutes=1), []),
    ):
        assert seen(one, valid_at, known_at).json()["node"]["consumer_service_points"] == len(there)
        items = seen(f"{one}/service-points", valid_at, known_at).json()["items"]
        assert [item["consumer_number"] for item in items] == there
    unknown = seen(one, moved, START - timedelta(days=1))
    assert (unknown.status_code, "by what was known then" in unknown.json()["detail"]) == (404, True)
    ahead = program.get(f"{one}/service-points?known_at=2199-01-01T00:00:00Z")
    assert (ahead.status_code, "is in the future" in ahead.json()["detail"]) == (400, True)


def test_the_service_points_of_a_node_come_in_pages(api, society):
    program = api("clerk")
    placed = program.get(f"/service-points/{society.flats[0].service_point_id}").json()["placements"]
    (node,) = program.get(f"/nodes?code={placed[0]['code']}").json()["items"]
    path = f"/nodes/{node['id']}/service-points"
    whole = program.get(f"{path}?limit=200").json()["items"]
    assert len(whole) > 1
    items, pages = walk(program, path, limit=1)
    assert (items, pages) == (whole, len(whole))
    of_a_list_of_numbers = program.get("/service-points?limit=1").json()["next"]
    assert program.get(f"{path}?cursor={of_a_list_of_numbers}").status_code == 400
