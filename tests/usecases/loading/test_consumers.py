"""Consumers by file: everything that a service point needs, recognised when loaded again, and refused where a file is
not enough.
"""

import os
import signal
import subprocess
import sys

import pytest
from tests.apps.town import START
from tests.usecases.loading.filing import example, plain_map, read, some_map, write

ROW = {
    "consumer_number": "1",
    "person_name": "Meera Devi",
    "since": "2026-03-01",
    "tariff_code": "demo-domestic",
    "sanctioned_load_w": "5000",
}


def row(number, **changes):
    return ROW | {"consumer_number": str(number)} | changes


def told(report):
    return [(one.n, one.field, one.sentence) for one in report.first]


def test_the_example_makes_premises_people_agreements_and_accesses(load, database):
    from urja.apps.contracts.models import Agreement
    from urja.apps.identity.models import AccountAccess
    from urja.apps.journal.models import AuditEntry
    from urja.apps.network.models import Premise, ServicePoint
    from urja.apps.people.models import Person
    from urja.base.ids import bucket_of

    report = load("consumers", example("consumers"))
    assert (report.rows, report.faulty, report.written) == (3, 0, True)
    flat = ServicePoint.objects.get(consumer_number="1001000002").premise
    assert (flat.name, flat.kind, flat.parent.name, flat.parent.kind) == ("A-101", "flat", "A", "tower")
    assert (flat.parent.parent.name, flat.parent.parent.kind) == ("Green Acres", "society")
    assert Premise.objects.filter(kind__in=["society", "tower"]).count() == 2
    meera = Person.objects.get(name="Meera Devi")
    assert (meera.email, meera.phone, meera.language, meera.user.email) == (
        "meera@example.org", "+919812345678", "hi", "meera@example.org",
    )  # fmt: skip
    assert not meera.user.has_usable_password()
    agreement = Agreement.objects.get(customer=meera)
    assert agreement.valid_from.isoformat() == "2026-02-28T18:30:00+00:00"
    (terms,) = agreement.all_terms
    assert (terms.tariff_code, terms.sanctioned_load_w, terms.payment_mode) == (
        "demo-domestic",
        5000,
        "prepaid",
    )
    assert AccountAccess.objects.get(account=agreement.account).person == meera
    keys = (
        agreement.id,
        agreement.account_id,
        agreement.service_point_id,
        agreement.service_point.premise_id,
    )
    assert len({bucket_of(key) for key in keys}) == 1
    assert Agreement.objects.count() == 2, "a flat without a consumer is vacant"
    entry = AuditEntry.objects.get(kind="import")
    assert entry.content == {
        "file": "consumers.csv",
        "sha256": report.sha256,
        "kind": "consumers",
        "system": "",
    }
    assert entry.outcome["rows"] == 3
    with database.connect() as connection:
        assert connection.execute("SELECT revision FROM journal_revision").fetchone()[0] > 0


def test_the_same_file_again_changes_nothing_and_says_so(load):
    from urja.apps.journal.models import AuditEntry, History
    from urja.apps.network.models import Premise

    load("consumers", example("consumers"))
    premises = Premise.objects.count()
    again = load("consumers", example("consumers"))
    assert (again.written, again.counts, again.operation_id) == (False, {}, None)
    assert (Premise.objects.count(), History.objects.count(), AuditEntry.objects.count()) == (premises, 0, 1)


def test_a_changed_row_changes_what_the_map_covers_and_no_more(load):
    from urja.apps.journal.models import History
    from urja.apps.network.models import ServicePoint
    from urja.apps.people.models import Person

    load("consumers", example("consumers"))
    report = load(
        "consumers",
        [
            {
                "consumer_number": "1001000001",
                "person_name": "Meera Devi",
                "phone": "98123 99999",
                "address": "18 Station Road",
            }
        ],
    )
    assert report.counts == {"premise: changed": 1, "person: changed": 1}
    meera = Person.objects.get(name="Meera Devi")
    assert (meera.phone, meera.email) == ("9812399999", "meera@example.org")
    premise = ServicePoint.objects.get(consumer_number="1001000001").premise
    assert (premise.address, premise.pin_code) == ("18 Station Road", "226001")
    assert set(History.objects.values_list("table_name", flat=True)) == {
        "network_premise",
        "people_person",
    }


