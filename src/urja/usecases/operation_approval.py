"""Operations above the thresholds wait for passkeys; the pipeline verifies each answer, and performs or refuses.

    request ─▶ CHECK ─▶ performed at once, or pending ─▶ actor's passkey ─▶ second person's passkey ─▶ performed
                                        │                      └─▶ no second person: delayed, announced ─▶ performed
                                        └─▶ expired, cancelled, refused

Performed operations are summed by person and by day (`approvals_measured`), and every step compares with the
thresholds again: many small operations count as much as one large one, also where they are pending at the same time.
"""

import secrets
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final, assert_never

from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum

from urja.apps.approvals import thresholds
from urja.apps.approvals.challenges import challenge_of, content_of, person_of
from urja.apps.approvals.kinds import OPEN_STATES, Action, AnswerState, WaitingState
from urja.apps.approvals.models import Answer, Credential, Measured, Waiting
from urja.apps.approvals.passkeys import active, fault_text, site
from urja.apps.assets.models import DevicePeriod
from urja.apps.journal import answers
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.kinds import RequestState
from urja.apps.journal.models import Request
from urja.apps.journal.queries import requested
from urja.apps.local_zone import local_zone
from urja.apps.overviews.queries import authorization
from urja.base import passkey
from urja.base.sentences import Sentence, say
from urja.core.approvals import (
    DoneBefore,
    Ground,
    OperationMeasure,
    PasskeyNeed,
    ReachedThreshold,
    Thresholds,
    beyond_caps,
    requirement_for,
)
from urja.core.calendar import local_day, midnight
from urja.core.units import major_text
from urja.usecases import requests as usecases
from urja.usecases.approval_measures import measure, measure_dry_run
from urja.usecases.dry_run import Effects
from urja.usecases.kinds.decoding import decode
from urja.usecases.operations import BY_KIND, SignOffOpeningBalances, UseCase, dry_run_changes

_SUMS: Final = 0x75726A6170
"""Key of an advisory lock: of two operations at once each must count what the other one did."""


def counted_as(actor: str) -> str:
    """Return the name under which an actor's operations are summed: a person whatever token is used, or a program."""
    user_id = person_of(actor)
    return actor if user_id is None else f"user {user_id}"


def hold_for_approval(request: Request, operation: UseCase, now: datetime) -> bool:
    """Store a pending approval for a request that needs passkeys, and return whether it does.

    A request that needs none is counted here, in the transaction that performs it. Raises RefusedError where the
    operation would be refused anyway, or where its actor has no passkey.
    """
    measured = measure(operation, actor=request.actor, now=now)
    # Locked before the sums are read: otherwise two operations at once would each see room below the threshold.
    _lock_sums(measured)
    book = thresholds.in_force(_day(now))
    needed = requirement_for(book, measured, _before(book, request.actor, now))
    if needed.need is PasskeyNeed.NOBODY:
        _count(request, measured, now)
        return False
    # An operation that would be refused anyway is refused at once: no person is asked to approve it.
    dry_run_changes(operation, recorded_at=now, actor=request.actor)
    why = [_why(one, book) for one in needed.reached]
    fault = _actor_cannot(request.actor)
    if fault is not None:
        raise RefusedError([*why, fault])
    Waiting.objects.create(
        request=request,
        need=needed.need,
        nonce=secrets.token_bytes(passkey.NONCE_BYTES),
        content_sha256=passkey.digest(content_of(requested(request))),
        why=why,
        asked_at=now,
        expires_at=now + book.expires,
    )
    return True


def reasons_for_approval(
    request: Request, operation: UseCase, found: Effects, now: datetime
) -> list[Sentence]:
    """Return why an operation of a dry run would need passkeys; empty where it would not."""
    book = thresholds.in_force(_day(now))
    measured = measure_dry_run(operation, found, now)
    needed = requirement_for(book, measured, _before(book, request.actor, now))
    return [_why(one, book) for one in needed.reached]


APPROVAL_CHECK: Final = usecases.ApprovalCheck(hold_for_approval, reasons_for_approval)
"""The check that the stage `register` makes before it performs a request."""


def _actor_cannot(actor: str) -> Sentence | None:
    user_id = person_of(actor)
    if user_id is None:
        return say("this needs a passkey, which an API token does not have: request it on the console")
    if not active(user_id).exists():
        return say(
            "this needs your passkey, and you have none: get a code from the administrator (urja passkey invite), then enrol one under Passkeys"
        )
    return None


