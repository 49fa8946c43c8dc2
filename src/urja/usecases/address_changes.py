"""Changes of sign-in addresses: confirmed from the new address, and from the old one or by a second person.

    requested ─▶ mailed ─▶ confirmed from the new address ─┬─▶ confirmed from the old address ─────────────▶ done
                                                           └─▶ approved by a second person, then a delay ──┘
    refused from the old address, expired, or replaced by another request: withdrawn

Until then the old address signs in. The owner of the old address can refuse as long as the change is pending, also
after an approval. The pipeline makes the confirmation codes, mails them and stores only their digests: a web server
sees a code only when its owner submits it.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth import get_user_model
from django.db import connection

from urja.apps.identity.kinds import AddressChangeState
from urja.apps.identity.models import AddressChange
from urja.apps.identity.queries.identities import email_faults, is_staff, taken_faults, user_of
from urja.apps.journal.operation import Execution, UseCase, next_number
from urja.apps.people.models import Person
from urja.base.sentences import say
from urja.usecases.kinds import people, staff

APPROVAL_DELAY: Final = timedelta(days=3)
"""Time between a second person's approval and its effect, in which the owner of the old address can refuse."""
EXPIRES_AFTER: Final = timedelta(days=10)
"""An unconfirmed change expires after this time."""

_WAITING = AddressChangeState.WAITING


def request_address_change(
    execution: Execution,
    user_id: int,
    email: str,
    *,
    person: Person | None,
    system: str = "",
    of_staff: bool = False,
) -> None:
    """Request another sign-in address for a user; a request for the current address withdraws the pending change.

    Stores the number of the change in the outcome as `address_change_id`. `email` is in small letters.
    """
    now = get_user_model().objects.values_list("email", flat=True).get(id=user_id)
    waiting = AddressChange.objects.select_for_update().filter(user_id=user_id, state=_WAITING).first()
    if waiting is not None and waiting.new_email == email:
        execution.outcome["address_change_id"] = waiting.id
        return
    if waiting is not None:
        withdraw_address_change(waiting, execution.recorded_at)
    if email == now:
        return
    change = AddressChange.objects.create(
        id=next_number(),
        user_id=user_id,
        person=person,
        old_email=now,
        new_email=email,
        system=system,
        of_staff=of_staff,
        asked_at=execution.recorded_at,
        asked_by=execution.actor,
        operation_id=execution.id,
    )
    execution.outcome["address_change_id"] = change.id


def withdraw_address_change(change: AddressChange, at: datetime) -> None:
    change.state, change.ended_at = AddressChangeState.WITHDRAWN, at
    change.save(update_fields=["state", "ended_at"])


def withdraw_address_changes_of(operation_id: int, at: datetime) -> None:
    """Withdraw the pending address changes that an operation requested."""
    for change in AddressChange.objects.select_for_update().filter(operation_id=operation_id, state=_WAITING):
        withdraw_address_change(change, at)


