"""What is asked for is recorded, judged, done by the stage, and told; once, however often it is sent."""

import threading

import pytest
from tests.web import house
from tests.web.api.conftest import answering, as_owner

REMOVAL = {"serial": "URJ00000003", "removed_at": "2026-03-20T13:00:00+05:30"}


def requests():
    from urja.apps.journal.models import Request

    return as_owner(lambda: list(Request.objects.order_by("id").values_list("kind", "actor", "state")))


def test_done_and_told(api, society, stage):
    clerk = api("clerk")
    answer = clerk.post("remove_meter", REMOVAL)
    assert answer.status_code == 200
    told = answer.json()
    assert (told["state"], told["faults"], told["dry_run"]) == ("done", [], False)
    assert told["outcome"]["device_id"] == society.elsewhere.device_id
    assert "assets_device_period" in {change["table"] for change in told["effects"]["changes"]}
    entry = api("auditor").get(f"/audit/{told['operation_id']}").json()
    me = clerk.get("/me").json()["user_id"]
    assert (entry["kind"], entry["actor"].startswith(f"user {me} token ")) == ("remove_meter", True)
    assert clerk.get(f"/requests/{told['id']}").json() == told


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"serial": "URJ00000003", "removed_at": "2026-03-20T13:00:00+05:30", "serial": "URJ00000001"}', "serial"),
        (b'{"serial": "URJ00000003", "removed_at": {"a": 1, "\\u0061": 2}}', "a"),
        (b'[{"b": 1e99, "b": 1}]', "b"),
    ],
)  # fmt: skip
def test_a_key_given_twice_is_refused_by_its_name(api, body, key):
    answer = api("clerk").post("remove_meter", body)
    assert (answer.status_code, answer.json()["detail"]) == (
        400,
        f"'{key}' is given 2 times in one object; once is enough",
    )
    assert requests() == []


def test_a_dry_run_changes_nothing(api, society, stage):
    clerk = api("clerk")
    told = clerk.post("remove_meter", REMOVAL, query="?dry_run=true").json()
    assert (told["state"], told["dry_run"], told["operation_id"], told["outcome"]) == (
        "done",
        True,
        None,
        {},
    )
    assert told["effects"]["changes"]
    assert clerk.get(f"/devices/{society.elsewhere.device_id}").json()["stock"] == "installed"


def test_refused_by_the_registry_with_every_fault(api, stage):
    answer = api("clerk").post(
        "install_meter",
        {
            "serial": "NONE",
            "consumer_number": "4711",
            "installed_at": "2026-03-20T13:00:00+05:30",
            "register_wh": -1,
        },
    )
    told = answer.json()
    assert (answer.status_code, told["type"]) == (409, "/api/v1/#refused")
    assert told["faults"] == [
        "a register cannot read -1 Wh", "there is no service point 4711", "there is no meter NONE in stock",
    ]  # fmt: skip
    assert api("clerk", own=True).get(f"/requests/{told['request_id']}").status_code == 404


