"""Effects of an operation, found by performing it in a transaction that is rolled back.

Rows of the registry; intervals that another agreement pays for; postings of the next closes, exact to the minor unit,
since both calculate the same targets; decisions about a supply whose terms change; and notices, holds and commands
based on the earlier records, which stay as they are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import msgspec
from django.db import connection, transaction
from django.db.models import Q

from urja.apps.billing import look_back, queries as billing, rating_basis, targets, usage
from urja.apps.billing.agreement_periods import days_of, period_of
from urja.apps.commands.kinds import UNFINISHED
from urja.apps.commands.models import Command
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.contracts.models import Agreement as AgreementRow
from urja.apps.journal.operation import UseCase
from urja.apps.local_zone import local_zone
from urja.apps.notices.models import Notice
from urja.apps.rulebook.queries import tariffs
from urja.apps.rulebook.queries.policies import name_of
from urja.apps.supply.models import Hold
from urja.apps.supply.queries import facts, health
from urja.base.untyped_values import JsonObject
from urja.core.calendar import ONE_DAY, Period, local_day
from urja.core.policy import decide
from urja.core.rating import RatedLine
from urja.usecases.operation_execution import Change, changes_of, execute


@dataclass(frozen=True, slots=True)
class AgreementIntervals:
    """Stored intervals of the affected time that an agreement pays for, before and after; energy in Wh, or gas in
    litres.
    """

    agreement_id: int | None
    """None for intervals that no agreement pays for."""
    commodity: str
    before: int
    before_wh: int
    after: int
    after_wh: int


@dataclass(frozen=True, slots=True)
class Posting:
    """A posting of the next close, for a period with closed days, that the operation causes."""

    agreement_id: int
    account_id: int
    period_start: date
    period_end: date
    """The day after its last one."""
    line: str
    title: str
    amount_minor: int
    """Minor units; a charge is negative, a refund positive."""


@dataclass(frozen=True, slots=True)
class PolicyDecision:
    """The decision of a supply's policy at this moment."""

    standing: str
    """A value of `core.policy.Standing`."""
    reason: JsonObject
    """`core.policy.Reason` as rule, key and params."""
    policy: str
    """Code and version of the document."""


@dataclass(frozen=True, slots=True)
class DecisionChange:
    """A decision that would change at once, for a supply whose terms change."""

    account_id: int
    before: PolicyDecision
    after: PolicyDecision


@dataclass(frozen=True, slots=True)
class UnaffectedAction:
    """A notice, hold or command based on the earlier records, which the operation does not withdraw."""

    what: str
    """`notice`, `hold`, `command`."""
    kind: str
    at: datetime
    account_id: int | None
    service_point_id: int | None
    state: str


