"""Tables of the SMS service's book. Times are business time in Unix seconds."""

from typing import Final

SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS messages (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    ref TEXT NOT NULL UNIQUE,
    recipient TEXT NOT NULL,
    text TEXT NOT NULL,
    parts INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('accepted', 'delivered', 'failed')),
    fate TEXT NOT NULL CHECK (fate IN ('usual', 'late', 'never', 'fail')),
    accepted_at INTEGER NOT NULL,
    due_at INTEGER,
    ended_at INTEGER
) STRICT;
CREATE INDEX IF NOT EXISTS messages_due ON messages (due_at) WHERE status = 'accepted' AND due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS messages_recipient ON messages (recipient);
"""
