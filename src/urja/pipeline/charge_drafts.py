"""The entry drafts of an agreement's charges, with the reads and the calculation that prove them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Self

from urja.apps.billing import queries
from urja.apps.billing.common_shares import NamedShares
from urja.apps.billing.evidence import Evidence
from urja.apps.billing.queries import ledger_entries
from urja.apps.billing.targets import Rating
from urja.apps.books import posting as books
from urja.apps.contracts.kinds import Agreement
from urja.apps.readings.accrual import PeriodEnergy
from urja.base.ids import number_in_bucket
from urja.base.untyped_values import JsonObject
from urja.core.calendar import Period
from urja.core.rating import Calculation, ChargeLine, RatedLine
from urja.pipeline import posting_evidence


@dataclass(frozen=True, slots=True)
class PostingEvidence:
    """The register reads and the meters' energies behind a group of differences."""

    reads: dict[posting_evidence.Point, JsonObject]
    meters: dict[int, list[JsonObject]]

    @classmethod
    def gather(cls, known: Sequence[PeriodEnergy]) -> Self:
        points = [
            (energy.service_point_id, energy.device_id, instant)
            for energy in known
            for instant in (energy.opened_at, energy.anchor_at)
        ]
        return cls(posting_evidence.register_reads(points), posting_evidence.meter_energies(known))

    def evidence(
        self,
        calculation: Calculation,
        energy: PeriodEnergy | None,
        named: tuple[int, str] | None,
        common: tuple[NamedShares, ...],
    ) -> Evidence:
        """The evidence of all lines of one agreement's posting."""
        if energy is None:
            return Evidence(calculation, None, None, None, (), provisional=True, common=common)
        point = (energy.service_point_id, energy.device_id)
        return Evidence(
            calculation,
            named,
            self.reads.get((*point, energy.opened_at)),
            _closing(energy, self.reads.get((*point, energy.anchor_at))),
            self.meters.get(energy.agreement_id, ()),
            provisional=not energy.is_final,
            common=common,
        )


def _closing(energy: PeriodEnergy, read: dict[str, object] | None) -> dict[str, object] | None:
    """The read that ends the posting's energy: as read, or extended by the intervals after it."""
    if read is None or not energy.block_value:
        return read
    return {
        **read,
        "read_at": energy.watermark_at,
        "register_wh": energy.anchor_value + energy.block_value,
        "kind": "blocks",
        "status": "estimated" if energy.estimated_value else "substituted",
    }


@dataclass(frozen=True, slots=True)
class DraftBuilder:
    """Makes the entry drafts of one agreement; the first has the evidence of all."""

    agreement: Agreement
    period: Period
    day: date
    key_suffix: str
    rating: Rating
    evidence: Evidence
    earlier: tuple[int, JsonObject] | None
    """A calculation of the period that this one may name, with its entry's number."""
    at_close: Mapping[str, int]
    """What of each line's difference is due because the period is closed, in minor units."""
    one_bill: bool
    drafts: list[books.Draft] = field(default_factory=list)

    def add(
        self, name: str, line: RatedLine | None, charge_minor: int, last: queries.LinePosted | None
    ) -> None:
        """Add a draft that posts `charge_minor` on a line, which the tariff may have no more, after its last entry."""
        is_claimed = False
        if line is None:
            assert last is not None, "a line that no version has was posted before"
            contra, title = ledger_entries.contra_and_title(self.agreement.account_id, last.seq)
        else:
            priced = self._priced(name)
            contra, title = f"{priced.book.value}:{name}", line.title
            is_claimed = bool(priced.claim_on)
        inputs: JsonObject = {"title": title}
        if last is not None:
            inputs["before"] = last.seq
        inputs |= self._not_counted(name, charge_minor, is_claimed=is_claimed)
        if self.drafts:
            inputs["calculated_with"] = len(self.drafts)
        else:
            inputs["calculation"] = self.evidence.to_json(self.earlier)
        if self.one_bill:
            inputs["one_bill"] = True
        self.drafts.append(
            books.Draft(
                account_id=self.agreement.account_id,
                contra=contra,
                amount_minor=-charge_minor,
                origin="engine",
                line=name,
                accounting_month=self.day.replace(day=1),
                idempotency_key=self._key(name, last),
                inputs=inputs,
                agreement_id=self.agreement.id,
                period_start=self.period.first,
                service_date=self.day,
            )
        )

    def _not_counted(self, name: str, charge_minor: int, *, is_claimed: bool) -> dict[str, int]:
        """Return what of a charge is no ground to disconnect for some time, in minor units; what is zero is left out.

        That is what settles at close, and what takes a subsidy back.
        """
        at_close = self.at_close.get(name, 0)
        back = max(0, charge_minor - at_close) if is_claimed else 0
        parts = {"at_close": at_close, "clawed_back": back}
        return {part: minor for part, minor in parts.items() if minor}

    def _key(self, name: str, last: queries.LinePosted | None) -> str:
        """The key of a line's entry: short, as it is stored twice with each. Keys are unique within a bucket; those of credits
        and debits begin with a word.

        Days are closed a second time where an end before them was settled and is undone: then it names the last entry too.
        """
        number = number_in_bucket(self.agreement.id)
        days = (self.day - self.period.first).days
        again = f":after:{last.seq}" if last is not None and last.through >= self.day else ""
        return f"{number}:{self.period.first:%y%m%d}:{name}:{days}{self.key_suffix}{again}"

    def _priced(self, name: str) -> ChargeLine:
        """The line of a name in the newest version that has it."""
        return next(
            line
            for tariff in reversed(self.rating.target.versions)
            for line in tariff.lines
            if line.name == name
        )
