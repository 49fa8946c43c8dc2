"""The table of roles: which role may do which operation or read.

The table says whether a role may; *where* follows from the employment's area, or for consumers and household members
from their own accounts (`access`). An act without a row is allowed to no role: a test compares the table with
`urja.usecases.kinds.ALL`. The names are the scopes of tokens too: `read:load_curve`, `write:install_meter`.
"""

from enum import StrEnum
from typing import Final


class Role(StrEnum):
    """A caller's role: the staff roles of `Employment`, and those that `AccountAccess` gives."""

    CONSUMER = "consumer"
    """Owner of an account."""
    MEMBER = "member"
    """Member of an account's household."""
    SECRETARY = "secretary"
    CLERK = "clerk"
    CASHIER = "cashier"
    FIELD_ENGINEER = "field_engineer"
    CONTROL_ROOM = "control_room"
    REVENUE_OFFICER = "revenue_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Read(StrEnum):
    """What can be read, by the name that tokens and the table have for it."""

    CONSUMER = "read:consumer"
    """Name, telephone number, e-mail and postal address."""
    SERVICE_POINT = "read:service_point"
    DEVICE = "read:device"
    AGREEMENT = "read:agreement"
    LOAD_CURVE = "read:load_curve"
    TOTALS = "read:totals"
    """Energy of whole months by flat, tower, common area and bulk supply."""
    SOCIETY_MONEY = "read:society_money"
    """Collections, balances, dues and receipts of a society's flats, and what each was charged in whole past months."""
    LEDGER = "read:ledger"
    AUDIT = "read:audit"
    PERSONAL_READS = "read:personal_reads"
    """Who has read which personal data."""
    WORK_ORDERS = "read:work_orders"
    STOCK = "read:stock"
    METER_JOBS = "read:meter_jobs"
    """Meter jobs with the meters' answers; intervals among them need `read:load_curve` as well."""
    MODE_CHANGES = "read:mode_changes"
    TARIFFS = "read:tariffs"
    OVERVIEW = "read:overview"
    """The control room's page, which shows the whole utility."""
    SETTLEMENTS = "read:settlements"
    """Payouts of the payment service, and payments that match no order, of the whole utility."""
    COUNTER = "read:counter"
    """Drawers, receipts and deposit slips."""


def _roles(names: str) -> frozenset[Role]:
    return frozenset(Role(name) for name in names.split())


_ALL_ROLES = frozenset(Role)
_COMMAND_LINE_ONLY: Final[frozenset[Role]] = frozenset()
"""No role: what gives rights or carries keys is done only by a command on the machine itself."""