def test_an_address_of_sign_in_is_asked_for_and_a_first_one_is_given(load):
    from urja.apps.identity.models import AddressChange
    from urja.apps.people.models import Person

    load("consumers", example("consumers"))
    load(
        "consumers",
        [{"consumer_number": "1001000001", "person_name": "Meera Devi", "email": "Devi@example.org"},
         {"consumer_number": "1001000002", "person_name": "Ravi Kumar", "email": "ravi@example.org"}],
    )  # fmt: skip
    assert {(p.name, p.email, p.user.email) for p in Person.objects.all()} == {
        ("Meera Devi", "meera@example.org", "meera@example.org"),
        ("Ravi Kumar", "ravi@example.org", "ravi@example.org"),
    }
    assert list(AddressChange.objects.values_list("old_email", "new_email", "state")) == [
        ("meera@example.org", "devi@example.org", "waiting")
    ]


def test_a_file_does_not_reach_who_works_here(load):
    """Neither as a new consumer nor by another address or name for one who is known."""
    from urja.apps.people.models import Person
    from urja.usecases.operations import employ

    load("consumers", [row(1, email="m@example.org")])
    stamp = {"recorded_at": START, "actor": "test"}
    employ("admin@utility.example", "Administrator", "administrator", **stamp)
    employ("m@example.org", "Meera", "clerk", **stamp)
    theirs = (
        "{} is the address of a present or former member of staff: give the person an address of their own"
    )
    for given in (
        row(2, email="Admin@utility.example", person_name="Administrator"),
        row(2, email="m@example.org"),
    ):
        assert (2, "row", theirs.format(given["email"].lower())) in told(load("consumers", [given]))
    assert Person.objects.count() == 1
    person = Person.objects.get().id
    for given, what in (
        (row(1, email="thief@example.org"), "email"),
        (row(1, email="m@example.org", person_name="Another Person"), "name"),
    ):
        assert told(load("consumers", [given])) == [
            (
                2,
                "row",
                f"person {person} is or was a member of staff: change their {what} with `urja staff change` on the machine itself",
            )
        ]
    assert told(load("consumers", [row(1, email="m@example.org")])) == []


def test_one_person_of_two_connections_is_one(load):
    from urja.apps.contracts.models import Agreement
    from urja.apps.people.models import Person

    load("consumers", [row(1, email="m@example.org"), row(2, email="M@example.org")])
    load("consumers", [row(3, email="m@example.org")])
    assert Person.objects.count() == 1
    assert Agreement.objects.values("customer").distinct().count() == 1


def test_all_goes_in_or_nothing(load, tmp_path):
    from urja.apps.journal.models import AuditEntry
    from urja.apps.network.models import ServicePoint

    rows = [
        row(1),
        row(2, sanctioned_load_w="five", phone="1"),
        row(3, tariff_code="gone"),
        row(1),
        row(5, since="31.13.2026"),
    ]
    faults = tmp_path / "faults.csv"
    report = load("consumers", rows, faults=faults)
    assert (report.rows, report.faulty, report.faults, report.written) == (5, 4, 5, False)
    assert ServicePoint.objects.count() == AuditEntry.objects.count() == 0
    assert told(report) == [
        (3, "phone", "it is not a telephone number"),
        (3, "sanctioned_load_w", "it is not a number"),
        (4, "row", "no version of tariff 'gone' is in force on 2026-03-02: load it first (urja tariff load)"),
        (5, "consumer_number", "row 2 has this already"),
        (6, "since", "it is not a date"),
    ]
    handed_back = read(faults)
    assert [one["fault_row"] for one in handed_back] == ["3", "4", "5", "6"]
    assert handed_back[0]["fault"] == (
        "phone '1': it is not a telephone number | sanctioned_load_w 'five': it is not a number"
    )
    assert "8 to 15 digits" in handed_back[0]["remedy"]
    assert handed_back[1]["tariff_code"] == "gone"


def test_the_good_rows_go_in_as_requested_and_the_corrected_file_afterwards(load, tmp_path):
    from urja.apps.network.models import ServicePoint

    faults = tmp_path / "faults.csv"
    report = load("consumers", [row(1), row(2, sanctioned_load_w="5 kW")], good_rows=True, faults=faults)
    assert (report.written, report.faulty, ServicePoint.objects.count()) == (True, 1, 1)
    corrected = [one | {"sanctioned_load_w": "5000"} for one in read(faults)]
    report = load("consumers", write(tmp_path / "corrected.csv", corrected), some_map("consumers", *ROW))
    assert (report.faulty, report.written, report.unused, ServicePoint.objects.count()) == (0, True, [], 2)


def test_a_dry_run_says_what_it_would_do_and_does_nothing(load):
    from urja.apps.journal.models import AuditEntry
    from urja.apps.network.models import ServicePoint

    report = load("consumers", [row(1)], dry_run=True)
    assert report.counts["service_point: new"] == 1
    assert ServicePoint.objects.count() == AuditEntry.objects.count() == 0