def _lock_sums(measured: OperationMeasure) -> None:
    """Serialise operations that count until the transaction ends; an operation that counts nothing takes no lock."""
    if not (measured.money_minor or measured.disconnections or measured.meters):
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_SUMS])


def _before(book: Thresholds, actor: str, now: datetime) -> DoneBefore:
    begins = midnight(_day(now), local_zone())
    today = Measured.objects.filter(done_at__gte=begins)
    recent = Measured.objects.filter(done_at__gt=now - book.within)
    own = Q(actor=counted_as(actor))
    return DoneBefore(
        _sum(today.filter(own), "money_minor"),
        _sum(recent.filter(own), "disconnections"),
        _sum(today, "money_minor"),
        _sum(recent, "disconnections"),
        _sum(recent.filter(own), "meters"),
        _sum(recent, "meters"),
    )


def _sum(rows: QuerySet[Measured], column: str) -> int:
    return int(rows.aggregate(sum=Sum(column))["sum"] or 0)


def _count(request: Request, measured: OperationMeasure, now: datetime) -> None:
    if measured.money_minor or measured.disconnections or measured.meters:
        done = Measured(
            request_id=request.id,
            actor=counted_as(request.actor),
            done_at=now,
            money_minor=measured.money_minor,
            disconnections=measured.disconnections,
            meters=measured.meters,
        )
        # A request that is taken up again after a crash is performed once, and counted once.
        Measured.objects.bulk_create([done], ignore_conflicts=True)


def _day(now: datetime) -> date:
    return local_day(now, local_zone())


def _why(one: ReachedThreshold, book: Thresholds) -> Sentence:
    in_money = one.ground in {Ground.MONEY, Ground.MONEY_OF_ALL}
    values = {
        name: major_text(n, book.decimals) if in_money else n
        for name, n in (("sum", one.sum), ("limit", one.limit))
    }
    match one.ground:
        case Ground.KIND:
            return say("an operation of this kind always needs passkeys")
        case Ground.PROTECTED:
            return say("it disconnects a protected household, or ends a protected status")
        case Ground.MONEY:
            return say(
                "with it your manual amounts today come to {sum}; passkeys are required from {limit}",
                **values,
            )
        case Ground.MONEY_OF_ALL:
            return say(
                "with it the manual amounts of all staff today come to {sum}; passkeys are required from {limit}",
                **values,
            )
        case Ground.DISCONNECTIONS:
            return say(
                "with it you disconnect {sum} supplies within a short time; passkeys are required from {limit}",
                **values,
            )
        case Ground.DISCONNECTIONS_OF_ALL:
            return say(
                "with it all staff disconnect {sum} supplies within a short time; passkeys are required from {limit}",
                **values,
            )
        case Ground.METERS:
            return say(
                "with it you send commands to {sum} meters within a short time; passkeys are required from {limit}",
                **values,
            )
        case Ground.METERS_OF_ALL:
            return say(
                "with it all staff send commands to {sum} meters within a short time; passkeys are required from {limit}",
                **values,
            )
        case Ground.STATEMENT_GAP:
            return say("its opening balance is that of no earlier statement of the account")
        case Ground.CHEQUE_UNPROVEN:
            return say("no bank statement shows that the cheque is paid")
        case _:
            assert_never(one.ground)


def verify_next_answer(now: datetime) -> Answer | None:
    """Verify the oldest unverified answer and carry out what follows; return it, or None where there is none."""
    with transaction.atomic():
        unjudged = Answer.objects.filter(state=AnswerState.WAITING).order_by("id")
        answer = unjudged.select_for_update(no_key=True).first()
        if answer is None:
            return None
        request, waiting = _locked(answer.waiting_id)
        fault = _judge(answer, request, waiting, now)
        answer.state = AnswerState.REFUSED if fault else AnswerState.ACCEPTED
        answer.faults, answer.judged_at = [fault] if fault else [], now
        answer.save(update_fields=["state", "faults", "judged_at"])
    return answer


def due_requests(now: datetime) -> list[int]:
    """Return the request numbers of approvals whose expiry or whose delay is over."""
    found = Waiting.objects.filter(Q(expires_at__lte=now) | Q(due_at__lte=now), state__in=OPEN_STATES)
    return list(found.order_by("pk").values_list("pk", flat=True))


