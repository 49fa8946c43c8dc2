"""Approvals: operations above dated thresholds need passkeys, which the pipeline alone verifies."""
