"""camt.053, the bank-to-customer statement of ISO 20022 (camt.053.001.02 to .08).

Only booked entries count. An entry with several transactions that have amounts (a batch) is split into them. XML is
read by expat; a document type is refused, and with it every entity that a file could define.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import Final
from xml.parsers import expat

from urja.core.statements import fields
from urja.core.statements.references import key_in, utr_in
from urja.core.statements.statement import (
    BankStatement,
    StatementEntry,
    StatementError,
    one_line,
    refused_at,
)

_DEEPEST: Final = 40
_MOST_ELEMENTS: Final = 300_000
"""A file of the largest size has about 100,000; each takes half a kilobyte of memory."""
_OPENING: Final = ("OPBD", "PRCD")
_CLOSING: Final = "CLBD"


@dataclass(slots=True)
class _Node:
    """An element without its namespace, with the line where it begins."""

    name: str
    line: int
    attributes: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    children: "list[_Node]" = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.texts).strip()

    def all(self, *path: str) -> "Iterator[_Node]":
        if not path:
            yield self
            return
        for child in self.children:
            if child.name == path[0]:
                yield from child.all(*path[1:])

    def first(self, *path: str) -> "_Node | None":
        return next(self.all(*path), None)

    def said(self, *path: str) -> str:
        found = self.first(*path)
        return "" if found is None else found.text

    def needed(self, *path: str) -> "_Node":
        found = self.first(*path)
        if found is None:
            raise refused_at(
                self.line, f"<{self.name}> has no <{'/'.join(path)}>: export the statement again"
            )
        return found


def parse_camt053(body: bytes) -> BankStatement:
    """Return the statement in a file: one <Stmt>, or several of one account that follow each other. Raises
    StatementError.
    """
    top = _tree(body)
    document = top.first("BkToCstmrStmt")
    if document is None:
        raise refused_at(
            top.line,
            "this XML is not camt.053 (<BkToCstmrStmt>): export the statement of booked entries, not a report of the day",
        )
    parts = [_statement(one) for one in document.all("Stmt")]
    if not parts:
        raise refused_at(document.line, "there is no statement (<Stmt>) in it")
    return _joined(parts)


def _joined(parts: list[BankStatement]) -> BankStatement:
    first = parts[0]
    for before, after in pairwise(parts):
        if (before.account, before.currency) != (after.account, after.currency):
            raise StatementError(
                f"the file has the accounts {before.account} and {after.account}: load one file for each"
            )
        if before.closing_minor != after.opening_minor:
            raise StatementError(
                f"the statements do not follow each other: one ends on {before.through_on} at {before.closing_minor}, the "
                f"next begins at {after.opening_minor} (minor units): a statement is missing"
            )
    return BankStatement(
        first.format,
        first.account,
        first.currency,
        min(one.from_on for one in parts),
        max(one.through_on for one in parts),
        first.opening_minor,
        parts[-1].closing_minor,
        tuple(entry for one in parts for entry in one.entries),
    )


def _statement(node: _Node) -> BankStatement:
    account = node.said("Acct", "Id", "IBAN") or node.said("Acct", "Id", "Othr", "Id")
    balances: dict[str, tuple[int, date, str]] = {}
    for balance in node.all("Bal"):
        kind = balance.said("Tp", "CdOrPrtry", "Cd")
        if kind not in balances:
            minor, currency = _signed(balance)
            balances[kind] = (minor, _date_of(balance.needed("Dt")), currency)
    opening = next((balances[kind] for kind in _OPENING if kind in balances), None)
    closing = balances.get(_CLOSING)
    if opening is None or closing is None:
        raise refused_at(node.line, "the statement has no opening (OPBD) and closing balance (CLBD)")
    entries = [entry for one in node.all("Ntry") for entry in _entries(one, opening[2])]
    days = [entry.booked_on for entry in entries]
    period = node.first("FrToDt")
    said = [] if period is None else [_date_of(one) for one in period.children]
    return BankStatement(
        "camt053",
        account,
        opening[2],
        min([opening[1], *said, *days]),
        max([closing[1], *said, *days]),
        opening[0],
        closing[0],
        tuple(entries),
    )


def _entries(node: _Node, currency: str) -> Iterator[StatementEntry]:
    status = node.said("Sts", "Cd") or node.said("Sts")
    if status != "BOOK":
        return
    minor, own = _signed(node)
    if own != currency:
        raise refused_at(node.line, f"an entry in {own} on an account in {currency}")
    if minor == 0:
        raise refused_at(node.line, "an entry of zero")
    booked = node.first("BookgDt")
    value = node.first("ValDt")
    booked_on = _date_of(booked if booked is not None else node.needed("ValDt"))
    value_on = booked_on if value is None else _date_of(value)
    reversal = node.said("RvslInd") in ("true", "1")
    details = list(node.all("NtryDtls", "TxDtls"))
    amounts = [_of_detail(one, minor) for one in details]
    if len(details) > 1 and all(amount is not None for amount in amounts):
        total = sum(amount or 0 for amount in amounts)
        if total != minor:
            raise refused_at(
                node.line,
                f"the transactions of the batch come to {total}, its entry is {minor} (minor units): a difference of "
                f"{minor - total}",
            )
        for one, amount in zip(details, amounts, strict=True):
            assert amount is not None, "checked above"
            yield _entry(node, [one], booked_on, value_on, amount, reversal=reversal)
        return
    yield _entry(node, details, booked_on, value_on, minor, reversal=reversal)


def _entry(
    node: _Node, details: list[_Node], booked_on: date, value_on: date, minor: int, *, reversal: bool
) -> StatementEntry:
    references = [
        one.text
        for detail in details
        for name in ("EndToEndId", "TxId", "InstrId", "AcctSvcrRef", "ClrSysRef")
        for one in detail.all("Refs", name)
    ]
    references += [node.said("AcctSvcrRef"), node.said("NtryRef")]
    texts = [one.text for detail in details for one in detail.all("RmtInf", "Ustrd")]
    texts += [one.text for detail in details for one in detail.all("AddtlTxInf")]
    texts += [
        one.text
        for detail in details
        for path in (("RltdPties", "Dbtr", "Nm"), ("RltdPties", "Dbtr", "Pty", "Nm"))
        for one in detail.all(*path)
    ]
    narration = one_line(*references, *texts, node.said("AddtlNtryInf"))
    utr = next((found for one in references if (found := utr_in("", one))), "") or utr_in(narration)
    known_by = next((found for one in references if (found := key_in("", one))), "") or key_in(narration)
    return StatementEntry(booked_on, value_on, minor, narration, utr, reversal, known_by)


def _of_detail(node: _Node, entry_minor: int) -> int | None:
    """Return the signed amount of a transaction in an entry, or None where it has none."""
    amount = node.first("Amt") or node.first("AmtDtls", "TxAmt", "Amt")
    if amount is None:
        return None
    mark = node.said("CdtDbtInd") or ("CRDT" if entry_minor > 0 else "DBIT")
    return _minor(amount) * (1 if mark == "CRDT" else -1)


def _signed(node: _Node) -> tuple[int, str]:
    amount = node.needed("Amt")
    mark = node.needed("CdtDbtInd")
    if mark.text not in ("CRDT", "DBIT"):
        raise refused_at(mark.line, f"{mark.text[:20]!r} is neither CRDT nor DBIT")
    return _minor(amount) * (1 if mark.text == "CRDT" else -1), amount.attributes.get("Ccy", "")


def _minor(node: _Node) -> int:
    try:
        minor = fields.amount_minor(node.text)
    except ValueError as error:
        raise refused_at(node.line, str(error)) from None
    if minor < 0:
        raise refused_at(node.line, "an amount below zero: the sign is in <CdtDbtInd>")
    return minor


def _date_of(node: _Node) -> date:
    text = node.said("Dt") or node.said("DtTm") or node.text
    try:
        return fields.day(text[:10])
    except ValueError as error:
        raise refused_at(node.line, str(error)) from None


def _tree(body: bytes) -> _Node:
    """Return the element <Document> of an XML file, which may define nothing itself."""
    parser = expat.ParserCreate(namespace_separator="}")
    top = _Node("", 1)
    path, count = [top], 0

    def begin(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(path) > _DEEPEST or count > _MOST_ELEMENTS:
            raise refused_at(parser.CurrentLineNumber, "the XML is nested too deeply, or too large")
        node = _Node(name.rpartition("}")[2], parser.CurrentLineNumber, attributes)
        path[-1].children.append(node)
        path.append(node)

    def end(_name: str) -> None:
        path.pop()

    def characters(text: str) -> None:
        path[-1].texts.append(text)

    def refuse(*_of: object) -> None:
        raise refused_at(
            parser.CurrentLineNumber, "the XML defines a document type, which no statement of a bank needs"
        )

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    parser.CharacterDataHandler = characters
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise refused_at(error.lineno, f"this is not whole XML ({expat.ErrorString(error.code)})") from None
    except (ValueError, LookupError) as error:
        if isinstance(error, StatementError):
            raise
        raise StatementError(f"line 1: this is not XML that can be read ({error})") from None
    return top.children[0]