def apply_deadline(request_id: int, now: datetime) -> Waiting:
    """Expire an approval, or perform its operation after the delay; return the approval."""
    with transaction.atomic():
        request, waiting = _locked(request_id)
        if waiting.state in OPEN_STATES:
            _go_on(request, waiting, now)
    return waiting


def unannounced() -> list[Waiting]:
    """Return delayed operations that the staff was not notified of."""
    return list(Waiting.objects.filter(state=WaitingState.DELAYED, told_at=None).select_related("request"))


def start_delay(request_id: int, now: datetime) -> None:
    """Start the delay of an operation: the staff was notified."""
    with transaction.atomic():
        _request, waiting = _locked(request_id)
        if waiting.state == WaitingState.DELAYED and waiting.told_at is None:
            book = thresholds.in_force(_day(now))
            waiting.told_at, waiting.due_at = now, now + book.alone.delay
            waiting.expires_at = waiting.due_at + book.expires
            waiting.save(update_fields=["told_at", "due_at", "expires_at"])


def _locked(request_id: int) -> tuple[Request, Waiting]:
    # The request before its approval, always in this order, so that two answers at once cannot deadlock.
    request = Request.objects.select_for_update().get(id=request_id)
    return request, Waiting.objects.select_for_update().get(pk=request_id)


def _judge(answer: Answer, request: Request, waiting: Waiting, now: datetime) -> str | None:
    """Return why an answer is refused; where it is not, carry out what follows from it."""
    if waiting.state not in OPEN_STATES:
        return say("the operation is no longer pending approval")
    if waiting.expires_at <= now:
        _go_on(request, waiting, now)
        return say("the time to approve it is over")
    if answer.action == Action.CANCEL:
        return _cancelled(answer, request, waiting, now)
    return _approved(answer, request, waiting, now)


def _cancelled(answer: Answer, request: Request, waiting: Waiting, now: datetime) -> str | None:
    fault = _may(answer.user_id, request, now)
    if fault is not None and person_of(request.actor) != answer.user_id:
        return fault
    _end(request, waiting, WaitingState.CANCELLED, [say("it was cancelled before it was carried out")], now)
    return None


def _approved(answer: Answer, request: Request, waiting: Waiting, now: datetime) -> str | None:
    credential = (
        Credential.objects.select_for_update(no_key=True)
        .filter(credential_id=bytes(answer.credential_id))
        .first()
    )
    if credential is None:
        return say("this passkey is not enrolled")
    if credential.revoked_at is not None:
        return say("this passkey was revoked")
    fault = _of_whom(credential, request, waiting, now)
    if fault is not None:
        return fault
    at = site()
    try:
        sign_count = passkey.verify_assertion(
            passkey.Assertion(
                credential_id=bytes(answer.credential_id),
                client_data=bytes(answer.client_data),
                authenticator_data=bytes(answer.authenticator_data),
                signature=bytes(answer.signature),
            ),
            passkey.Credential(
                id=bytes(credential.credential_id),
                public_key=bytes(credential.public_key),
                sign_count=credential.sign_count,
            ),
            challenge=challenge_of(waiting, requested(request)),
            rp_id=at.rp_id,
            origins=at.origins,
        )
    except passkey.PasskeyError as error:
        return fault_text(error.fault)
    Credential.objects.filter(pk=credential.pk).update(sign_count=sign_count)
    if credential.user_id == person_of(request.actor):
        waiting.actor_credential = credential
    else:
        waiting.second_credential = credential
    waiting.save(update_fields=["actor_credential", "second_credential"])
    _go_on(request, waiting, now)
    return None


def _of_whom(credential: Credential, request: Request, waiting: Waiting, now: datetime) -> str | None:
    """Return why this person's passkey does not count here, or None."""
    if credential.user_id == person_of(request.actor):
        return say("you have approved it already") if waiting.actor_credential_id else None
    if waiting.second_credential_id:
        return say("a second person has approved it already")
    return _may(credential.user_id, request, now)


def _may(user_id: int, request: Request, now: datetime) -> str | None:
    """Return why a person may not perform an operation, and so not approve it, or None."""
    try:
        operation = decode(request.kind, request.content, BY_KIND)
    except RefusedError as refused:
        return refused.faults[0]
    return authorization.refusal_for_actor(f"user {user_id}", operation, now)


