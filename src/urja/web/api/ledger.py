"""What was posted to an account: entries with their arithmetic, statements, proofs of both, and the subsidies that others owe."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from urja.apps.billing.queries import ledger_entries
from urja.apps.books.queries import currencies
from urja.apps.overviews.queries import subsidy_claims
from urja.apps.proofs import queries as proofs
from urja.apps.statements import queries as statements
from urja.base.storable import is_in_calendar
from urja.core.units import exact_text
from urja.web.api import answers, ledger_answers, lists, tariff_answers
from urja.web.api.billed_amounts import litres, wh
from urja.web.api.lists import local
from urja.web.api.recorded_reads import agreement_of_account
from urja.web.api.routes import Ask, Query
from urja.web.shared.clock import zone


def entries(ask: Ask) -> answers.Page[ledger_answers.Entry]:
    account_id = agreement_of_account(ask).account_id
    found = ledger_entries.entries(account_id, ask.query.limit + 1, lists.last_seen(ask, int))
    return lists.page_of(ask, found, lambda shown: [entry_of(one) for one in shown], lambda one: one.seq)


def entry(ask: Ask) -> ledger_answers.EntryWithArithmetic:
    agreement, seq = agreement_of_account(ask), ask.parts["seq"]
    account_id, commodity = agreement.account_id, agreement.commodity
    why = ledger_entries.explain_entry(account_id, seq)
    if why is None:
        raise ask.missing(f"entry {seq} of account {account_id}")
    return ledger_answers.EntryWithArithmetic(
        entry=entry_of(why.entry),
        rows=[
            ledger_answers.Row(
                label=row.label,
                quantity=exact_text(row.quantity),
                unit=row.unit,
                rate_minor=exact_text(row.rate),
                amount_minor=row.amount_minor,
            )
            for row in why.rows
        ],
        opening=None if why.opening is None else _read_of(why.opening, commodity),
        reads=[_read_of(read, commodity) for read in why.reads],
        tariffs=[
            tariff_answers.TariffUsed(code=used.code, version=used.version, sha256=used.sha256)
            for used in why.tariffs
        ],
        advance_wh=wh(why.advance_wh, commodity),
        energy_wh=wh(why.energy_wh, commodity),
        blocks_wh=wh(why.blocks_wh, commodity),
        residual_wh=wh(why.residual_wh, commodity),
        advance_l=litres(why.advance_wh, commodity),
        volume_l=litres(why.energy_wh, commodity),
        blocks_l=litres(why.blocks_wh, commodity),
        residual_l=litres(why.residual_wh, commodity),
        units=[
            ledger_answers.UnitsOfCharge(
                zone=zone_name or None,
                opening_wh=row.opening_wh,
                imported_wh=row.imported_wh,
                exported_wh=row.exported_wh,
                used_wh=row.used_wh,
                settled_wh=row.settled_wh,
                closing_wh=row.closing_wh,
            )
            for zone_name, row in why.units
        ],
        shares=[
            ledger_answers.ShareOfCommonAreas(
                quantity=one.quantity,
                by=one.share,
                common_areas_wh=one.energy_wh,
                own_wh=one.own_wh,
                share=None if one.fraction is None else str(one.fraction),
            )
            for one in why.shares
        ],
        provisional=why.provisional,
        notes=list(why.notes),
        cause=why.cause,
        faults=list(why.faults),
    )


class ProofQuery(Query, frozen=True, kw_only=True):
    """Of a statement that proves itself."""

    before: Annotated[
        int, Meta(ge=0, le=2**63 - 1, description="only entries before this number; 0: the newest")
    ] = 0


def subsidy_claim(ask: Ask) -> ledger_answers.SubsidyClaim:
    """Return the claim of a month; of the whole utility only."""
    text = ask.parts["month"]
    try:
        month = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ask.missing(f"claim {text}") from None
    if not ask.area.everywhere or not is_in_calendar(month):
        raise ask.missing(f"claim {text}")
    found = subsidy_claims.to_json(subsidy_claims.claim(month, ask.now, zone()))
    return msgspec.convert(found, ledger_answers.SubsidyClaim)


def entry_proof(ask: Ask) -> proofs.Receipt:
    account_id, seq = agreement_of_account(ask).account_id, ask.parts["seq"]
    return _proof(ask, account_id, [seq], f"sealed entry {seq} of account {account_id}")


def statement_proof(ask: Ask) -> proofs.Receipt:
    account_id = agreement_of_account(ask).account_id
    seqs = proofs.sealed_entries(account_id, ask.query.before or None)
    return _proof(ask, account_id, seqs, f"sealed entry of account {account_id}")


def _proof(ask: Ask, account_id: int, seqs: list[int], thing: str) -> proofs.Receipt:
    receipt = proofs.receipt(account_id, seqs) if seqs else None
    if receipt is None:
        raise ask.missing(thing)
    return receipt


def statements_of_account(ask: Ask) -> ledger_answers.StatementsOfAccount:
    """Return the statements of an account."""
    account_id = agreement_of_account(ask).account_id
    return ledger_answers.StatementsOfAccount(
        account_id=account_id,
        currency=currencies([account_id])[account_id],
        items=[_statement_of(one) for one in statements.statements_of(account_id)],
    )


def whole_statement(ask: Ask) -> ledger_answers.WholeStatement:
    """Return one statement of an account with its content."""
    account_id, number = agreement_of_account(ask).account_id, ask.parts["number"]
    found = statements.statement(account_id, number)
    if found is None:
        raise ask.missing(f"statement {number} of account {account_id}")
    return ledger_answers.WholeStatement(
        statement=_statement_of(found.summary),
        content=found.content,
        sha256=found.summary.sha256,
        previous_sha256=found.previous_sha256,
    )


def proof_of_statement(ask: Ask) -> proofs.Receipt:
    """Return the proof of one statement of an account."""
    account_id, number = agreement_of_account(ask).account_id, ask.parts["number"]
    found = statements.statement(account_id, number)
    receipt = None if found is None else proofs.statement_receipt(account_id, found.summary.of_series)
    if receipt is None:
        raise ask.missing(f"sealed statement {number} of account {account_id}")
    return receipt


def _statement_of(one: statements.StatementSummary) -> ledger_answers.StatementOfAccount:
    return ledger_answers.StatementOfAccount(
        number=one.number,
        account_id=one.account_id,
        agreement_id=one.agreement_id,
        period_from=one.period_from,
        period_to=one.period_to,
        total_minor=one.total_minor,
        opening_minor=one.opening_minor,
        closing_minor=one.closing_minor,
        made_at=local(one.made_at),
        revises=one.revises,
        revised_by=one.revised_by,
        final=one.final,
    )


def entry_of(one: ledger_entries.Entry) -> ledger_answers.Entry:
    return ledger_answers.Entry(
        account_id=one.account_id,
        seq=one.seq,
        line=one.line,
        title=one.title,
        origin=one.origin,
        amount_minor=one.amount_minor,
        balance_after_minor=one.balance_after_minor,
        currency=one.currency,
        service_date=one.service_date,
        posted_at=local(one.posted_at),
        accounting_month=one.accounting_month,
    )


def _read_of(read: ledger_entries.Read, commodity: str) -> ledger_answers.RegisterRead:
    return ledger_answers.RegisterRead(
        read_at=local(read.read_at),
        register_wh=wh(read.register_wh, commodity),
        register_l=litres(read.register_wh, commodity),
        kind=read.kind,
        status=read.status,
        source=read.source,
        device_id=read.device_id,
    )
