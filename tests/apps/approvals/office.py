"""Staff with passkeys for tests: clerks and revenue officers who request, approve and wait."""

from datetime import timedelta

from tests.apps.town import START, adopt
from tests.authenticator import Authenticator

ORIGIN = "http://localhost"
"""As Django is set up for tests."""
NOW = START + timedelta(days=1, hours=10)
"""Half past ten on 3 March in Kolkata."""
MONEY = 10_000_00
"""The amount in minor units from which the bundled thresholds need the actor's passkey; ten times as much needs a
second person's.
"""


def authenticator(**changed):
    return Authenticator(rp_id="localhost", origin=ORIGIN, **changed)


class Person:
    """A member of staff, with a passkey unless `enrolled` is false."""

    def __init__(self, name, role="clerk", *, enrolled=True):
        from urja.usecases.operations import employ

        self.email = f"{name}@urja.example"
        self.user = employ(self.email, name.title(), role, recorded_at=START, actor="test")
        self.id = self.user.pk
        self.actor = f"user {self.id}"
        self.passkey = authenticator()
        self.credential = enrol(self, self.passkey) if enrolled else None

    def ask(self, operation, now=NOW, actor=None):
        from urja.apps.journal import requests
        from urja.apps.journal.models import Request

        asked = requests.submit(operation, actor=actor or self.actor, requested_at=now)
        return Request.objects.get(id=asked.id)

    def approve(self, request, now=NOW, *, passkey=None, signed_in=None, **changed):
        """Record an answer of the passkey, as the web does."""
        from urja.apps.approvals import requests

        answer = (passkey or self.passkey).approve(challenge(request), **changed)
        return requests.approve(request.pk, signed_in or self.id, answer, now=now)


def enrol(person, passkey, now=NOW, *, name="telephone"):
    """Invite a person and enrol their passkey, as the command, the page and the pipeline do."""
    from urja.apps.approvals import passkeys, requests
    from urja.apps.approvals.models import Credential
    from urja.pipeline.approve import run_once as judge_approvals

    code = passkeys.invite(person.user, now=now, lasts=timedelta(days=1), actor="test")
    challenge = passkeys.enrolment_challenge(passkeys.code_hash(code), person.id)
    requests.enrol(person.id, name, passkey.register(challenge), now=now)
    judge_approvals(now)
    return Credential.objects.get(credential_id=passkey.id)


def challenge(request):
    from urja.apps.approvals.challenges import challenge_of
    from urja.apps.approvals.models import Waiting

    return challenge_of(Waiting.objects.get(pk=request.pk), request)


def work(now=NOW):
    """Run the stages `register` and `approve` until nothing is pending."""
    from urja.pipeline.approve import run_once as judge_approvals
    from urja.pipeline.register import run_once as answer_requests

    return answer_requests(now).done + judge_approvals(now).done


def home(number=1, **changes):
    """A supply with a consumer, in credit."""
    return adopt(number, **({"credit_minor": 500_00} | changes))


def move_in(number=1, credit_minor=0, **changed):
    """A new owner of a supply with an opening credit: the simplest operation that moves money by hand."""
    from urja.usecases.operations import TransferOwnership

    return TransferOwnership(
        **(
            {
                "consumer_number": f"URJ{number:08}",
                "at": START + timedelta(hours=12),
                "register_wh": 10_000,
                "name": "Newcomer",
                "email": f"newcomer{number}@example.org",
                "credit_minor": credit_minor,
            }
            | changed
        )
    )


def state_of(request):
    request.refresh_from_db()
    return request.state


def credits_given():
    """The opening credits that operations have requested, newest last."""
    from urja.apps.books.models import CreditRequest

    given = CreditRequest.objects.filter(kind="opening-credit").order_by("id")
    return [amount for amount in given.values_list("amount_minor", flat=True) if amount != 500_00]