def test_content_with_lists_is_the_same_content_again(api, stage):
    """What JSON gives back is compared, whatever the operation keeps it in."""
    content = {
        "serial": "NONE",
        "consumer_number": "4711",
        "installed_at": "2026-03-20T13:00:00Z",
        "register_wh": 1,
    }
    clerk = api("clerk")
    first, again = (clerk.post("install_meter", content, key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (409, 409)
    assert first.json() == again.json()


def test_one_of_two_clerks_is_told(api, stage):
    first = api("clerk").post("remove_meter", REMOVAL)
    second = api("clerk", own=True).post("remove_meter", REMOVAL)
    assert (first.status_code, second.status_code) == (200, 409)
    assert second.json()["faults"] == ["meter URJ00000003 is not installed"]


def test_the_same_key_does_it_once(api, stage):
    clerk = api("clerk")
    first, again = (clerk.post("remove_meter", REMOVAL, key="k") for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    assert len(requests()) == 1


def test_the_same_key_at_the_same_time_does_it_once(api, stage):
    clerk = api("clerk")
    told = []

    def send():
        from django.db import connections

        told.append(clerk.post("remove_meter", REMOVAL, key="k").json())
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told[0] == told[1] == told[2]
    assert told[0]["state"] == "done"
    assert len(requests()) == 1


def test_the_same_key_for_something_else_is_refused(api, stage):
    clerk = api("clerk")
    clerk.post("remove_meter", REMOVAL, key="k")
    other = clerk.post("remove_meter", REMOVAL | {"register_wh": 5}, key="k")
    assert (other.status_code, other.json()["type"]) == (422, "/api/v1/#idempotency-key-reused")
    dry_run_of = clerk.post("remove_meter", REMOVAL, key="k", query="?dry_run=true")
    assert dry_run_of.status_code == 422
    # Another's key is another key.
    assert api("clerk", own=True).post("remove_meter", REMOVAL, key="k").status_code == 409


@pytest.mark.parametrize(
    ("key", "kind"), [("", "idempotency-key-missing"), ("a b", "bad-request"), ("x" * 61, "bad-request")]
)
def test_keys_that_are_none(api, key, kind):
    answer = api("clerk").post("remove_meter", REMOVAL, key=key)
    assert (answer.status_code, answer.json()["type"]) == (400, f"/api/v1/#{kind}")
    assert requests() == []


def test_what_waits_has_an_address(api, monkeypatch):
    from urja.web.api import operating

    monkeypatch.setattr(operating, "WAIT_S", 0.05)
    clerk = api("clerk")
    answer = clerk.post("remove_meter", REMOVAL)
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    address = answer.headers["Location"].removeprefix("/api/v1")
    waiting = clerk.get(address)
    assert (waiting.json()["state"], waiting.headers["Retry-After"]) == ("waiting", "1")
    with answering():
        monkeypatch.setattr(operating, "WAIT_S", 60)
        again = clerk.post("remove_meter", REMOVAL)
    assert (again.status_code, again.json()["id"]) == (200, answer.json()["id"])
    assert clerk.get(address).json()["state"] == "done"


def test_a_request_is_its_callers_alone(api, stage):
    clerk = api("clerk")
    number = clerk.post("remove_meter", REMOVAL).json()["id"]
    assert api("auditor").get(f"/requests/{number}").status_code == 404
    assert clerk.get("/requests/1").status_code == 404


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({**REMOVAL, "hammer": 1}, 422, "there is no field hammer"),
        ({"serial": "X"}, 422, "the field removed_at is missing"),
        ({"serial": 7, "removed_at": "2026-03-20T13:00:00Z"}, 422, "serial: Expected `str`, got `int`"),
        ({"serial": "X", "removed_at": "2026-03-20T13:00:00"}, 422, "removed_at needs an offset"),
        ({"serial": "X", "removed_at": "yesterday"}, 422, "removed_at"),
        ([], 422, "Expected `object`, got `array`"),
        (b"{", 400, "the body is not JSON"),
        (b"\xff\xfe", 400, "the body is not JSON"),
        (b"[" * 100_000, 400, "the body is not JSON"),
    ],
)
def test_content_that_is_none(api, body, status, says):
    answer = api("clerk").post("remove_meter", body)
    assert answer.status_code == status
    told = answer.json()
    assert says in told["detail"]
    if status == 422:
        assert [says in fault for fault in told["faults"]] == [True]
    assert requests() == []


def test_what_is_not_json_or_too_large(api):
    clerk = api("clerk")
    form = clerk.client.post(
        "/api/v1/operations/undo",
        {"a": 1},
        headers={"authorization": f"Bearer {clerk.key}", "idempotency-key": "k"},
    )
    assert (form.status_code, form.json()["type"]) == (415, "/api/v1/#unsupported-media-type")
    large = clerk.post("undo", b'"' + b"x" * (1024 * 1024) + b'"')
    assert (large.status_code, large.json()["type"]) == (413, "/api/v1/#too-large")


def test_an_operation_that_is_none(api):
    answer = api("clerk").post("make_coffee", {})
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("there is no operation 'make_coffee'")


def test_the_list_of_operations_says_who_may(api):
    told = {one["kind"]: one for one in api("field_engineer").get("/operations").json()["items"]}
    assert told["remove_meter"]["allowed"] is True
    assert told["remove_meter"]["roles"] == ["clerk", "field_engineer"]
    assert told["undo"]["allowed"] is False
    assert told["employ"]["roles"] == []
    assert told["remove_meter"]["summary"].endswith(".")


def consumer(program, person):
    answer = program.get(f"/consumers/{person}")
    return answer.json(), answer.headers["ETag"]


def test_a_person_is_corrected_under_the_version_that_was_read(api, society, stage):
    clerk, bina = api("clerk"), society.people["Bina"]
    _, tag = consumer(clerk, bina)
    answer = clerk(
        "PATCH", f"/consumers/{bina}", {"phone": "98123-00002"}, if_match=tag, idempotency_key="k1"
    )
    assert (answer.status_code, answer.json()["kind"]) == (200, "correct_consumer")
    known, newer = consumer(clerk, bina)
    assert known["phone"] == "9812300002"
    again = clerk("PATCH", f"/consumers/{bina}", {"phone": "98123-00002"}, if_match=tag, idempotency_key="k1")
    assert (again.status_code, again.json()) == (200, answer.json())
    other = clerk("PATCH", f"/consumers/{bina}", {"name": "B"}, if_match=tag, idempotency_key="k1")
    assert (other.status_code, other.json()["type"]) == (422, "/api/v1/#idempotency-key-reused")
    stale = clerk("PATCH", f"/consumers/{bina}", {"name": "B"}, if_match=tag, idempotency_key="k2")
    assert (stale.status_code, stale.json()["type"]) == (412, "/api/v1/#precondition-failed")
    assert (
        clerk("PATCH", f"/consumers/{bina}", {"name": "B"}, if_match=newer, idempotency_key="k3").status_code
        == 200
    )


def test_a_change_between_dry_run_and_operation_is_refused(api, society):
    """The stage looks at the version too: what the web saw may be old by then."""
    from urja.usecases.operations import CorrectConsumer, perform
    from urja.web.api import operating

    clerk, bina = api("clerk"), society.people["Bina"]
    _, tag = consumer(clerk, bina)
    ask = operating.journal.submit

    def meanwhile(*given, **named):
        correction = CorrectConsumer(consumer_id=bina, name="Another person's")
        as_owner(lambda: perform(correction, recorded_at=named["requested_at"], actor="test").id)
        return ask(*given, **named)

    with pytest.MonkeyPatch.context() as patched, answering():
        patched.setattr(operating.journal, "submit", meanwhile)
        answer = clerk("PATCH", f"/consumers/{bina}", {"name": "B"}, if_match=tag, idempotency_key="k")
    assert answer.status_code == 409
    assert "has changed since version" in answer.json()["faults"][0]


@pytest.mark.parametrize(
    ("body", "headers", "kind"),
    [
        ({"name": "B"}, {"idempotency_key": "k"}, "precondition-required"),
        ({"name": "B"}, {"if_match": "*"}, "idempotency-key-missing"),
        ({"colour": "B"}, {"if_match": "*", "idempotency_key": "k"}, "invalid"),
        (b"{", {"if_match": "*", "idempotency_key": "k"}, "bad-request"),
        ({"name": "B"}, {"if_match": '"x"', "idempotency_key": "k"}, "precondition-failed"),
    ],
)
def test_corrections_that_are_none(api, society, body, headers, kind):
    answer = api("clerk")("PATCH", f"/consumers/{society.people['Bina']}", body, **headers)
    assert answer.json()["type"] == f"/api/v1/#{kind}"
    assert requests() == []


def without_passkeys():
    """Thresholds of an installation that asks for no passkey to anonymise a person."""
    from urja.apps.approvals import thresholds
    from urja.core.approvals import bundled_thresholds

    text = bundled_thresholds().replace(
        'actor = ["approve_address_change", "anonymise_consumer"]', "actor = []"
    )
    thresholds.load(text.replace("default-1", "ours-1"), recorded_at=house.NOW, actor="test")


def test_an_administrator_anonymises_a_person(api, society, stage):
    """Dev's supply has no meter any more, and ends; then nothing names him."""
    from tests.apps.town import by_hand
    from tests.web import house

    from urja.apps.contracts.models import Agreement, AgreementTerms

    dev, admin = society.people["Dev"], api("administrator")
    refused = admin.post("anonymise_consumer", {"consumer_id": dev})
    assert refused.status_code == 409
    assert "end it first" in refused.json()["faults"][0]

    def end():
        with by_hand():
            AgreementTerms.objects.filter(agreement__customer_id=dev).update(valid_to=house.NOW)
            Agreement.objects.filter(customer_id=dev).update(valid_to=house.NOW)

    as_owner(end)
    assert (
        "this needs your passkey"
        in admin.post("anonymise_consumer", {"consumer_id": dev}, key="k3").json()["detail"]
    )
    as_owner(without_passkeys)
    assert admin.post("anonymise_consumer", {"consumer_id": dev}, key="k2").status_code == 200
    known, _ = consumer(admin, dev)
    assert (known["name"], known["email"], known["phone"]) == ("", "", None)
    assert known["anonymised_at"] == "2026-03-20T13:42:00+05:30"
