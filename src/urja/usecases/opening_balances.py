"""Opening balances are signed off in one act, over the exact list."""

from collections.abc import Iterator

from urja.apps.billing import opening_balances
from urja.apps.journal.operation import Execution, UseCase
from urja.base.sentences import say
from urja.usecases.kinds import money


class SignOffOpeningBalances(money.SignOffOpeningBalances, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        opening_balances.lock()
        listed = opening_balances.unsigned_list(execution.recorded_at)
        if not listed.rows:
            yield say("no opening balance is waiting for its sign-off")
        elif (
            listed.sha256,
            len(listed.rows),
            listed.credit_minor,
            listed.deposit_minor,
            listed.dues_minor,
        ) != (
            self.content_sha256,
            self.supplies,
            self.credit_minor,
            self.deposit_minor,
            self.dues_minor,
        ):
            yield say(
                "the list of opening balances has changed since it was shown, or its totals are others: view it again and sign off that list"
            )

    def carry_out(self, execution: Execution) -> None:
        listed = opening_balances.unsigned_list(execution.recorded_at)
        opening_balances.record(execution, [row.agreement_id for row in listed.rows], listed.sha256)
        execution.outcome["supplies"] = len(listed.rows)