TABLE: Final[dict[str, frozenset[Role]]] = {
    Read.CONSUMER: _roles(
        "consumer member clerk cashier field_engineer revenue_officer auditor administrator"
    ),
    Read.SERVICE_POINT: _ALL_ROLES,
    Read.DEVICE: _roles(
        "consumer member clerk cashier field_engineer control_room revenue_officer auditor administrator"
    ),
    Read.AGREEMENT: _roles(
        "consumer member clerk cashier control_room revenue_officer auditor administrator"
    ),
    Read.LOAD_CURVE: _roles("consumer member clerk revenue_officer auditor"),
    Read.TOTALS: _roles("secretary clerk control_room revenue_officer auditor administrator"),
    Read.SOCIETY_MONEY: _roles("secretary clerk revenue_officer auditor administrator"),
    Read.LEDGER: _roles("consumer member clerk revenue_officer auditor"),
    Read.AUDIT: _roles("clerk revenue_officer auditor administrator"),
    Read.PERSONAL_READS: _roles("auditor"),
    Read.WORK_ORDERS: _roles("clerk field_engineer control_room auditor administrator"),
    Read.STOCK: _roles("clerk field_engineer auditor administrator"),
    Read.METER_JOBS: _roles("clerk field_engineer control_room revenue_officer auditor administrator"),
    Read.MODE_CHANGES: _roles("clerk control_room revenue_officer auditor administrator"),
    Read.TARIFFS: _ALL_ROLES,
    Read.OVERVIEW: _roles("control_room administrator"),
    Read.SETTLEMENTS: _roles("control_room revenue_officer auditor administrator"),
    Read.COUNTER: _roles("clerk cashier revenue_officer auditor"),
    # Operations, grouped by the module that defines them.
    "write:adoption": _COMMAND_LINE_ONLY,
    "write:install_network_meter": _COMMAND_LINE_ONLY,
    "write:install_meter": _roles("clerk field_engineer"),
    "write:remove_meter": _roles("clerk field_engineer"),
    "write:exchange_meter": _roles("clerk field_engineer"),
    "write:correct_last_read": _roles("clerk"),
    # When energy counts as used, and a maximum demand: of the desk that answers for bills.
    "write:edit_interval": _roles("revenue_officer"),
    "write:change_ratio": _roles("clerk field_engineer"),
    "write:swap_meters": _roles("clerk"),
    "write:add_transformer": _roles("clerk administrator"),
    "write:move_node": _roles("clerk administrator"),
    "write:move_service_point": _roles("clerk field_engineer"),
    "write:change_load": _roles("clerk revenue_officer"),
    "write:change_category": _roles("clerk revenue_officer"),
    # A category selects a policy too, so that the right to change the one without the other would be worth nothing.
    "write:change_policy": _roles("clerk revenue_officer"),
    "write:convert_to_prepaid": _roles("revenue_officer"),
    "write:convert_to_postpaid": _roles("revenue_officer"),
    "write:change_modes": _roles("revenue_officer"),
    # It changes nothing, so that each desk that sees a fault can stop it.
    "write:stop_mode_change": _roles("clerk control_room revenue_officer administrator"),
    "write:agree_instalments": _roles("revenue_officer"),
    "write:end_instalments": _roles("revenue_officer"),
    "write:sign_off_opening_balances": _roles("revenue_officer administrator"),
    "write:record_dues_paid": _COMMAND_LINE_ONLY,
    "write:charge_deposit": _COMMAND_LINE_ONLY,
    "write:record_letter": _roles("clerk revenue_officer"),
    "write:protect": _roles("clerk administrator"),
    "write:end_protection": _roles("clerk administrator"),
    "write:new_connection": _roles("clerk"),
    "write:set_up_society": _roles("clerk administrator"),
    "write:commission": _roles("clerk field_engineer control_room"),
    "write:record_commissioning": _COMMAND_LINE_ONLY,
    "write:take_new_keys": _COMMAND_LINE_ONLY,
    "write:rewrap_keys": _COMMAND_LINE_ONLY,
    "write:move_in": _roles("clerk"),
    "write:move_out": _roles("clerk"),
    "write:transfer_ownership": _roles("clerk"),
    "write:disconnect_temporarily": _roles("clerk control_room"),
    "write:reconnect": _roles("clerk control_room"),
    "write:disconnect_permanently": _roles("clerk"),
    "write:reopen_service_point": _roles("clerk"),
    "write:undo": _roles("clerk revenue_officer administrator"),
    "write:receive_devices": _COMMAND_LINE_ONLY,
    "write:test_device": _roles("clerk field_engineer"),
    "write:issue_device": _roles("clerk"),
    "write:return_device": _roles("clerk"),
    "write:scrap_device": _roles("clerk administrator"),
    "write:upsert_from_system": _roles("administrator"),
    "write:read_meters": _roles("clerk field_engineer control_room revenue_officer"),
    # What a maximum demand is billed by: of the desk that answers for bills.
    "write:set_calendars": _roles("revenue_officer"),
    "write:reset_demands": _roles("revenue_officer"),
    "write:set_clocks": _roles("field_engineer control_room"),
    "write:show_text": _roles("clerk control_room"),
    "write:change_keys": _roles("administrator"),
    "write:cancel_meter_job": _roles("clerk field_engineer control_room revenue_officer administrator"),
    "write:test_relays": _roles("clerk control_room"),
    "write:open_work_order": _roles("clerk control_room"),
    "write:assign_work_order": _roles("clerk control_room"),
    "write:withdraw_work_order": _roles("clerk control_room"),
    "write:close_work_order": _roles("clerk field_engineer"),
    "write:note_difference": _roles("revenue_officer"),
    "write:close_difference": _roles("revenue_officer"),
    "write:post_maintenance": _roles("secretary clerk revenue_officer"),
    "write:adjust_balance": _roles("revenue_officer"),
    "write:waive_charges": _roles("revenue_officer"),
    "write:decide_review": _roles("revenue_officer"),
    "write:write_off": _roles("revenue_officer"),
    "write:refund_credit": _roles("revenue_officer"),
    "write:record_subsidy_payment": _roles("revenue_officer"),
    "write:open_drawer": _roles("clerk cashier"),
    "write:take_receipt": _roles("clerk cashier"),
    "write:cancel_receipt": _roles("clerk cashier"),
    "write:close_drawer": _roles("clerk cashier revenue_officer"),
    "write:deposit_takings": _roles("clerk cashier revenue_officer"),
    "write:clear_cheque": _roles("clerk revenue_officer"),
    "write:return_cheque": _roles("clerk revenue_officer"),
    "write:load_statement": _roles("revenue_officer"),
    "write:claim_transfer": _roles("clerk revenue_officer"),
    "write:decide_claim": _roles("revenue_officer"),
    "write:reverse_claim": _roles("revenue_officer"),
    "write:correct_consumer": _roles("clerk administrator"),
    # No clerk: a change for a lost mailbox needs two people, and the second one must be of another desk than the first.
    "write:approve_address_change": _roles("revenue_officer administrator"),
    "write:change_address": _COMMAND_LINE_ONLY,
    "write:readdress": _COMMAND_LINE_ONLY,
    "write:anonymise_consumer": _roles("administrator"),
    "write:employ": _COMMAND_LINE_ONLY,
    "write:dismiss": _COMMAND_LINE_ONLY,
    "write:issue_token": _COMMAND_LINE_ONLY,
    "write:revoke_token": _COMMAND_LINE_ONLY,
}


def write_scope(kind: str) -> str:
    """Return the name of an operation in the table of roles and in scopes."""
    return f"write:{kind}"


def may(role: Role, act: str) -> bool:
    """Return whether a role may do an act somewhere. An act that is not in the table is allowed to no role."""
    return role in TABLE.get(act, frozenset())


def roles_allowed(act: str) -> list[Role]:
    """Return the roles that may do an act, in the order of `Role`."""
    return [role for role in Role if may(role, act)]


def scope_covers(scope: str, act: str) -> bool:
    """Return whether a token's scope covers an act: the act itself, or `read:*` and `write:*` for all of them."""
    return scope == act or scope == f"{act.partition(':')[0]}:*"