@pytest.mark.parametrize(
    ("change", "field", "sentence"),
    [
        ({"since": "2026-02-01"}, "since", "the agreement is in force since 2026-03-01"),
        ({"sanctioned_load_w": "6000"}, "sanctioned_load_w", "the terms have 5000"),
        ({"contracted_load_va": "4400"}, "contracted_load_va", "the terms have none"),
        ({"purpose": "bulk", "person_name": "", "since": "", "tariff_code": "", "sanctioned_load_w": ""},
         "purpose", "the service point has consumer"),
        ({"latitude": "26.1"}, "row", "give latitude and longitude together, or neither"),
        ({"tower": "A"}, "tower", "a tower is part of a society, and none is given"),
        ({"section": "S9"}, "row", "there is no section S9"),
        ({"phase": "R"}, "phase", "it has no transformer or pole"),
        ({"society": "Green Acres"}, "society", "the premise is part of nothing"),
        ({"tariff_code": "demo-free"}, "tariff_code", "the terms have demo-domestic"),
        ({"purpose": "dg"}, "purpose", "the service point has consumer"),
        ({"language": "fr"}, "language", "it is not one of the known words"),
        ({"billing_day": "15"}, "billing_day", "billing periods of the agreement begin on the day of its tariff"),
        ({"billing_day": "29"}, "billing_day", "it is outside 1 to 28"),
    ],
)  # fmt: skip
def test_what_a_file_cannot_do_is_a_sentence(load, change, field, sentence):
    load("consumers", [row(1)])
    report = load("consumers", [row(1, **change)])
    assert (2, field, sentence) in told(report)
    assert not report.written


def test_who_has_a_connection_has_it_on_terms(load):
    report = load("consumers", [row(1, tariff_code=""), row(2, person_name="")])
    assert {(n, field) for n, field, _ in told(report)} == {
        (2, "tariff_code"), (3, "since"), (3, "tariff_code"), (3, "sanctioned_load_w"),
    }  # fmt: skip


def test_two_rows_of_one_person_or_premise_agree(load):
    rows = [
        row(1, email="m@example.org", premise_code="P1", address="here"),
        row(2, email="m@example.org", person_name="Another Person", premise_code="P1", address="there"),
    ]
    assert told(load("consumers", rows)) == [
        (3, "address", "another row has another value for the same premise"),
        (3, "email", "it is the address of Meera Devi"),
        (3, "person_name", "another row has another value for the same person"),
    ]


def test_another_persons_address_does_not_sign_in_for_a_stranger(load):
    load("consumers", [row(1, email="m@example.org")])
    report = load("consumers", [row(2, email="m@example.org", person_name="Stranger")])
    assert told(report) == [(2, "email", "it is the address of Meera Devi")]


def test_after_a_move_out_a_file_moves_no_person_in(load):
    from tests.apps.town import by_hand

    from urja.apps.contracts.models import Agreement, AgreementTerms

    load("consumers", [row(1)])
    with by_hand():
        AgreementTerms.objects.update(valid_to="2026-03-02T00:00:00Z")
        Agreement.objects.update(valid_to="2026-03-02T00:00:00Z")
    assert (2, "person_name", "the service point had a consumer before") in told(load("consumers", [row(1)]))


def test_a_premise_with_two_connections_is_one_premise(load):
    from urja.apps.network.models import Premise

    load(
        "consumers",
        [
            row(1, premise_code="P1", address="here"),
            # Without a consumer: the tariff is one of electricity.
            {"consumer_number": "2", "premise_code": "P1", "address": "here", "commodity": "gas"},
        ],
    )
    load("consumers", [row(3, premise_code="P1", address="here")])
    assert Premise.objects.get().service_points.count() == 3


def test_a_spreadsheet_is_as_good_as_a_csv(load, tmp_path):
    from datetime import datetime

    from openpyxl import Workbook

    from urja.apps.contracts.models import Agreement
    from urja.apps.people.models import Person

    book = Workbook()
    sheet = book.active
    sheet.append(["Utility of the North"])
    sheet.append(["No", "Name", "Mobile", "From", "Load kW", "Tariff"])
    sheet.append([1001, "मीरा देवी", 9812345678.0, datetime(2026, 3, 1), 5.5, "DS-II"])  # noqa: DTZ001
    sheet.append([None] * 6)
    path = tmp_path / "consumers.xlsx"
    book.save(path)
    the_map = plain_map_of_a_utility()
    report = load("consumers", path, the_map)
    assert (report.faults, report.rows) == (0, 1), report.first
    assert Person.objects.get().phone == "+919812345678"
    agreement = Agreement.objects.get()
    assert (agreement.service_point.consumer_number, agreement.all_terms[0].sanctioned_load_w) == (
        "1001",
        5500,
    )


