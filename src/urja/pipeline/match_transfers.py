"""The pipeline's stage `match_transfers`: claims of transfers are credited by the bank's statements."""

from datetime import datetime

from urja.apps.bank import matching
from urja.pipeline.stage import Report


def run_once(now: datetime) -> Report:
    """Judge the open claims against the statements, and debit what the bank took back, at `now` (UTC)."""
    done = matching.run(now)
    return Report(done.credited + done.to_clerk + done.taken_back)