@dataclass(frozen=True, slots=True)
class SupplyOrder:
    """An order to place or release a hold on a supply."""

    action: str
    """`hold` or `release`."""
    service_point_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that an operation would change."""

    changes: list[Change]
    intervals_moved: int
    """Number of stored intervals that another agreement or none would pay for, or at another energy."""
    intervals: list[AgreementIntervals]
    """Agreements whose intervals would differ."""
    postings: list[Posting]
    decisions: list[DecisionChange]
    stands: list[UnaffectedAction]
    asked: list[SupplyOrder]
    """Holds to place or release: no rows of the registry, and carried out by the stage `decide`."""
    problems: list[str]
    """Agreements whose postings cannot be calculated, in sentences."""
    meters: int = 0
    """Number of meters that a request to meters would address."""
    left_out: int = 0
    """Number of rows that name no suitable meter."""
    flats: int = 0
    """Number of flats that would owe a due."""
    dues_minor: int = 0
    """What they would owe together, in minor units."""
    without_agreement: int = 0
    """Number of flats without an agreement, which owe nothing."""
    mode_change: JsonObject | None = None
    """Counts and sums of a change of payment modes (`usecases.mode_change_figures.summary`); None for other operations."""

    def to_builtins(self) -> dict[str, object]:
        """Return plain values for JSON, without wrapped keys."""
        parts: JsonObject = msgspec.to_builtins(
            {
                "intervals_moved": self.intervals_moved,
                "intervals": self.intervals,
                "postings": self.postings,
                "decisions": self.decisions,
                "stands": self.stands,
                "asked": self.asked,
                "problems": self.problems,
                "meters": self.meters,
                "left_out": self.left_out,
                "flats": self.flats,
                "dues_minor": self.dues_minor,
                "without_agreement": self.without_agreement,
                **({} if self.mode_change is None else {"mode_change": self.mode_change}),
            }
        )
        return {"changes": [change.to_json() for change in self.changes], **parts}


def dry_run_effects(operation: UseCase, *, recorded_at: datetime, actor: str) -> Effects:
    """Return what an operation would change, and change nothing. Raises RefusedError as `perform` does."""
    with transaction.atomic(), tariffs.cached_versions():
        with transaction.atomic():
            done = execute(operation, recorded_at=recorded_at, actor=actor)
            changes = changes_of(done.entry.id)
            scope = _Scope.of(done.since, changes)
            after = _measure(scope, recorded_at)
            transaction.set_rollback(True)
        # After the rollback: only the performed operation has shown which agreements have to be measured.
        before = _measure(scope, recorded_at)
        return Effects(
            changes=changes,
            intervals_moved=sum(
                before.owners.get(key) != after.owners.get(key) for key in {*before.owners, *after.owners}
            ),
            intervals=_intervals(before.owners, after.owners),
            postings=_postings(before.targets, after.targets, before.limited | after.limited),
            decisions=_decisions(before.decided, after.decided),
            stands=list(_stands(scope, before, done.devices)),
            asked=[
                SupplyOrder(*one)
                for one in done.entry.outcome.get("outside", [])
                if one[0] in ("hold", "release")
            ],
            problems=sorted({*before.problems, *after.problems}),
            meters=done.entry.outcome.get("meters", 0),
            left_out=done.entry.outcome.get("refused", 0),
            flats=done.entry.outcome.get("flats", 0),
            dues_minor=done.entry.outcome.get("dues_minor", 0),
            without_agreement=done.entry.outcome.get("without_agreement", 0),
            mode_change=done.entry.outcome.get("mode_change"),
        )


_NEVER = datetime.max.replace(tzinfo=UTC)

_WHOSE = {
    "assets_device_period": "service_point_id",
    "contracts_agreement": "service_point_id",
    "contracts_agreement_terms": "agreement_id",
}
"""Tables of periods that energy and money depend on, with the column of what they belong to."""


def _differs_from(change: Change) -> datetime:
    """Return the first instant at which a changed period differs from the one before."""
    rows = [row for row in (change.before, change.after) if row is not None]
    same = len(rows) == 2 and _without_its_end(rows[0]) == _without_its_end(rows[1])
    ends = [row["valid_to"] for row in rows if row["valid_to"] is not None]
    instants = ends if same and ends else [row["valid_from"] for row in rows]
    return min(datetime.fromisoformat(at) for at in instants)


def _without_its_end(row: JsonObject) -> JsonObject:
    return {name: value for name, value in row.items() if name != "valid_to"}


@dataclass(frozen=True, slots=True)
class _Scope:
    """Service points and agreements to measure before and after."""

    service_points: dict[int, datetime]
    """Service points whose energy may be another agreement's, and from when on."""
    terms: dict[int, datetime]
    """Agreements whose terms change, and from when on."""

    @classmethod
    def of(cls, evaluated: dict[int, datetime], changes: Iterable[Change]) -> "_Scope":
        """Energy is evaluated again from the beginning of a changed period; it can only be another agreement's from
        later on.
        """
        service_points: dict[int, datetime] = {}
        terms: dict[int, datetime] = {}
        for change in changes:
            named = _WHOSE.get(change.table)
            row = change.after or change.before
            if named is not None and row is not None:
                since = terms if named == "agreement_id" else service_points
                since[row[named]] = min(_differs_from(change), since.get(row[named], _NEVER))
        return cls(
            evaluated
            | {
                service_point: at
                for service_point, at in service_points.items()
                if service_point in evaluated
            },
            terms,
        )

    def agreements(self) -> Iterator[tuple[Agreement, datetime]]:
        """Yield the agreements that exist now, each with the instant from which on its money may differ."""
        concerned = AgreementRow.objects.filter(
            Q(service_point_id__in=self.service_points) | Q(id__in=self.terms)
        )
        for agreement in contracts.agreements(concerned.values_list("id", flat=True)):
            since = [self.service_points.get(agreement.service_point_id), self.terms.get(agreement.id)]
            yield agreement, min(at for at in since if at is not None)


