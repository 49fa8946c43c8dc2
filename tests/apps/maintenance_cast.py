"""A society of three flats, of which the third is vacant, with a clerk who posts maintenance, for tests."""

from datetime import date

from tests.apps.approvals.office import NOW, Person, home, state_of, work
from tests.apps.town import START, by_hand

MARCH = date(2026, 3, 1)


def society(credit_minor=0):
    """Two inhabited flats and a vacant one in the society GP; return the clerk."""
    from urja.apps.network.models import Premise, ServicePoint
    from urja.usecases.operations import NewConnection, perform

    home(1, credit_minor=credit_minor)
    home(2, credit_minor=credit_minor)
    stamp = {"recorded_at": START, "actor": "test"}
    premise = Premise.objects.create(id=900, kind="society", name="Green Park", code="GP", **stamp)
    vacant = NewConnection(
        consumer_number="URJ00000003", connected_at=START, premise_name="Vacant", premise_kind="flat"
    )
    perform(vacant, recorded_at=START, actor="test")
    with by_hand():
        flats = ServicePoint.objects.values("premise_id")
        Premise.objects.filter(id__in=flats).update(parent=premise)
    return Person("tara")


def dues(each_minor=2500_00, *others, **changed):
    """The operation; `others` are (number, amount) of flats with another amount."""
    from urja.usecases.kinds.maintenance import FlatAmount
    from urja.usecases.operations import PostMaintenance

    flats = tuple(FlatAmount(consumer_number=f"URJ{n:08}", due_minor=minor) for n, minor in others)
    return PostMaintenance(
        **({"premise_code": "GP", "month": MARCH, "each_minor": each_minor, "flats": flats} | changed)
    )


def post(person, operation, now=NOW):
    """Request dues, approve them with the passkey, and post them; return the request as it was answered."""
    from urja.pipeline.credits import post_credits

    request = person.ask(operation, now)
    work(now)
    if state_of(request) == "approval":
        person.approve(request, now)
        work(now)
        post_credits(now)
    request.refresh_from_db()
    return request


def account_of(number=1):
    """The account for electricity of a flat."""
    from urja.apps.contracts.models import Agreement

    return Agreement.objects.get(service_point__consumer_number=f"URJ{number:08}").account_id


def of(number=1):
    """The maintenance of a flat."""
    from urja.apps.maintenance.queries import maintenance_of

    return maintenance_of(account_of(number))


def electricity(number=1):
    """The posted balance of a flat's electricity."""
    from urja.apps.books.models import Account

    return Account.objects.get(id=account_of(number)).balance_minor