def _go_on(request: Request, waiting: Waiting, now: datetime) -> None:
    """Perform an operation that has the passkeys it needs, expire it after its time, or leave it pending."""
    if waiting.expires_at <= now:
        faults = [say("it was not approved in time")]
        _end(request, waiting, WaitingState.EXPIRED, faults, now)
        return
    if not waiting.actor_credential_id:
        return

    def act() -> None:
        _perform_if_approved(request, waiting, now)

    answers.answer(request, now, act)
    match request.state:
        case RequestState.DONE:
            _close(waiting, WaitingState.DONE, now)
        case RequestState.REFUSED:
            _close(waiting, WaitingState.REFUSED, now)
        case _:
            waiting.save(update_fields=["need", "why", "state", "told_at", "due_at"])


def _perform_if_approved(request: Request, waiting: Waiting, now: datetime) -> None:
    if passkey.digest(content_of(requested(request))) != bytes(waiting.content_sha256):
        raise RefusedError([say("its content was changed while it was pending: request it again")])
    _refuse_revoked([waiting.actor_credential, waiting.second_credential])
    operation = usecases.permitted_operation(request, now)
    measured = measure(operation, actor=request.actor, now=now)
    _lock_sums(measured)
    book = thresholds.in_force(_day(now))
    before = _before(book, request.actor, now)
    needed = requirement_for(book, measured, before)
    if needed.need > waiting.need:
        # Operations performed meanwhile count: a request that needed one passkey may need two by now.
        waiting.need, waiting.why = needed.need, [_why(one, book) for one in needed.reached]
    if waiting.need == PasskeyNeed.SECOND and not waiting.second_credential_id:
        if _others(request, operation, now):
            # A second person has enrolled since: their passkey is required, and the delay no longer replaces it.
            waiting.state, waiting.told_at, waiting.due_at = WaitingState.WAITING, None, None
            return
        if not _alone(waiting, operation, book, measured, before, now):
            return
    _count(request, measured, now)
    usecases.perform_request(request, operation, now)


def _refuse_revoked(credentials: Iterable[Credential | None]) -> None:
    if any(one is not None and one.revoked_at is not None for one in credentials):
        raise RefusedError([say("a passkey that approved it was revoked meanwhile: request it again")])


def _others(request: Request, operation: UseCase, now: datetime) -> bool:
    """Return whether another person holds a passkey and may perform the operation."""
    requester = person_of(request.actor)
    others = active() if requester is None else active().exclude(user_id=requester)
    holders = others.values_list("user_id", flat=True).distinct()
    return any(
        authorization.refusal_for_actor(f"user {user_id}", operation, now) is None for user_id in holders
    )


def _alone(
    waiting: Waiting,
    operation: UseCase,
    book: Thresholds,
    measured: OperationMeasure,
    before: DoneBefore,
    now: datetime,
) -> bool:
    """Return whether the only member of staff may perform an operation without a second person: within caps, after the delay."""
    in_service = DevicePeriod.objects.exclude(commissioned_at=None, taken_over_at=None).exists()
    if not in_service and isinstance(operation, SignOffOpeningBalances):
        # The caps bound what is moved by hand in a day; the balances of a whole utility are signed off at once, and
        # were brought by a command at the box.
        return True
    beyond = beyond_caps(book, measured, before)
    if beyond:
        words = say(
            "without a second person daily caps apply, also after a delay: have another person enrol a passkey"
        )
        raise RefusedError([*(_cap(one, book) for one in beyond), words])
    if not in_service:
        # No consumer is supplied yet: an operator who sets up an installation alone needs no delay.
        return True
    waiting.state = WaitingState.DELAYED
    return waiting.due_at is not None and waiting.due_at <= now


def _cap(one: ReachedThreshold, book: Thresholds) -> Sentence:
    if one.ground is Ground.MONEY_OF_ALL:
        return say(
            "with it the manual amounts today come to {sum}; the cap is {limit}",
            sum=major_text(one.sum, book.decimals),
            limit=major_text(one.limit, book.decimals),
        )
    return say(
        "with it {sum} supplies are disconnected within a short time; the cap is {limit}",
        sum=one.sum,
        limit=one.limit,
    )


def _end(
    request: Request, waiting: Waiting, state: WaitingState, faults: list[Sentence], now: datetime
) -> None:
    def act() -> None:
        raise RefusedError(list(faults))

    answers.answer(request, now, act)
    _close(waiting, state, now)


def _close(waiting: Waiting, state: WaitingState, now: datetime) -> None:
    waiting.state, waiting.ended_at = state, now
    waiting.save(update_fields=["need", "why", "state", "ended_at"])