class ApproveAddressChange(people.ApproveAddressChange, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if not self.evidence.strip():
            yield say("state how the person's identity was verified")
        change = self._change()
        if change is None:
            yield say("no change of the address of person {person} is pending", person=self.consumer_id)
            return
        if change.new_email != self.email.strip().lower():
            yield say(
                "the pending change of person {person} is to another address than {email}",
                person=self.consumer_id,
                email=self.email,
            )
        if change.approved_at is not None:
            yield say("it is approved already, and takes effect at {at}", at=change.approval_counts_from)
        approver = _user_number(execution.actor)
        if approver is None:
            yield say("only a person can approve this, not an API token")
        elif approver == _user_number(change.asked_by):
            yield say("the person who requested it cannot approve it: a second person must")
        elif approver == change.user_id:
            yield say("no person can approve a change of their own address")

    def carry_out(self, execution: Execution) -> None:
        change = self._change()
        assert change is not None, "its absence is a fault"
        change.approved_at, change.approved_by = execution.recorded_at, execution.actor
        change.approval_counts_from = execution.recorded_at + APPROVAL_DELAY
        change.save(update_fields=["approved_at", "approved_by", "approval_counts_from"])
        execution.outcome |= {
            "address_change_id": change.id,
            "counts_from": change.approval_counts_from.isoformat(),
        }

    def _change(self) -> AddressChange | None:
        return (
            AddressChange.objects.select_for_update()
            .filter(person_id=self.consumer_id, state=_WAITING)
            .first()
        )


def _user_number(actor: str) -> int | None:
    """Return the user number of an actor such as `user 7`, also of a user's API token; None for a program."""
    kind, _, rest = actor.partition(" ")
    number = rest.partition(" ")[0]
    return int(number) if kind == "user" and number.isdecimal() else None


class ChangeAddress(people.ChangeAddress, UseCase):
    def owner(self) -> str:
        known = AddressChange.objects.filter(id=self.address_change).values_list("system", flat=True).first()
        return known or ""

    def faults(self, execution: Execution) -> Iterator[str]:
        change = AddressChange.objects.select_for_update().filter(id=self.address_change).first()
        if change is None or change.state != _WAITING:
            yield say("address change {number} is not pending", number=self.address_change)
            return
        if not is_confirmed(change, execution.recorded_at):
            yield say("address change {number} is not confirmed", number=self.address_change)
        if not change.of_staff and is_staff(change.user_id):
            yield say(
                "person {person} is a member of staff now: change the address with urja staff change",
                person=change.person_id,
            )
        if change.person_id is not None:
            yield from taken_faults(Person.objects.get(id=change.person_id), change.new_email)
        elif (other := user_of(change.new_email)) is not None and other.pk != change.user_id:
            yield say("another person signs in with {email}", email=change.new_email)

    def carry_out(self, execution: Execution) -> None:
        change = AddressChange.objects.get(id=self.address_change)
        if change.person_id is not None:
            execution.change(Person.objects.get(id=change.person_id), email=change.new_email)
        with connection.cursor() as cursor:
            # A verified old address would go on opening the account: its owner may be another person by now.
            cursor.execute("DELETE FROM account_emailaddress WHERE user_id = %s", [change.user_id])
        renamed = {"email": change.new_email, "username": change.new_email}
        get_user_model().objects.filter(id=change.user_id).update(**renamed)
        change.state, change.ended_at = AddressChangeState.DONE, execution.recorded_at
        change.save(update_fields=["state", "ended_at"])
        execution.outcome |= {"user_id": change.user_id, "consumer_id": change.person_id}


def is_confirmed(change: AddressChange, at: datetime) -> bool:
    """Return whether a change is confirmed from the new address and, by mail or by an approval in effect, from the
    old one.
    """
    if change.new_confirmed_at is None:
        return False
    counts = change.approval_counts_from is not None and change.approval_counts_from <= at
    return change.old_confirmed_at is not None or counts


class Readdress(staff.Readdress, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        user = user_of(self.email)
        if user is None or not is_staff(user.pk):
            yield say(
                "no member of staff has the address {email}: add one with urja staff add", email=self.email
            )
            return
        if not self.new_email and not self.new_name.strip():
            yield say("give a new address, a new name, or both")
        if self.new_email:
            yield from email_faults(self.new_email)
            other = user_of(self.new_email)
            if other is not None and other.pk != user.pk:
                yield say("another person signs in with {email}", email=self.new_email)

    def carry_out(self, execution: Execution) -> None:
        user = user_of(self.email)
        assert user is not None, "the guards refuse an unknown address"
        if self.new_name.strip():
            get_user_model().objects.filter(id=user.pk).update(first_name=self.new_name.strip()[:150])
        if self.new_email:
            person = Person.objects.filter(user_id=user.pk).first()
            request_address_change(
                execution, user.pk, self.new_email.strip().lower(), person=person, of_staff=True
            )
        execution.outcome["user_id"] = user.pk
