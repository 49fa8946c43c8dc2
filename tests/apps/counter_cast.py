"""A cashier with a passkey and an open drawer, for tests."""

from datetime import timedelta

from tests.apps.approvals.office import NOW, Person, home, state_of, work

CEILING = 5_000_00


def opened(person, now=NOW, **fields):
    """Open a drawer as its cashier does, with the passkey; return its id."""
    from urja.usecases.operations import OpenDrawer

    request = person.ask(OpenDrawer(**({"ceiling_minor": CEILING} | fields)), now)
    work(now)
    assert state_of(request) == "approval"
    person.approve(request, now)
    work(now)
    assert state_of(request) == "done", request.faults
    return drawer_of(person)


def drawer_of(person):
    from urja.apps.counter.models import Drawer

    return Drawer.objects.filter(cashier=person.user, closed_at=None).latest("id").id


def cashier(name="meena", **fields):
    """A cashier with an open drawer, and a supply to pay for."""
    home(credit_minor=0)
    person = Person(name)
    person.drawer = opened(person, **fields)
    return person


def ask(person, operation, now=NOW):
    """Request an operation and return the request as it was answered."""
    request = person.ask(operation, now)
    work(now)
    request.refresh_from_db()
    return request


def take(person, paid_minor=500_00, number=1, now=NOW, **fields):
    """Take a payment; return the answered request."""
    from urja.usecases.operations import TakeReceipt

    return ask(
        person, TakeReceipt(consumer_number=f"URJ{number:08}", received_minor=paid_minor, **fields), now
    )


def cheque(person, paid_minor=500_00, **fields):
    given = {"cheque_number": "004711", "cheque_bank": "State Bank", "cheque_date": NOW.date()}
    return take(person, paid_minor, instrument="cheque", **(given | fields))


def receipt(request):
    from urja.apps.counter.models import Receipt
    from urja.apps.journal.models import AuditEntry

    return Receipt.objects.get(id=AuditEntry.objects.get(id=request.operation_id).outcome["receipt_id"])


def credits_requested():
    """The credits of receipts, by amount, oldest first."""
    from urja.apps.books.models import CreditRequest

    given = CreditRequest.objects.filter(idempotency_key__startswith="counter:").order_by("id")
    return list(given.values_list("amount_minor", flat=True))


def balance():
    """Post what waits and return the balance of the only consumer's account, in minor units."""
    from urja.apps.books.models import Account
    from urja.pipeline.credits import post_credits

    post_credits(NOW)
    return Account.objects.get(kind="consumer").balance_minor


LATER = timedelta(hours=13)
"""After a drawer of twelve hours takes no more receipts."""
