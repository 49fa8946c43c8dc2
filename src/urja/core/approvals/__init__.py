"""Approvals: from which amounts, disconnections and kinds on an operation needs passkeys, as dated documents.

Pure: the effect of an operation and of those before it in, the required passkeys out. docs/approvals.md lists every
parameter.
"""

from urja.core.approvals.document import (
    PasskeyNeed,
    Thresholds,
    ThresholdsError,
    bundled_thresholds,
    parse_thresholds,
)
from urja.core.approvals.requirement import (
    DoneBefore,
    Ground,
    OperationMeasure,
    ReachedThreshold,
    Requirement,
    beyond_caps,
    requirement_for,
)

__all__ = [
    "DoneBefore",
    "Ground",
    "OperationMeasure",
    "PasskeyNeed",
    "ReachedThreshold",
    "Requirement",
    "Thresholds",
    "ThresholdsError",
    "beyond_caps",
    "bundled_thresholds",
    "parse_thresholds",
    "requirement_for",
]
