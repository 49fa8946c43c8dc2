"""A society with a bank account, a treasurer with a passkey, and statements in CSV, for tests."""

from dataclasses import dataclass
from datetime import timedelta

from tests.apps.approvals.office import NOW, Person, home, state_of, work

TODAY = (NOW + timedelta(hours=5, minutes=30)).date()
"""3 March 2026 in Kolkata."""
UTR = "412345678901"


def day(number):
    """The number-th of March 2026."""
    return TODAY.replace(day=number)


def csv_of(*rows, opening=0, through=None):
    """A statement of (day, minor units, narration) rows; one up to a day of March where `through` is given."""
    lines, balance = [], opening
    for on, minor, text in rows:
        balance += minor
        debit, credit = (f"{-minor / 100:.2f}", "") if minor < 0 else ("", f"{minor / 100:.2f}")
        lines.append(f"{on:%d/%m/%Y},{text},{debit},{credit},{balance / 100:.2f}")
    first = rows[0][0] if rows else through
    period = f"Statement from {first:%d/%m/%Y} to {through:%d/%m/%Y}\n" if through else ""
    return (
        f"{period}Opening Balance,{opening / 100:.2f}\nDate,Narration,Debit,Credit,Balance\n"
        + "\n".join(lines)
        + "\n"
    ).encode()


def upi(minor, on=2, utr=UTR, who="RAVI"):
    return (day(on), minor, f"UPI/CR/{utr}/{who}/")


def returned(minor, on=4, utr=UTR):
    return (day(on), -minor, f"UPI/DR/{utr}/RETURN/")


def after(body):
    """NOW, or the same time of the last day of a statement that ends later."""
    from urja.core.statements import StatementError, parse

    try:
        return NOW + max(parse(body).through_on - TODAY, timedelta(0))
    except StatementError:
        return NOW


@dataclass
class Society:
    """The society's account with its treasurer."""

    account: object
    treasurer: Person

    def upload(self, body, **fields):
        from urja.apps.bank import requests

        return requests.upload(
            self.account.pk, "march.csv", body, user_id=self.treasurer.id, now=NOW, **fields
        )

    def content(self, stored):
        """What is asked for of an uploaded file."""
        return {
            "upload_id": stored.id,
            "sha256": stored.sha256,
            "bank_account": self.account.name,
            "account_number": self.account.number,
        }

    def ask(self, body, now=None, **fields):
        """Upload a file and ask for it to be loaded, after its last day; return the request as it was answered."""
        from urja.usecases.operations import LoadStatement

        now = now or after(body)
        stored = self.upload(body)
        request = self.treasurer.ask(LoadStatement(**self.content(stored), **fields), now)
        work(now)
        request.refresh_from_db()
        return request

    def load(self, body, now=None, second=None, **fields):
        """Load a file with the treasurer's passkey, and that of a second person, and match."""
        now = now or after(body)
        request = self.ask(body, now, **fields)
        assert state_of(request) == "approval", request.faults
        self.treasurer.approve(request, now)
        if second is not None:
            second.approve(request, now)
        work(now)
        match(now)
        assert state_of(request) == "done", request.faults
        return request

    def do(self, operation, now=NOW):
        """Have the treasurer do something below the thresholds; return the answered request."""
        request = self.treasurer.ask(operation, now)
        work(now)
        request.refresh_from_db()
        match(now)
        return request


def society():
    """Two supplies, a bank account and a treasurer."""
    from urja.apps.bank import accounts

    home(1, credit_minor=0)
    home(2, credit_minor=0)
    account = accounts.open_account(
        name="society",
        holder="Neem Residents",
        number="50100012345678",
        ifsc="HDFC0001234",
        vpa="neem@okbank",
        currency="INR",
        now=NOW,
        actor="test",
    )
    return Society(account, Person("tara", "revenue_officer"))


def match(now=NOW):
    from urja.pipeline.match_transfers import run_once

    return run_once(now).done


def account_of(number=1):
    from urja.apps.contracts.models import Agreement

    agreements = Agreement.objects.filter(service_point__consumer_number=f"URJ{number:08}")
    return agreements.latest("valid_from").account_id


def claim(minor=500_00, number=1, utr=UTR, on=2, now=NOW):
    """A consumer's claim, as the web records it; return the row."""
    from urja.apps.bank import requests
    from urja.apps.bank.models import Claim, SocietyAccount

    claim_id = requests.claim(
        account_id=account_of(number),
        bank_account_id=SocietyAccount.objects.first().pk,
        utr=utr,
        amount_minor=minor,
        paid_on=day(on),
        actor="user 1",
        now=now,
        today=TODAY,
    )
    return Claim.objects.get(id=claim_id)


def state(one):
    one.refresh_from_db()
    return (one.state, one.reason) if one.reason else one.state


def money():
    """What is requested for each account by statements: credits, and debits below zero, oldest first."""
    from urja.apps.books.models import CreditRequest, DebitRequest

    names = {account_of(1): 1, account_of(2): 2}
    given = [
        (one.requested_at, one.id, names[one.account_id], one.amount_minor)
        for one in CreditRequest.objects.filter(idempotency_key__startswith="bank:")
    ]
    taken = [
        (one.requested_at, one.id, names[one.account_id], -one.amount_minor)
        for one in DebitRequest.objects.filter(idempotency_key__startswith="bank:")
    ]
    return [(number, minor) for _at, _id, number, minor in sorted(given + taken)]
