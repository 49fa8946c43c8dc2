"""An old file is loaded again after its consumers have left: the current consumers keep their records."""

from tests.usecases.loading.filing import some_map
from tests.usecases.loading.test_consumers import row

STRANGER = {"person_name": "Old Landlord", "email": "landlord@example.org", "phone": "9811111111"}


def residents():
    from urja.apps.contracts.models import Agreement

    return {
        (one.service_point.consumer_number, one.customer.name, one.customer.email, one.customer.phone)
        for one in Agreement.objects.filter(valid_to=None).select_related("service_point", "customer")
    }


def moved_on(load, number, name, email):
    from urja.usecases.operations import TransferOwnership, perform

    perform(
        TransferOwnership(
            consumer_number=number, at=load.clock.now(), name=name, email=email, phone="9822222222"
        ),
        recorded_at=load.clock.now(),
        actor="test",
    )


def test_two_residents_are_not_given_to_a_stranger(load):
    """Rows without a day named the earlier consumer, and took over the records of the present one."""
    from urja.apps.identity.models import AddressChange
    from urja.apps.people.models import Person

    load("consumers", [row(n, person_name="Old Landlord") for n in (1, 2)] + [row(3)])
    for number, name in (("1", "Ravi Kumar"), ("2", "Sita Ram")):
        moved_on(load, number, name, f"{name.split()[0].lower()}@example.org")
    before = residents()
    old = [{"consumer_number": str(n)} | STRANGER for n in (1, 2)]
    old.append({"consumer_number": "3", "person_name": "Meera Devi", "phone": "9833333333"})
    the_map = some_map("consumers", "consumer_number", *STRANGER)
    report = load("consumers", old, the_map, good_rows=True)
    assert {one.n for one in report.first} == {2, 3}, report.first
    assert residents() - {("3", "Meera Devi", "", "9833333333")} == before - {("3", "Meera Devi", "", None)}
    assert not AddressChange.objects.exists()
    assert not Person.objects.filter(user__email="landlord@example.org").exists()
