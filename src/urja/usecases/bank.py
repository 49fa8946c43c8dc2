"""Statements of the bank are accepted, claims recorded and decided.

A statement is a door to money: its operation always needs the actor's passkey, given over the bank account and the hash
of the file. Both are compared with the stored upload here, after the approval was verified.
"""

import hashlib
from collections.abc import Iterator

import msgspec

from urja.apps.bank import claiming, loading, matching
from urja.apps.bank.errors import ClaimRefusedError
from urja.apps.bank.kinds import PROVIDER, ClaimState
from urja.apps.bank.loading import Prepared
from urja.apps.bank.models import Claim, Entry, Match, Statement
from urja.apps.bank.transfers import is_explained
from urja.apps.contracts.models import Agreement
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.local_zone import local_zone
from urja.apps.payments import differences
from urja.base.sentences import say
from urja.core.calendar import local_day
from urja.usecases.execution_approval import approval_of
from urja.usecases.kinds import bank
from urja.usecases.kinds.amounts import amount_text
from urja.usecases.maintenance import no_maintenance_fault, paid_account
from urja.usecases.service_points import no_service_point_fault, service_point_of


class LoadStatement(bank.LoadStatement, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        upload = loading.uploads([self.upload_id]).get(self.upload_id)
        if upload is None:
            yield say(
                "the file {upload} is not stored, or was loaded: upload it again", upload=self.upload_id
            )
            return
        loading.lock()
        account = upload.bank_account
        if (self.bank_account, self.account_number) != (account.name, account.number):
            yield say(
                "the file was uploaded for account {name} ({number}), not for {asked_name} ({asked_number})",
                name=account.name,
                number=account.number,
                asked_name=self.bank_account,
                asked_number=self.account_number,
            )
            return
        if hashlib.sha256(bytes(upload.body)).hexdigest() != self.sha256:
            yield say(
                "the stored file is not the one with the hash {sha256}: upload it again", sha256=self.sha256
            )
            return
        # Over all accounts: the same bytes under a second account would store, and credit, each payment twice.
        known = Statement.objects.filter(sha256=self.sha256).first()
        if known is not None:
            yield say("the file is loaded already, as statement {statement}", statement=known.pk)
            return
        prepared = execution.find_existing(_prepared, (self.upload_id, self.headings))
        if prepared.statement is None:
            yield say("the file is refused: {why}", why=prepared.fault)
            return
        # Claims are judged by the days that statements cover, and entries are credited as they stand.
        if prepared.statement.through_on > local_day(execution.recorded_at, local_zone()):
            yield say(
                "the statement covers days up to {day}, which is to come: export it up to today",
                day=prepared.statement.through_on,
            )
        opening = prepared.statement.opening_minor
        if self.opening_minor is None and prepared.unproven_opening:
            yield say(
                "the file names no opening balance, so that nothing proves its oldest entry: give the balance of the account before it"
            )
        elif self.opening_minor not in {None, opening}:
            assert self.opening_minor is not None, "None is in the set"
            yield say(
                "the statement begins with {found}, not with {given}",
                found=amount_text(opening),
                given=amount_text(self.opening_minor),
            )

    def carry_out(self, execution: Execution) -> None:
        prepared = execution.find_existing(_prepared, (self.upload_id, self.headings))
        approval = approval_of(execution)
        statement = loading.store(
            prepared,
            sha256=self.sha256,
            headings=msgspec.to_builtins(self.headings),
            approval_id=None if approval is None else approval.pk,
            operation_id=execution.id,
            actor=execution.actor,
            now=execution.recorded_at,
        )
        execution.outcome |= {
            "statement_id": statement.pk,
            "entries": statement.entries,
            "repeated": statement.repeated,
        }


type _Reading = tuple[int, tuple[bank.NamedColumn, ...]]
"""An upload, and how its columns are named."""


def _prepared(readings: list[_Reading]) -> dict[_Reading, Prepared]:
    uploads = loading.uploads([upload_id for upload_id, _headings in readings])
    return {
        (upload_id, headings): loading.prepare(uploads[upload_id], [one.pair for one in headings])
        for upload_id, headings in readings
        if upload_id in uploads
    }


class ClaimTransfer(bank.ClaimTransfer, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        service_point = service_point_of(self.consumer_number)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
        elif (agreement := _agreement_of(self.consumer_number)) is None:
            yield say(
                "service point {consumer_number} has no agreement to receive a payment for",
                consumer_number=self.consumer_number,
            )
        elif paid_account(agreement.account_id, self.paid_for) is None:
            yield no_maintenance_fault(self.consumer_number)
        if claiming.account_named(self.bank_account) is None:
            yield say(
                "name an open bank account of the society, not {name!r}: urja bank account list",
                name=self.bank_account,
            )
        today = local_day(execution.recorded_at, local_zone())
        fault = claiming.fault_of(self.utr, self.paid_minor, self.paid_on, today)
        if fault is not None:
            yield fault

    def carry_out(self, execution: Execution) -> None:
        """Record the claim. Raises RefusedError where another claim of the transfer was recorded meanwhile."""
        agreement, account = _agreement_of(self.consumer_number), claiming.account_named(self.bank_account)
        assert agreement is not None, "its absence is a fault"
        assert account is not None, "its absence is a fault"
        account_id = paid_account(agreement.account_id, self.paid_for)
        assert account_id is not None, "its absence is a fault"
        try:
            execution.outcome["claim_id"] = claiming.record(
                account_id=account_id,
                bank_account_id=account.pk,
                utr=self.utr,
                amount_minor=self.paid_minor,
                paid_on=self.paid_on,
                actor=execution.actor,
                now=execution.recorded_at,
                today=local_day(execution.recorded_at, local_zone()),
            )
        except ClaimRefusedError as refused:
            raise RefusedError([refused.sentence]) from refused


class DecideClaim(bank.DecideClaim, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason")
        claim = _locked(self.claim_id)
        if claim is None:
            yield say("there is no claim {claim}", claim=self.claim_id)
            return
        if self.decision == "refuse":
            if claim.state != ClaimState.CLERK:
                yield say("claim {claim} does not wait for a clerk", claim=claim.id)
            return
        if claim.state in {ClaimState.WAITING, ClaimState.CREDITED}:
            yield say("claim {claim} does not wait for a clerk", claim=claim.id)
        entry = _entry(self.bank_entry_id)
        if entry is None or entry.bank_account_id != claim.bank_account_id:
            yield say("name the entry of the statement that the claim is credited by")
            return
        if entry.amount_minor <= 0 or entry.reversal or not matching.of_currency(claim):
            yield say("entry {entry} is not a payment to the account", entry=entry.pk)
        elif is_explained(entry.pk):
            yield say(
                "entry {entry} is a payout of a gateway or a cheque on a slip, and no transfer",
                entry=entry.pk,
            )
        held = matching.open_matches(entry.pk).first()
        if held is not None:
            yield say(
                "entry {entry} is credited to claim {claim}: take that back first with reverse_claim",
                entry=entry.pk,
                claim=held.claim_id,
            )

    def carry_out(self, execution: Execution) -> None:
        claim = _locked(self.claim_id)
        assert claim is not None, "its absence is a fault"
        Claim.objects.filter(id=claim.id).update(note=self.reason.strip())
        if self.decision == "refuse":
            Claim.objects.filter(id=claim.id).update(
                state=ClaimState.REFUSED, judged_at=execution.recorded_at
            )
        else:
            entry = _entry(self.bank_entry_id)
            assert entry is not None, "its absence is a fault"
            matching.credit(claim, entry, now=execution.recorded_at, operation_id=execution.id)
        differences.close_all(
            PROVIDER,
            matching.difference_key(claim.id),
            self.reason,
            at=execution.recorded_at,
            actor=execution.actor,
            operation_id=execution.id,
        )
        execution.outcome["claim_id"] = claim.id


class ReverseClaim(bank.ReverseClaim, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason")
        claim = _locked(self.claim_id)
        if claim is None:
            yield say("there is no claim {claim}", claim=self.claim_id)
        elif _credited(claim.id) is None:
            yield say("claim {claim} is not credited", claim=claim.id)

    def carry_out(self, execution: Execution) -> None:
        claim = _locked(self.claim_id)
        assert claim is not None, "its absence is a fault"
        match = _credited(claim.id)
        assert match is not None, "its absence is a fault"
        Claim.objects.filter(id=claim.id).update(note=self.reason.strip())
        matching.take_back(match, now=execution.recorded_at, operation_id=execution.id)
        execution.outcome["claim_id"] = claim.id


def _locked(claim_id: int) -> Claim | None:
    """Return a claim with the lock of the bank accounts held, under which the stage credits as well."""
    loading.lock()
    return Claim.objects.filter(id=claim_id).first()


def _entry(entry_id: int | None) -> Entry | None:
    return None if entry_id is None else Entry.objects.filter(pk=entry_id).first()


def _credited(claim_id: int) -> Match | None:
    return Match.objects.filter(claim_id=claim_id, reversed_at=None).select_related("claim").first()


def _agreement_of(consumer_number: str) -> Agreement | None:
    found = Agreement.objects.filter(service_point__consumer_number=consumer_number)
    agreement: Agreement | None = found.order_by("-valid_from").first()
    return agreement
