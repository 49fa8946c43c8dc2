"""Amounts of agreements whose payment mode changes: what a dry run sums up, and what a conversion is made from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from urja.apps.billing import arrears as dues
from urja.apps.billing.models import InstalmentPlan
from urja.apps.books.queries import settled_balances
from urja.apps.contracts.kinds import PaymentMode
from urja.apps.contracts.mode_changes import Row
from urja.apps.contracts.models import Agreement, ModeChangeRow
from urja.base.sentences import to_plain
from urja.base.untyped_values import JsonObject
from urja.core.arrears import total_owed
from urja.usecases import deposits
from urja.usecases.deposits import Held
from urja.usecases.many_rows import MAX_LISTED_FAULTS


@dataclass(frozen=True, slots=True)
class Figures:
    """Amounts of one agreement at the change, in minor units."""

    balance_minor: int
    """Its balance with all requests that are not posted yet."""
    dues_minor: int
    """Dues beside the balance, before the change."""
    set_apart_minor: int
    """The part of a negative balance that becomes dues."""
    deposit_minor: int
    """Security deposits that are used or given back."""
    deposit_due_minor: int
    """Security deposit that it owes from then on."""
    plan: str
    """`kept` where a plan of instalments goes on, `new` where one is made, empty without one."""
    instalment_minor: int
    """One instalment of a new plan."""

    @property
    def moved_minor(self) -> int:
        """What a conversion moves by hand: dues set apart, a deposit that is used, a deposit that is demanded."""
        return self.set_apart_minor + self.deposit_minor + self.deposit_due_minor


@dataclass(frozen=True, slots=True)
class Target:
    """One row of an order: its agreement, or its fault."""

    position: int
    """From 1."""
    named: str
    agreement: Agreement | None = None
    """With `account`, `service_point` and its terms loaded."""
    fault: str | None = None
    figures: Figures | None = None

    def row(self) -> Row:
        """Return the row as an order stores it."""
        agreement = self.agreement
        if agreement is None:
            return Row(self.position, self.named, fault=self.fault)
        return Row(
            self.position,
            self.named,
            agreement.id,
            agreement.account_id,
            agreement.service_point_id,
            self.fault,
        )


@dataclass(frozen=True, slots=True)
class Manner:
    """How an order converts an agreement: what of the request the stored order has as its arguments."""

    payment_mode: PaymentMode
    instalments: int
    deposit: str
    deposit_minor: int

    def figures(self, agreements: Sequence[Agreement], at: datetime) -> dict[int, Figures]:
        """Return the amounts of agreements, by agreement, as they are now; `at` is when the new mode begins."""
        accounts = [one.account_id for one in agreements]
        settled, owed = settled_balances(accounts), dues.dues_of(accounts)
        held = deposits.held([one.id for one in agreements])
        planned = set(
            InstalmentPlan.objects.filter(
                Q(valid_to=None) | Q(valid_to__gt=at), account_id__in=accounts
            ).values_list("account_id", flat=True)
        )
        return {
            one.id: self._of(
                settled[one.account_id],
                one.account.balance_minor,
                total_owed(owed.get(one.account_id, ())),
                held.get(one.id, Held()),
                planned=one.account_id in planned,
            )
            for one in agreements
        }

    def _of(
        self, settled_minor: int, posted_minor: int, dues_minor: int, held: Held, *, planned: bool
    ) -> Figures:
        to_prepaid = self.payment_mode == PaymentMode.PREPAID
        # A deposit that was charged here comes back to the balance: what is not paid of it does not become dues.
        back_minor = held.here_minor if to_prepaid else 0
        # What is both posted and not paid by a request under way: neither is to become dues twice.
        owed_minor = max(0, min(-posted_minor, -settled_minor - back_minor))
        apart = owed_minor if to_prepaid or self.instalments else 0
        left = dues_minor + apart
        if to_prepaid and self.deposit == "arrears":
            left = max(0, left - held.elsewhere_minor)
        new = bool(self.instalments and left and not planned)
        return Figures(
            balance_minor=settled_minor,
            dues_minor=dues_minor,
            set_apart_minor=apart,
            deposit_minor=held.used(self.deposit) if to_prepaid else 0,
            deposit_due_minor=0 if to_prepaid or held != Held() else self.deposit_minor,
            plan="kept" if planned else "new" if new else "",
            # Rounded up: the last instalment is the remainder.
            instalment_minor=-(-left // self.instalments) if new else 0,
        )


def deposits_owed(rows: Sequence[ModeChangeRow]) -> dict[int, int]:
    """Return the security deposit that each row of an order owes from the change on, in minor units, by row; none that are
    zero. Each row has its order loaded.
    """
    held = deposits.held([row.agreement_id for row in rows if row.agreement_id is not None])
    return {
        row.id: minor
        for row in rows
        if row.mode_change.payment_mode == PaymentMode.POSTPAID
        and row.agreement_id not in held
        and (minor := row.mode_change.arguments["deposit_minor"])
    }


def summary(rows: Sequence[Target]) -> JsonObject:
    """Return the counts and sums of an order for a person to read, in minor units, with its first refusals."""
    figures = [row.figures for row in rows if row.figures is not None]
    bad = [row for row in rows if row.fault is not None]
    return {
        "agreements": len(figures),
        "credit_minor": sum(max(one.balance_minor, 0) for one in figures),
        "in_credit": sum(one.balance_minor > 0 for one in figures),
        "owed_minor": sum(max(-one.balance_minor, 0) for one in figures),
        "owing": sum(one.balance_minor < 0 for one in figures),
        "dues_minor": sum(one.dues_minor for one in figures),
        "with_dues": sum(one.dues_minor > 0 for one in figures),
        "set_apart_minor": sum(one.set_apart_minor for one in figures),
        "set_apart": sum(one.set_apart_minor > 0 for one in figures),
        "plans_kept": sum(one.plan == "kept" for one in figures),
        "plans_new": sum(one.plan == "new" for one in figures),
        "deposits_minor": sum(one.deposit_minor for one in figures),
        "deposits": sum(one.deposit_minor > 0 for one in figures),
        "deposits_due_minor": sum(one.deposit_due_minor for one in figures),
        "deposits_due": sum(one.deposit_due_minor > 0 for one in figures),
        "refused": len(bad),
        "refusals": [
            {"row": row.position, "named": row.named, "why": to_plain(row.fault or "")}
            for row in bad[:MAX_LISTED_FAULTS]
        ],
    }


def result(figures: Figures) -> Mapping[str, object]:
    """Return the amounts of a conversion as its row stores them."""
    return {
        "balance_minor": figures.balance_minor,
        "dues_minor": figures.dues_minor,
        "set_apart_minor": figures.set_apart_minor,
        "deposit_minor": figures.deposit_minor,
        "deposit_due_minor": figures.deposit_due_minor,
        "plan": figures.plan,
        "instalment_minor": figures.instalment_minor,
    }
