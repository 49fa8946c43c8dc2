"""Tables of the gateway's book. Amounts are paise, times business time in Unix seconds."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS orders (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    amount INTEGER NOT NULL CHECK (amount > 0),
    amount_paid INTEGER NOT NULL DEFAULT 0,
    currency TEXT NOT NULL,
    receipt TEXT,
    notes TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'created' CHECK (status IN ('created', 'attempted', 'paid')),
    attempts INTEGER NOT NULL DEFAULT 0,
    auto_capture INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS orders_receipt ON orders (receipt);
CREATE TABLE IF NOT EXISTS qr_codes (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    name TEXT,
    usage TEXT NOT NULL CHECK (usage IN ('single_use', 'multiple_use')),
    fixed_amount INTEGER NOT NULL,
    payment_amount INTEGER,
    description TEXT,
    customer_id TEXT,
    notes TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'active' CHECK (status IN ('active', 'closed')),
    close_by INTEGER,
    closed_at INTEGER,
    close_reason TEXT,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS payments (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    order_id TEXT REFERENCES orders (id),
    qr_id TEXT REFERENCES qr_codes (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    method TEXT NOT NULL CHECK (method IN ('upi', 'card', 'wallet')),
    instrument TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'created'
        CHECK (status IN ('created', 'authorized', 'captured', 'refunded', 'failed')),
    error TEXT,
    captured INTEGER NOT NULL DEFAULT 0,
    fee INTEGER,
    tax INTEGER,
    amount_refunded INTEGER NOT NULL DEFAULT 0,
    fate TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    failed_at INTEGER,
    authorized_at INTEGER,
    captured_at INTEGER,
    CHECK (amount_refunded BETWEEN 0 AND amount),
    CHECK ((order_id IS NULL) <> (qr_id IS NULL))
) STRICT;
CREATE INDEX IF NOT EXISTS payments_order ON payments (order_id);
CREATE INDEX IF NOT EXISTS payments_qr ON payments (qr_id);
CREATE UNIQUE INDEX IF NOT EXISTS payments_one_captured ON payments (order_id) WHERE captured = 1;
CREATE TABLE IF NOT EXISTS refunds (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    cause TEXT NOT NULL CHECK (cause IN ('merchant', 'bank', 'uncaptured')),
    status TEXT NOT NULL CHECK (status IN ('pending', 'processed')),
    notes TEXT NOT NULL,
    receipt TEXT,
    idempotency_key TEXT UNIQUE,
    request_hash TEXT,
    created_at INTEGER NOT NULL,
    processed_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (payment_id);
CREATE TABLE IF NOT EXISTS disputes (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    amount_deducted INTEGER NOT NULL DEFAULT 0,
    currency TEXT NOT NULL,
    reason_code TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'won', 'lost')),
    respond_by INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    decided_at INTEGER,
    CHECK (amount_deducted = CASE status WHEN 'lost' THEN amount ELSE 0 END)
) STRICT;
CREATE INDEX IF NOT EXISTS disputes_payment ON disputes (payment_id);
CREATE TABLE IF NOT EXISTS due (
    n INTEGER PRIMARY KEY,
    due_at INTEGER NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS due_at ON due (due_at, n);
CREATE TABLE IF NOT EXISTS settlement_rows (
    n INTEGER PRIMARY KEY,
    settlement_id TEXT NOT NULL,
    settlement_utr TEXT NOT NULL,
    settled_at INTEGER NOT NULL,
    settled_on TEXT NOT NULL,
    entity_id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL CHECK (type IN ('payment', 'refund', 'adjustment')),
    debit INTEGER NOT NULL,
    credit INTEGER NOT NULL,
    amount INTEGER NOT NULL,
    fee INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    payment_id TEXT NOT NULL REFERENCES payments (id),
    dispute_id TEXT UNIQUE REFERENCES disputes (id)
) STRICT;
CREATE INDEX IF NOT EXISTS settlement_rows_day ON settlement_rows (settled_on);
"""