type _Owners = dict[tuple[int, datetime], tuple[int | None, int, str]]
"""For each interval (device and start): the agreement that pays for it, its energy in Wh or gas in litres, and which."""

type _Targets = dict[tuple[int, int, date, str], tuple[str, Period, int]]
"""By agreement, account, period and line: the line's title and its amount in minor units, as far as days are closed."""


@dataclass(frozen=True, slots=True)
class _Measured:
    owners: _Owners
    targets: _Targets
    accounts: dict[int, datetime]
    decided: dict[int, PolicyDecision]
    """By account; missing where it has no tariff or no policy."""
    problems: list[str]
    limited: set[tuple[int, date]]
    """Agreements with the first days of the periods that the look-back limit lets be charged nothing more."""


def _measure(scope: _Scope, now: datetime) -> _Measured:
    """Return owners, targets and decisions as the transaction sees them."""
    agreements = list(scope.agreements())
    closed = billing.closed_through([agreement.id for agreement, _ in agreements])
    measured = _Measured(
        _owners(scope.service_points),
        {},
        {agreement.account_id: since for agreement, since in agreements},
        _decided([agreement.account_id for agreement, _ in agreements if agreement.id in scope.terms], now),
        [],
        set(),
    )
    limits = look_back.limits([agreement for agreement, _ in agreements], now)
    for agreement, since in agreements:
        if agreement.id not in closed:
            continue
        if problem := rating_basis.unratable_reason(agreement, since):
            measured.problems.append(problem)
        else:
            limit = limits.get(agreement.id)
            targets = _target(agreement, since, closed[agreement.id], limit)
            measured.targets.update(targets)
            measured.limited.update(
                (id_, period.first)
                for (id_, *_), (_, period, _) in targets.items()
                if limit is not None and look_back.counted_from(period) < limit.charged_from
            )
    return measured


_OWNERS = """
SELECT i.device_id, i.start_at, g.id, (i.values[1]::bigint * p.ratio_primary / p.ratio_secondary)::bigint, c.commodity
FROM unnest(%s::bigint[], %s::timestamptz[]) AS s (service_point_id, since)
JOIN network.service_point c ON c.id = s.service_point_id
JOIN assets.device_period p ON p.service_point_id = s.service_point_id AND p.role = 1
    AND coalesce(p.valid_to, 'infinity') > s.since
JOIN readings.interval i ON i.service_point_id = p.service_point_id AND i.device_id = p.device_id
    AND i.series = 1 AND i.start_at >= greatest(s.since, p.valid_from)
    AND i.start_at + make_interval(secs => i.length_s) <= coalesce(p.valid_to, 'infinity')
LEFT JOIN contracts.agreement g ON g.service_point_id = s.service_point_id AND p.in_service_at IS NOT NULL
    AND greatest(g.valid_from, p.in_service_at) <= i.start_at
    AND coalesce(g.valid_to, 'infinity') >= i.start_at + make_interval(secs => i.length_s)
WHERE NOT EXISTS (
    SELECT FROM readings.interval n WHERE n.service_point_id = i.service_point_id AND n.device_id = i.device_id
        AND n.series = 1 AND n.start_at = i.start_at AND n.version > i.version)
"""


def _owners(service_points: Mapping[int, datetime]) -> _Owners:
    with connection.cursor() as cursor:
        cursor.execute(_OWNERS, [list(service_points), list(service_points.values())])
        return {
            (device, start_at): (agreement, billed, commodity)
            for device, start_at, agreement, billed, commodity in cursor.fetchall()
        }


