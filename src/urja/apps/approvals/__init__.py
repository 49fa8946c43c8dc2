"""Approvals: operations above dated thresholds wait for passkeys, which the pipeline alone verifies."""