@pytest.mark.parametrize(
    ("cell", "number_format", "number", "sentence"),
    [
        (1001, "General", "1001", None),
        (1001.0, "General", "1001", None),
        (1001, "0000000000", "0000001001", None),
        ("0000001001", "General", "0000001001", None),
        (1.23456789012346e19, "General", None, "stores 15 digits of a number and this one has more"),
        (1234567890123456, "0", None, "stores 15 digits of a number and this one has more"),
        ("#N/A", "General", None, "a formula of the spreadsheet has an error"),
        ("=A1+1", "General", None, "it is empty"),
    ],
)
def test_numbers_of_a_spreadsheet_that_are_names(load, tmp_path, cell, number_format, number, sentence):
    from openpyxl import Workbook

    from urja.apps.contracts.models import Agreement

    book = Workbook()
    sheet = book.active
    sheet.append(["Utility of the North"])
    sheet.append(["No", "Name", "Mobile", "From", "Load kW", "Tariff"])
    sheet.append([cell, "Meera", None, "2026-03-01", 5.5, "DS-II"])
    sheet.cell(3, 1).number_format = number_format
    path = tmp_path / "consumers.xlsx"
    book.save(path)
    report = load("consumers", path, plain_map_of_a_utility())
    if number is None:
        assert sentence in report.first[0].sentence
    else:
        assert Agreement.objects.get().service_point.consumer_number == number, report.first


def plain_map_of_a_utility():
    from urja.usecases.loading import parse

    return parse("""
kind = "consumers"
header = 2
[formats]
decimal = "1.234,56"
[fields]
consumer_number = "No"
person_name = "Name"
phone = { column = "Mobile", prefix = "+91" }
since = "From"
sanctioned_load_w = { column = "Load kW", unit = "kW" }
tariff_code = { column = "Tariff", values = { "DS-II" = "demo-domestic" } }
""")


_CHILD = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from urja.site.django import options as django_options
django_options.setup(django_options.DjangoOptions(conninfo=sys.argv[1], timezone="Asia/Kolkata"))
from urja.usecases.loading import loader, parse
loader.BATCH_ROWS = 10
def told(line):
    print(line, flush=True)
    if line.startswith("written"):
        sys.stdin.read()
loader.load(loader.LoadOrder(Path(sys.argv[2]), parse(Path(sys.argv[3]).read_text()), datetime(2026, 3, 2, tzinfo=UTC),
             "test", "INR", told=told))
"""


def test_who_is_killed_in_the_middle_begins_again_with_the_same_end(load, database, tmp_path):
    from urja.apps.contracts.models import Agreement
    from urja.apps.network.models import ServicePoint

    rows = [row(n) for n in range(30)]
    path, the_map = write(tmp_path / "many.csv", rows), tmp_path / "map.toml"
    the_map.write_text("\n".join(['kind = "consumers"', "[fields]", *(f'{name} = "{name}"' for name in ROW)]))
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, database.conninfo(), str(path), str(the_map)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not child.stdout.readline().startswith("written"):
        assert child.poll() is None
    os.kill(child.pid, signal.SIGKILL)
    child.communicate()
    assert ServicePoint.objects.count() == 0
    report = load("consumers", path, some_map("consumers", *ROW))
    assert (report.faulty, ServicePoint.objects.count(), Agreement.objects.count()) == (0, 30, 30)


def test_the_map_may_be_of_every_field(load):
    assert plain_map("consumers").covered >= {"consumer_number", "society", "phase"}


def test_a_file_of_an_outside_system_owns_what_it_covers(load):
    from urja.apps.journal.models import External
    from urja.apps.people.models import Person

    ours, theirs = row(1, phone="9812345678"), row(1, phone="9812345679", person_id="4711")
    names = list(theirs)
    report = load("consumers", [theirs], some_map("consumers", *names, top='system = "sap-isu"'))
    assert report.counts["external: new"] == 2
    links = {link.kind: (link.external_id, sorted(link.owned)) for link in External.objects.all()}
    assert links == {"person": ("4711", ["name", "phone"]), "service_point": ("1", ["consumer_number"])}
    assert told(load("consumers", [ours])) == [
        (2, "row", "the phone of person 4711 is owned by sap-isu: change it there")
    ]
    again = load("consumers", [theirs], some_map("consumers", *names, top='system = "sap-isu"'))
    assert (again.faulty, again.counts) == (0, {})
    load(
        "consumers",
        [theirs | {"phone": "9812345670"}],
        some_map("consumers", *names, top='system = "sap-isu"'),
    )
    assert Person.objects.get().phone == "9812345670"
    load(
        "consumers",
        [row(2, person_id="4711")],
        some_map("consumers", *ROW, "person_id", top='system = "sap-isu"'),
    )
    assert Person.objects.count() == 1, "the system knows that they are one"