def _target(
    agreement: Agreement, since: datetime, closed_through: date, limit: look_back.Limit | None
) -> _Targets:
    """Return the amount of each period from an instant on by the current readings and terms, as a close calculates
    it.
    """
    found: _Targets = {}
    through = closed_through + ONE_DAY
    first = days_of(agreement).first
    day = max(first, local_day(since, local_zone()), look_back.oldest_corrected(closed_through, limit))
    while day < min(through, days_of(agreement).end):
        period = period_of(agreement, day)
        for line in _rated(agreement, period, min(through, period.end)):
            found[agreement.id, agreement.account_id, period.first, line.name] = (
                line.title,
                period,
                line.amount_minor,
            )
        day = period.end
    return found


def _rated(agreement: Agreement, period: Period, through: date) -> Iterable[RatedLine]:
    energy = usage.energies([agreement.id], period, through).get(agreement.id)
    energy_wh = energy.billed_value if energy else 0
    energy_at = usage.energy_at(agreement.id, period)
    return targets.rate(agreement, period, through, energy_wh, energy_at).target.lines


def _intervals(before: _Owners, after: _Owners) -> list[AgreementIntervals]:
    sums: dict[tuple[int | None, str], list[int]] = {}
    for offset, owners in ((0, before), (2, after)):
        for agreement_id, billed, commodity in owners.values():
            counts = sums.setdefault((agreement_id, commodity), [0, 0, 0, 0])
            counts[offset] += 1
            counts[offset + 1] += billed
    by_agreement = sorted(sums.items(), key=lambda item: (item[0][0] is None, item[0]))
    return [AgreementIntervals(*key, *counts) for key, counts in by_agreement if counts[:2] != counts[2:]]


def _postings(before: _Targets, after: _Targets, limited: set[tuple[int, date]]) -> list[Posting]:
    postings = []
    charged: Counter[tuple[int, date]] = Counter()
    for of, sign in ((after, 1), (before, -1)):
        for (agreement_id, _, period_start, _), (*_, amount_minor) in of.items():
            charged[agreement_id, period_start] += sign * amount_minor
    for key in sorted({*before, *after}):
        agreement_id, account_id, period_start, line = key
        title, period, _ = after.get(key) or before[key]
        none = (title, period, 0)
        difference = after.get(key, none)[2] - before.get(key, none)[2]
        refused = (agreement_id, period_start) in limited and charged[agreement_id, period_start] > 0
        if difference and not refused:
            postings.append(
                Posting(agreement_id, account_id, period_start, period.end, line, title, -difference)
            )
    return postings


def _decided(account_ids: list[int], now: datetime) -> dict[int, PolicyDecision]:
    """Return the decisions of the stage `decide` without carrying them out."""
    found = {}
    for known in facts.load(account_ids, now, health(), held=set()):
        decision = decide(known.policy, known.facts)
        found[known.account_id] = PolicyDecision(
            decision.standing.value, decision.reason.to_json(), name_of(known.policy)
        )
    return found


def _decisions(
    before: Mapping[int, PolicyDecision], after: Mapping[int, PolicyDecision]
) -> list[DecisionChange]:
    """Return the decisions that differ; another amount in the reason alone is no difference."""

    def which(decided: PolicyDecision) -> tuple[str, str, str]:
        return decided.standing, decided.reason["key"], decided.policy

    return [
        DecisionChange(account_id, before[account_id], after[account_id])
        for account_id in sorted({*before} & {*after})
        if which(before[account_id]) != which(after[account_id])
    ]


def _stands(scope: _Scope, before: _Measured, devices: Iterable[int]) -> Iterator[UnaffectedAction]:
    for account_id, since in before.accounts.items():
        for notice in Notice.objects.filter(account_id=account_id, requested_at__gte=since).order_by("id"):
            yield UnaffectedAction("notice", notice.kind, notice.requested_at, account_id, None, notice.state)
    for hold in Hold.objects.filter(service_point_id__in=scope.service_points, released_at=None).order_by(
        "id"
    ):
        yield UnaffectedAction("hold", hold.reason, hold.placed_at, None, hold.service_point_id, "open")
    for command in Command.objects.filter(device_id__in=list(devices), state__in=UNFINISHED).order_by("id"):
        yield UnaffectedAction(
            "command",
            command.kind,
            command.issued_at,
            command.account_id,
            command.service_point_id,
            command.state,
        )
