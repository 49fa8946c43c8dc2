"""Changes of the payment mode of many agreements: the order, and the conversion of each agreement in it.

An order names its agreements by a list or by a node. When it is requested, each row is examined set by set, with the
amounts that it would move: that is what a dry run shows and what thresholds count. The stage `mode_changes` converts
row by row by the operations for one agreement, with all their guards, from the amounts as they are by then.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import cached_property
from typing import Final

from django.db import transaction
from django.db.models import Q, QuerySet

from urja.apps.books.models import Account
from urja.apps.contracts import mode_changes as orders
from urja.apps.contracts.kinds import ModeChangeState, PaymentMode
from urja.apps.contracts.mode_changes import OrderContent
from urja.apps.contracts.models import Agreement, AgreementTerms, ModeChange, ModeChangeRow
from urja.apps.determinants.common_places import common_areas_above
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.local_zone import local_zone
from urja.apps.network.models import ServicePoint
from urja.apps.network.nodes import node_named, service_points_under
from urja.apps.rulebook.queries import tariffs
from urja.apps.rulebook.queries.policies import PolicyBook, policy_book
from urja.base.sentences import Sentence, say
from urja.core.arrears import instalment_due_on
from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.core.policy import Policy
from urja.usecases import deposits
from urja.usecases.instalments import AgreeInstalments
from urja.usecases.kinds import mode_changes
from urja.usecases.kinds.agreements import Bill
from urja.usecases.many_rows import RowRules
from urja.usecases.mode_change_figures import (
    Figures,
    Manner,
    Target,
    result,
    summary,
)
from urja.usecases.operation_execution import perform
from urja.usecases.payment_modes import (
    ConvertToPostpaid,
    ConvertToPrepaid,
    already_fault,
    in_order_fault,
    requested_alone,
    waits_for_read,
)
from urja.usecases.service_points import no_service_point_fault
from urja.usecases.terms import commodity_faults, stated_terms, tariff_faults

MAX_AGREEMENTS: Final = 50_000
"""Agreements of one order: they are examined in one transaction."""
MAX_INSTALMENTS: Final = 120

_AGREEMENTS: Final = RowRules(
    MAX_AGREEMENTS,
    say("give either a list of consumer numbers, or a node"),
    lambda most, count: say(
        "an order has at most {most} agreements, not {count}: order one for each part of the area",
        most=most,
        count=count,
    ),
    say("no supply can be converted by this order"),
    lambda count: say("{count} more supplies cannot be converted", count=count),
)


class ChangeModes(mode_changes.ChangeModes, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if faults := [
            *self._form_faults(local_day(execution.recorded_at, local_zone())),
            *_AGREEMENTS.naming_faults(self.consumer_numbers, self.under),
        ]:
            yield from faults
            return
        rows = self.targets(execution.recorded_at)
        yield from _AGREEMENTS.row_faults(rows, good_rows_only=self.good_rows_only)

    def _form_faults(self, today: date) -> Iterator[str]:
        if not self.reason.strip():
            yield say("give a reason")
        if self.effective_on < today:
            yield say(
                "a change of payment modes cannot begin on {day}, which is past: the earliest day is {today}",
                day=self.effective_on,
                today=today,
            )
        if not 0 <= self.instalments <= MAX_INSTALMENTS:
            yield say(
                "dues are paid in 1 to {most} instalments, or 0 for none: not {asked}",
                most=MAX_INSTALMENTS,
                asked=self.instalments,
            )
        if self.first_due_on is not None and (not self.instalments or self.first_due_on < self.effective_on):
            yield say("give a first due date only with instalments, and not before the change")
        yield from deposits.demand_faults(
            self.deposit_minor, self.deposit_instalments, self.deposit_due_on, self.effective_on
        )
        if self.manner.payment_mode == PaymentMode.PREPAID:
            if self.deposit_minor:
                yield say("a prepaid supply owes no security deposit: leave it out")
            if self.no_disconnection_from is not None:
                yield say("a postpaid supply is not disconnected for its balance: leave that day out")
        elif self.no_disconnection_from is not None and self.no_disconnection_from > self.effective_on:
            yield say("no balance disconnects a supply from the day of the change on: give an earlier day")

    @property
    def manner(self) -> Manner:
        """How each agreement is converted."""
        return Manner(PaymentMode(self.payment_mode), self.instalments, self.deposit, self.deposit_minor)

    @property
    def begins(self) -> datetime:
        """The midnight (UTC) at which the new mode begins."""
        return midnight(self.effective_on, local_zone())

    def targets(self, at: datetime) -> list[Target]:
        """Return the rows of the order as they are now, each with its agreement and amounts, or with its fault."""
        rows = list(self._agreed(self._named(at)))
        examined = _Examination(self, [row.agreement for row in rows if row.agreement is not None])
        judged = [
            row
            if row.agreement is None or row.fault is not None
            else replace(row, fault=examined.fault(row.agreement))
            for row in rows
        ]
        good = [row.agreement for row in judged if row.agreement is not None and row.fault is None]
        figures = self.manner.figures(good, self.begins)
        return [
            replace(row, figures=figures[row.agreement.id])
            if row.agreement is not None and row.fault is None
            else row
            for row in judged
        ]

    def _named(self, at: datetime) -> list[tuple[str, int | None]]:
        """Return the consumer numbers of the request, each with its service point, or None where there is none."""
        node = node_named(self.under) if self.under.strip() else None
        if node is not None:
            under = ServicePoint.objects.filter(id__in=service_points_under(node, at))
            return [*_numbered(under)]
        wanted = [number.strip() for number in self.consumer_numbers]
        known = dict(_numbered(ServicePoint.objects.filter(consumer_number__in=wanted)))
        return [(number, known.get(number)) for number in wanted]

    def _agreed(self, named: Sequence[tuple[str, int | None]]) -> Iterator[Target]:
        """Yield the rows with the agreement of that day; under a node those without one are left out."""
        day_ends = midnight(self.effective_on + ONE_DAY, local_zone())
        found = (
            Agreement.objects.filter(
                Q(valid_to=None) | Q(valid_to__gt=self.begins),
                service_point_id__in=[id_ for _number, id_ in named if id_ is not None],
                valid_from__lt=day_ends,
            )
            .select_related("account", "service_point")
            .prefetch_related("terms")
            .order_by("valid_from")
        )
        agreements = {one.service_point_id: one for one in found}
        position = 0
        seen: dict[int, int] = {}
        for number, service_point_id in named:
            agreement = None if service_point_id is None else agreements.get(service_point_id)
            if agreement is None and self.under.strip():
                continue
            position += 1
            if service_point_id is None:
                yield Target(position, number, fault=no_service_point_fault(number))
            elif agreement is None:
                yield Target(
                    position,
                    number,
                    fault=say(
                        "service point {consumer_number} has no agreement on {effective_on}{begins}",
                        consumer_number=number,
                        effective_on=self.effective_on,
                        begins="",
                    ),
                )
            elif (first := seen.setdefault(agreement.id, position)) != position:
                yield Target(
                    position,
                    number,
                    fault=say("{consumer_number} is in row {row} already", consumer_number=number, row=first),
                )
            else:
                yield Target(position, number, agreement)

    def carry_out(self, execution: Execution) -> None:
        rows = self.targets(execution.recorded_at)
        to_postpaid = self.manner.payment_mode == PaymentMode.POSTPAID
        spares_from = self.no_disconnection_from or self.effective_on
        orders.make(
            execution.id,
            OrderContent(
                PaymentMode(self.payment_mode),
                self.effective_on,
                self.begins,
                midnight(spares_from, local_zone()) if to_postpaid else None,
                self.reason,
                {
                    "tariff_code": self.tariff_code,
                    "instalments": self.instalments,
                    "first_due_on": self._first_due_on().isoformat(),
                    "deposit": self.deposit,
                    "deposit_minor": self.deposit_minor,
                    "deposit_due_on": deposits.first_due_on(
                        self.deposit_due_on, self.effective_on
                    ).isoformat(),
                    "deposit_instalments": self.deposit_instalments,
                },
            ),
            [row.row() for row in rows],
            actor=execution.actor,
            asked_at=execution.recorded_at,
        )
        good = [row for row in rows if row.fault is None]
        execution.outcome |= {
            "mode_change_id": execution.id,
            "agreements": len(good),
            "refused": len(rows) - len(good),
            "mode_change": summary(rows) | {"payment_mode": self.payment_mode},
        }

    def _first_due_on(self) -> date:
        return self.first_due_on or instalment_due_on("month", self.effective_on, 1)


def _numbered(service_points: QuerySet[ServicePoint]) -> list[tuple[str, int]]:
    return list(service_points.order_by("consumer_number").values_list("consumer_number", "id"))


class _Examination:
    """Why agreements cannot be converted by an order, with what many of them share looked up once."""

    def __init__(self, order: ChangeModes, agreements: Sequence[Agreement]) -> None:
        self.order = order
        self.ordered = orders.orders_of(one.id for one in agreements)
        self.service_points = [one.service_point_id for one in agreements]
        self.tariffs: dict[tuple[object, ...], str | None] = {}

    @cached_property
    def policies(self) -> PolicyBook:
        return policy_book()

    @cached_property
    def sharing(self) -> Collection[int]:
        """The service points with a share of common areas, where the new tariff prices one."""
        code = self.order.tariff_code
        return common_areas_above(self.service_points) if code and tariffs.commons_of(code) else ()

    def fault(self, agreement: Agreement) -> str | None:
        """Return the first reason why an agreement cannot be converted, or None."""
        order, begins = self.order, max(self.order.begins, agreement.valid_from)
        before = agreement.terms_at(begins)
        if before.payment_mode == order.payment_mode:
            return already_fault(
                before.payment_mode, agreement.service_point.consumer_number, order.effective_on
            )
        if agreement.valid_to is not None:
            return say(
                "the agreement at {consumer_number} ends on {day}",
                consumer_number=agreement.service_point.consumer_number,
                day=local_day(agreement.valid_to, local_zone()),
            )
        if agreement.all_terms[-1].valid_from > begins:
            last = agreement.all_terms[-1]
            return say(
                "other terms follow on {day} ({tariff_code}, {sanctioned_load_w} W, {payment_mode}): undo those first, then agree both in order",
                day=local_day(last.valid_from, local_zone()),
                tariff_code=last.tariff_code,
                sanctioned_load_w=last.sanctioned_load_w,
                payment_mode=last.payment_mode,
            )
        if agreement.id in self.ordered:
            return in_order_fault(self.ordered[agreement.id])
        return self._tariff_fault(agreement, before, begins) or self._policy_fault(before, begins)

    def _tariff_fault(self, agreement: Agreement, before: AgreementTerms, begins: datetime) -> str | None:
        code = self.order.tariff_code
        if code is None:
            return None
        commodity = agreement.service_point.commodity
        shared = (
            commodity,
            before.tariff_code,
            agreement.account.currency,
            agreement.billing_day,
            agreement.valid_from < begins,
            stated_terms(before),
            agreement.service_point_id in self.sharing,
        )
        if shared not in self.tariffs:
            faults = [
                *commodity_faults(code, commodity),
                *tariff_faults(code, local_day(begins, local_zone()), agreement, before),
            ]
            self.tariffs[shared] = faults[0] if faults else None
        return self.tariffs[shared]

    def _policy_fault(self, before: AgreementTerms, begins: datetime) -> Sentence | None:
        """Refuse a change to prepaid where the policy could disconnect the supply without any notice."""
        code = self.policies.code_for(before.policy, before.category)
        if self.order.manner.payment_mode == PaymentMode.POSTPAID or code is None:
            return None
        policy = self.policies.in_force(code, local_day(begins, local_zone()))
        if policy is None or announces(policy):
            return None
        return say(
            "policy {code} disconnects without a notice: give it notices.before_cut or credit.grace_days_after_conversion",
            code=code,
        )


def announces(policy: Policy) -> bool:
    """Return whether a policy gives notice, or time, before it disconnects a supply that has become prepaid."""
    rules = policy.notices
    return bool(rules.before_cut or rules.least_delivered or policy.credit.conversion_days)


class StopModeChange(mode_changes.StopModeChange, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason")
        order = ModeChange.objects.filter(id=self.mode_change_id).first()
        if order is None:
            yield say("there is no mode change {order}", order=self.mode_change_id)
        elif order.stopped_at is not None:
            yield say("mode change {order} was stopped already", order=self.mode_change_id)
        elif not order.rows.filter(state=ModeChangeState.WAITING).exists():
            yield say(
                "mode change {order} has ended: nothing of it is left to stop", order=self.mode_change_id
            )

    def carry_out(self, execution: Execution) -> None:
        order = ModeChange.objects.select_for_update().get(id=self.mode_change_id)
        left = orders.stop(order.id, actor=execution.actor, at=execution.recorded_at)
        execution.outcome |= {"mode_change_id": order.id, "left": left}


# -- called by the stage `mode_changes` --------------------------------------------------------------------------


def convert(row_id: int, now: datetime) -> ModeChangeState | None:
    """Convert one row of an order, or refuse it with the reason; return how it ended.

    One transaction: after a kill the row waits as before, and a row that has ended is not converted again. None where
    another run has it, or it has ended, or what was used before the change is not charged for good yet.
    """
    with transaction.atomic():
        row = (
            ModeChangeRow.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("mode_change")
            .filter(id=row_id, state=ModeChangeState.WAITING)
            .first()
        )
        if row is None:
            return None
        try:
            # A savepoint: what a refused conversion had changed is undone, and the refusal is stored.
            with transaction.atomic():
                if (done := _convert(row, now)) is None:
                    return None
        except RefusedError as refused:
            orders.end_row(row, ModeChangeState.REFUSED, now, detail=refused.faults[0])
        else:
            operation_id, figures = done
            orders.end_row(row, ModeChangeState.DONE, now, operation_id=operation_id, result=result(figures))
    return ModeChangeState(row.state)


def _convert(row: ModeChangeRow, now: datetime) -> tuple[int, Figures] | None:
    assert row.agreement_id is not None, "only a refused row names no agreement"
    assert row.account_id is not None, "only a refused row names no agreement"
    order, arguments = row.mode_change, row.mode_change.arguments
    # Locked before its balance is read: no charge is posted between that and what becomes of the balance.
    Account.objects.select_for_update(no_key=True).get(id=row.account_id)
    agreement = Agreement.objects.select_related("account", "service_point").get(id=row.agreement_id)
    if agreement.valid_to is not None:
        raise RefusedError(
            [
                say(
                    "the agreement at {consumer_number} has ended: another consumer's is not in this order",
                    consumer_number=row.named,
                )
            ]
        )
    to_prepaid = order.payment_mode == PaymentMode.PREPAID
    if to_prepaid and waits_for_read(agreement, order.effective_on, now):
        return None
    conversion: ConvertToPrepaid | ConvertToPostpaid
    if "conversion" in arguments:
        alone = requested_alone(arguments["conversion"])
        conversion, figures = alone, alone.figures(agreement)
    else:
        figures = _manner(order).figures([agreement], order.effective_at)[agreement.id]
        conversion = _conversion(order, agreement, figures)
    key = f"mode-change:{order.id}:{row.position}"
    entry = perform(conversion, recorded_at=now, actor=order.actor, idempotency_key=key)
    if figures.plan == "new":
        agreed = AgreeInstalments(
            consumer_number=agreement.service_point.consumer_number,
            every="month",
            amount_minor=figures.instalment_minor,
            first_due_on=max(date.fromisoformat(arguments["first_due_on"]), local_day(now, local_zone())),
            reason=f"mode change {order.id}",
        )
        perform(agreed, recorded_at=now, actor=order.actor, idempotency_key=f"{key}:instalments")
    return entry.id, figures


def _manner(order: ModeChange) -> Manner:
    arguments = order.arguments
    return Manner(
        PaymentMode(order.payment_mode),
        arguments["instalments"],
        arguments["deposit"],
        arguments["deposit_minor"],
    )


def _conversion(
    order: ModeChange, agreement: Agreement, figures: Figures
) -> ConvertToPrepaid | ConvertToPostpaid:
    asked = {
        "consumer_number": agreement.service_point.consumer_number,
        "effective_on": order.effective_on,
        "tariff_code": order.arguments["tariff_code"],
        "bills": _bills(order, figures),
    }
    if order.payment_mode == PaymentMode.PREPAID:
        return ConvertToPrepaid(**asked, deposit=order.arguments["deposit"])
    day = order.arguments.get("deposit_due_on")
    demanded = {
        "deposit_due_minor": figures.deposit_due_minor,
        # An order from before deposits were charged has no day.
        "deposit_due_on": day and date.fromisoformat(day),
        "deposit_instalments": order.arguments.get("deposit_instalments", 1),
    }
    return ConvertToPostpaid(**asked, **(demanded if figures.deposit_due_minor else {}))


def _bills(order: ModeChange, figures: Figures) -> tuple[Bill, ...]:
    if not figures.set_apart_minor:
        return ()
    return (Bill(bill=f"MC-{order.id}", due_on=order.effective_on, principal_minor=figures.set_apart_minor),)
