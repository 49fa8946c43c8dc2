"""Outside systems report what they own as often as they like, and no other actor changes it."""

import pytest
from tests.apps.town import START, adopt


@pytest.fixture
def say(database):
    from urja.usecases import operations

    def upsert(kind, number, system="sap-isu", **attributes):
        return operations.perform(
            operations.UpsertFromSystem(
                system=system, object=kind, external_id=number, attributes=attributes
            ),
            recorded_at=START,
            actor="test",
        )

    return upsert


def perform(operation):
    from urja.usecases.operations import perform

    return perform(operation, recorded_at=START, actor="clerk")


def test_a_person_is_made_changed_and_said_again(say):
    from urja.apps.journal.models import External, History
    from urja.apps.people.models import Person

    made = say("person", "4711", name="Meera Devi", phone="98123 45678").outcome["person_id"]
    assert Person.objects.get(id=made).phone == "9812345678"
    say("person", "4711", name="Meera Devi", phone="98123 45678")
    assert History.objects.count() == 0
    say("person", "4711", name="Meera Sharma", address="Box 7")
    person = Person.objects.get()
    assert (person.id, person.name, person.address, person.phone) == (
        made,
        "Meera Sharma",
        "Box 7",
        "9812345678",
    )
    link = External.objects.get()
    assert (link.external_id, link.object_id, sorted(link.owned)) == (
        "4711",
        made,
        ["address", "name", "phone"],
    )


def test_what_a_system_owns_is_refused_to_everybody_else_by_its_name(say):
    from urja.apps.journal.errors import RefusedError
    from urja.apps.people.models import Person
    from urja.usecases.operations import CorrectConsumer

    person = say("person", "4711", name="Meera Devi").outcome["person_id"]
    with pytest.raises(RefusedError) as refused:
        perform(CorrectConsumer(consumer_id=person, name="Mira Devi", phone="98123 45678"))
    assert refused.value.faults == ["the name of person 4711 is owned by sap-isu: change it there"]
    assert Person.objects.get().phone is None, "nothing has changed"
    perform(CorrectConsumer(consumer_id=person, phone="98123 45678"))
    with pytest.raises(RefusedError, match="the name of person 4711 is owned by sap-isu"):
        say("person", "99", system="crm", name="Another Person") and say_same(person, "crm")
    assert Person.objects.get(id=person).name == "Meera Devi"


def say_same(person, system):
    """The other system takes the person for its own number 98."""
    from urja.apps.journal.models import External
    from urja.usecases.operations import UpsertFromSystem

    External.objects.create(id=1, system=system, kind="person", external_id="98", object_id=person)
    perform(UpsertFromSystem(system=system, object="person", external_id="98", attributes={"name": "Mira"}))


def test_a_person_who_signs_in_is_known_by_the_address_and_can_be_forgotten(say):
    from django.contrib.auth import get_user_model

    from urja.apps.identity.models import AddressChange
    from urja.apps.journal.errors import RefusedError
    from urja.apps.people.models import Person
    from urja.usecases.operations import AnonymiseConsumer

    adopt(1)
    known = Person.objects.get()
    assert say("person", "1", name="Person One", email="PERSON1@example.org").outcome["person_id"] == known.id
    say("person", "1", email="one@example.org")
    waiting = AddressChange.objects.get()
    assert (waiting.new_email, waiting.system) == ("one@example.org", "sap-isu")
    say("person", "1", email="one@example.org")
    assert AddressChange.objects.count() == 1, "said again it stays queued"
    assert get_user_model().objects.get().email == "person1@example.org", "until it is confirmed"
    stranger = say("person", "2", name="Stranger").outcome["person_id"]
    with pytest.raises(RefusedError, match=r"another person signs in with person1@example\.org"):
        say("person", "2", email="person1@example.org")
    perform(AnonymiseConsumer(consumer_id=stranger))
    assert Person.objects.get(id=stranger).name == ""
    again = say("person", "2", name="Stranger").outcome["person_id"]
    assert again != stranger, "who was forgotten is not known again"


def test_a_service_point_at_its_premise(say):
    from urja.apps.journal.errors import RefusedError
    from urja.apps.network.models import ServicePoint
    from urja.base.ids import bucket_of

    with pytest.raises(RefusedError, match="has not reported a premise P1 yet"):
        say("service_point", "A1", consumer_number="1", premise="P1")
    say("premise", "P1", name="17", latitude="26.8467", longitude="80.9462")
    say("service_point", "A1", consumer_number="1", premise="P1", purpose="consumer")
    place = ServicePoint.objects.get()
    assert (place.consumer_number, place.premise.name, str(place.premise.latitude)) == (
        "1",
        "17",
        "26.846700",
    )
    assert bucket_of(place.id) == place.premise.bucket
    with pytest.raises(RefusedError, match="A1 is service point 1, whose consumer number cannot change"):
        say("service_point", "A1", consumer_number="2")
    with pytest.raises(RefusedError, match="service point 1 has the purpose consumer, which cannot change"):
        say("service_point", "A1", purpose="bulk")
    with pytest.raises(RefusedError, match="service point 1 is A1 in sap-isu already"):
        say("service_point", "A2", consumer_number="1")


def test_a_connection_that_is_there_is_taken_over_by_its_number(say):
    from urja.apps.journal.models import External
    from urja.apps.network.models import ServicePoint

    made = adopt(1)
    say("service_point", "A1", consumer_number="URJ00000001")
    assert External.objects.get().object_id == made.service_point_id
    assert ServicePoint.objects.count() == 1


@pytest.mark.parametrize(
    ("kind", "attributes", "sentence"),
    [
        ("house", {}, "an object is a person, a premise, a service_point, not a 'house'"),
        ("person", {"nome": "M"}, "a person has no nome"),
        ("person", {"name": "M", "phone": "1"}, "phone: it is not a telephone number"),
        ("person", {"phone": "9812345678"}, "give the name of a new person"),
        ("premise", {"latitude": "1"}, "give latitude and longitude together, or neither"),
        ("service_point", {}, "give the consumer number of a new service point"),
        ("service_point", {"consumer_number": "1", "licensee": "L"}, "there is no licensee L"),
    ],
)
def test_what_cannot_be_said(say, kind, attributes, sentence):
    from urja.apps.journal.errors import RefusedError

    with pytest.raises(RefusedError) as refused:
        say(kind, "1", **attributes)
    assert sentence in str(refused.value)
