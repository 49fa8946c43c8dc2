"""The Coinbox service: its ledger and HTTP API in threads of the test. Its clock moves only when a test moves it."""

import contextlib
import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from zoneinfo import ZoneInfo

PAGE = 2
"""Rows of a list in one answer."""

type Row = dict[str, Any]


class RefusedError(Exception):
    """The request is understood and not done: its HTTP status and why."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass
class Coinbox:
    """Everything it knows. Attempts, returns and claims are kept in the order in which they came."""

    token: str
    now: datetime
    charges: dict[str, Row] = field(default_factory=dict)
    """By our reference."""
    attempts: dict[str, Row] = field(default_factory=dict)
    returns: dict[str, Row] = field(default_factory=dict)
    claims: dict[str, Row] = field(default_factory=dict)
    payouts: list[Row] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    """Topic and number of each event."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # -- what the outside does ------------------------------------------------------------------------------

    def pay(self, charge_token: str, phase: str = "TAKEN", instrument: str = "VPA", why: str = "") -> str:
        charge = self._charge(charge_token)
        attempt = {
            "number": self._number("att"),
            "charge": charge_token,
            "amount": charge["amount"],
            "currency": charge["currency"],
            "instrument": instrument,
            "began": self.now.isoformat(),
        }
        self.attempts[attempt["number"]] = attempt
        self.turn(attempt["number"], phase, why)
        return attempt["number"]

    def turn(self, number: str, phase: str, why: str = "") -> None:
        """An attempt comes to a phase, and the merchant is told."""
        self.attempts[number] |= {"phase": phase, "why": why, "turned": self.now.isoformat()}
        self.told.append(("attempt", number))

    def give_back(self, attempt: str, amount: str) -> str:
        number = self._number("ret")
        self.returns[number] = {
            "number": number, "attempt": attempt, "amount": amount, "made": self.now.isoformat(), "done": True,
        }  # fmt: skip
        self.told.append(("return", number))
        return number

    def claim(self, attempt: str) -> str:
        number = self._number("clm")
        of = self.attempts[attempt]
        self.claims[number] = {
            "number": number, "attempt": attempt, "amount": of["amount"], "currency": of["currency"],
            "verdict": "PENDING", "lost": "0.00", "why": "not mine", "made": self.now.isoformat(),
        }  # fmt: skip
        self.told.append(("claim", number))
        return number

    def judge(self, claim: str, verdict: str) -> None:
        found = self.claims[claim]
        found |= {"verdict": verdict, "lost": found["amount"] if verdict == "CARDHOLDER" else "0.00"}
        self.told.append(("claim", claim))

    def pay_out(self) -> None:
        """What is not paid out yet leaves in one transfer, at 2 % and 18 % tax on that for payments."""
        payout = self._number("pay")
        known = {line["number"] for line in self.payouts}
        taken = {number: one for number, one in self.attempts.items() if one["phase"] == "TAKEN"}
        lost = {number: one for number, one in self.claims.items() if one["verdict"] == "CARDHOLDER"}
        for sort, rows in (("attempt", taken), ("return", self.returns), ("claim", lost)):
            for number, row in rows.items():
                if number not in known:
                    self.payouts.append(self._line(payout, sort, number, row))

    def _line(self, payout: str, sort: str, number: str, row: Row) -> Row:
        gross = Decimal(row["amount"]) * (1 if sort == "attempt" else -1)
        fee = (gross * Decimal("0.02")).quantize(Decimal("0.01")) if gross > 0 else Decimal("0.00")
        tax = (fee * Decimal("0.18")).quantize(Decimal("0.01"))
        return {
            "number": number, "sort": sort, "attempt": row.get("attempt", number), "payout": payout,
            "bank_reference": f"CBX{payout}", "currency": "INR", "gross": str(gross), "fee": str(fee), "tax": str(tax),
            "net": str(gross - fee - tax), "made": row.get("made", row.get("began")), "paid": self.now.isoformat(),
            "day": self.now.astimezone(_IST).date().isoformat(),
        }  # fmt: skip

    def admit(self, authorization: str | None) -> None:
        if authorization != f"Token {self.token}":
            raise RefusedError(401, "another token")

    # -- what the merchant asks -----------------------------------------------------------------------------

    def answer(self, method: str, path: str, query: dict[str, str], body: Row) -> Row:
        match [method, *(unquote(part) for part in path.strip("/").split("/"))]:
            case ["PUT", "charges", reference]:
                return self._put(reference, body)
            case ["GET", "charges", "by-token", token]:
                of = [row for row in self.attempts.values() if row["charge"] == token]
                return {**self._charge(token), "attempts": of}
            case ["POST", "attempts", number, "take"]:
                if _of(self.attempts, number)["phase"] != "HELD":
                    raise RefusedError(409, "only what is held can be taken")
                self.turn(number, "TAKEN")
                return self.attempts[number]
            case ["GET", "attempts" | "returns" | "claims" as kind, number]:
                return _of(getattr(self, kind), number)
            case ["GET", "attempts" | "returns" | "claims" as kind]:
                since = datetime.fromisoformat(query["since"])
                rows = getattr(self, kind).values()
                return _page([row for row in rows if _begun(row) >= since], query)
            case ["GET", "payouts"]:
                return _page([row for row in self.payouts if row["day"] == query["day"]], query)
        raise RefusedError(404, f"nothing is at {path}")

    def _put(self, reference: str, body: Row) -> Row:
        found = self.charges.setdefault(
            reference, {"token": self._number("chg"), "reference": reference, **body}
        )
        if {name: found[name] for name in body} != body:
            raise RefusedError(409, "this reference has another amount")
        return found

    def _charge(self, token: str) -> Row:
        return _of({row["token"]: row for row in self.charges.values()}, token)

    def _number(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"


_IST = ZoneInfo("Asia/Kolkata")


def _of(rows: dict[str, Row], name: str) -> Row:
    if name not in rows:
        raise RefusedError(404, f"{name} is not known")
    return rows[name]


def _begun(row: Row) -> datetime:
    return datetime.fromisoformat(row.get("began") or row["made"])


def _page(rows: list[Row], query: dict[str, str]) -> Row:
    first = int(query.get("cursor") or 0)
    more = first + PAGE < len(rows)
    return {"rows": rows[first : first + PAGE], "next": str(first + PAGE) if more else ""}


@contextlib.contextmanager
def open_coinbox(token: str, now: datetime) -> Iterator[tuple[Coinbox, str]]:
    """A book, and the address where it is asked."""
    coinbox = Coinbox(token, now)

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("content-length") or 0)
            body = json.loads(self.rfile.read(length) or b"{}")
            parts = urlsplit(self.path)
            query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
            status = 200
            try:
                with coinbox.lock:
                    coinbox.admit(self.headers.get("authorization"))
                    told = json.dumps(coinbox.answer(self.command, parts.path, query, body))
            except RefusedError as error:
                status, told = error.status, str(error)
            self.send_response(status)
            self.send_header("content-length", str(len(told.encode())))
            self.end_headers()
            self.wfile.write(told.encode())

        do_GET = do_PUT = do_POST = answer

        def log_message(self, *_: Any) -> None:
            """Tests read no access log."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield coinbox, f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
