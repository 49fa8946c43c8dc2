"""Policy: the rules by which a prepaid consumer is warned, disconnected and reconnected, as dated documents.

Pure: facts in, intents with a reason out; no clock, no storage. docs/policy.md lists every parameter.
"""

from urja.core.policy.decision import (
    Decision,
    Intent,
    Notify,
    OrderDisconnection,
    PaymentEffect,
    Reason,
    ReleaseCreditHold,
    Standing,
    Window,
)
from urja.core.policy.disconnection_bars import exhausted
from urja.core.policy.document import (
    CORRECTED_MONTHS,
    LookBack,
    Policy,
    PolicyError,
    ReviewRules,
    bundled_policies,
    parse_policy,
)
from urja.core.policy.engine import decide
from urja.core.policy.facts import (
    LETTER,
    AuthorisedPayment,
    Facts,
    Health,
    Instalment,
    NoticeFact,
    PaidSince,
    RunningReview,
)
from urja.core.policy.feasibility import ChannelReach, Effect, Obstacle, obstacles
from urja.core.policy.holds import ENDED, HOLDS, RELAY_TEST, VACANT, HoldRule, hold_window, holds_in_force
from urja.core.policy.outlook import (
    Outlook,
    credit_ends_at,
    earliest_disconnection_at,
    effect_of_payment,
    in_good_standing,
    outlook,
)
from urja.core.policy.wording import sentence, sentence_at, sentence_then
from urja.core.table_reader import Fault

__all__ = [
    "CORRECTED_MONTHS",
    "ENDED",
    "HOLDS",
    "LETTER",
    "RELAY_TEST",
    "VACANT",
    "AuthorisedPayment",
    "ChannelReach",
    "Decision",
    "Effect",
    "Facts",
    "Fault",
    "Health",
    "HoldRule",
    "Instalment",
    "Intent",
    "LookBack",
    "NoticeFact",
    "Notify",
    "Obstacle",
    "OrderDisconnection",
    "Outlook",
    "PaidSince",
    "PaymentEffect",
    "Policy",
    "PolicyError",
    "Reason",
    "ReleaseCreditHold",
    "ReviewRules",
    "RunningReview",
    "Standing",
    "Window",
    "bundled_policies",
    "credit_ends_at",
    "decide",
    "earliest_disconnection_at",
    "effect_of_payment",
    "exhausted",
    "hold_window",
    "holds_in_force",
    "in_good_standing",
    "obstacles",
    "outlook",
    "parse_policy",
    "sentence",
    "sentence_at",
    "sentence_then",
]
