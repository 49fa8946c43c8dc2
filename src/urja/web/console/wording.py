"""Words of the console for states, commands, events, reasons and operations; the demo town uses them as well."""

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext, gettext_lazy as _, ngettext

from urja.apps.meter_types.queries import bit_of
from urja.apps.network.kinds import Commodity
from urja.apps.readings.kinds import Reason as ReadingReason
from urja.base.sentences import translated
from urja.core.policy import Reason, sentence_at, sentence_then
from urja.web.shared.formats import MINUS, money

ACCOUNT_STATES: Final[dict[str, Promise]] = {
    "fine": _("in credit"),
    "warned": _("warned"),
    "emergency": _("on emergency credit"),
    "grace": _("in grace period"),
    "protected": _("protected"),
    "to_be_cut": _("due for disconnection"),
    "cut": _("disconnected for credit"),
    "suspended": _("disconnection suspended"),
}

POWER: Final[dict[str, Promise]] = {
    "powered": _("powered"),
    "no_power": _("no power"),
    "disconnected": _("disconnected"),
    "not_heard_from": _("not communicating"),
}

COMMAND_STATES: Final[dict[str, Promise]] = {
    "queued": _("queued"),
    "sent": _("sent"),
    "acknowledged": _("accepted by the meter"),
    "confirmed": _("confirmed by the meter"),
    "connected_load_unproven": _("reconnected, no load yet"),
    "waiting_for_person": _("waiting for the button at the meter"),
    "expired": _("expired"),
    "superseded": _("superseded"),
    "failed": _("failed"),
}

FLAGS: Final[dict[str, Promise]] = {
    "weld_or_bypass": _("Inspect: the register advances after a confirmed disconnection"),
    "cover_opened": _("Inspect: the meter cover was opened"),
    "magnet": _("Inspect: a magnet was held to the meter"),
    "neutral_disturbed": _("Inspect: the neutral was disturbed"),
    "phase_missing": _("Inspect: a phase of the meter had no voltage"),
    "current_reversed": _("Inspect: the current of a phase flowed backwards through the meter"),
    "gas_escapes": _(
        "Danger: gas escapes. Send a fitter now; the valve stays closed until the hold is released"
    ),
    "loss": _("Inspect: the loss behind the transformer is above the limit"),
    "feeder_loss": _("Inspect: the loss of the feeder, up to its transformers' meters, is above the limit"),
    "not_communicating": _("Inspect: the meter has not communicated for a day"),
}

WORK: Final[dict[str, Promise]] = {
    **FLAGS,
    "switch_off_by_hand": _("Disconnect at the site: the meter has no relay"),
    "switch_on_by_hand": _("Reconnect at the site: the meter has no relay"),
    "install": _("Install a meter"),
    "exchange": _("Exchange the meter"),
    "inspect": _("Inspect the site"),
    "disconnect_by_hand": _("Remove the meter: permanent disconnection"),
    "configure": _("Configure the meter at the site: no command can"),
    "calendar_differs": _("Load the tariff's calendar: the meter holds another one"),
    "check_pushes": _("Inspect: the meter's pushes differ from its records"),
}

UNMATCHED: Final[dict[str, Promise]] = {
    "unknown_order": _("Payment for an unknown order"),
    "other_receipt": _("The payment service's order has another receipt number"),
    "other_amount": _("The amount paid differs from the order"),
    "other_content": _("The gateway reported this payment before with another order, amount or currency"),
    "second_payment": _("The order was paid twice"),
    "dispute_open": _(
        "The payer's bank disputes the payment: reply to the payment service before the deadline"
    ),
    "dispute_lost": _("Dispute lost: the amount was debited from the account"),
    "refund_exceeds": _("The refund exceeds the payment"),
    "settled_unknown": _("Paid out to us, but not in our records"),
    "settled_other_amount": _("Paid out with another amount or currency than recorded"),
    "settled_uncredited": _("Paid out, but neither credited to nor debited from an account"),
    "settled_wrong_sum": _("Amount, fee and transfer do not add up"),
    "settled_other_kind": _("Neither a payment nor a refund"),
    "settled_otherwise": _("Reported with other figures before"),
    "unsettled": _("Recorded here, but not paid out in time"),
    "bank_competing": _("Two accounts claim one transfer, or it is credited already"),
    "bank_other_amount": _("The bank has the reference with another amount"),
    "bank_other_day": _("The bank has the reference on another day"),
    "bank_not_found": _("No statement has the reference"),
    "bank_taken_back": _("The bank has taken the transfer back"),
    "bank_many_not_found": _("No statement had earlier references of this account"),
}


PURPOSES: Final[dict[str, Promise]] = {
    "consumer": _("consumer"),
    "common_area": _("common area"),
    "bulk": _("bulk supply"),
    "dg": _("diesel generator"),
    "transformer": _("transformer meter"),
    "feeder": _("feeder meter"),
    "boundary": _("boundary meter"),
}

STOCK: Final[dict[str, Promise]] = {
    "delivered": _("delivered"),
    "tested": _("tested"),
    "issued": _("issued to a fitter"),
    "installed": _("installed"),
    "removed": _("removed"),
    "scrapped": _("scrapped"),
}


DEVICE_ROLES: Final[dict[int, Promise]] = {
    1: _("billing meter"),
    2: _("check meter"),
    3: _("generation meter"),
    4: _("source meter"),
}

CONFIGURATION: Final[dict[str, Promise]] = {
    "payment_mode": _("payment mode"),
    "metering_mode": _("metering mode"),
    "load_limit_w": _("load limit, W"),
    "billing_day": _("billing day"),
    "prepaid": _("prepaid"),
    "postpaid": _("postpaid"),
    "forward": _("import only"),
    "net": _("net metering"),
}

HOLDS: Final[dict[str, Promise]] = {
    "credit": _("credit used up"),
    "overload": _("overload"),
    "safety": _("safety"),
    "tamper": _("tamper"),
    "vacant": _("vacant"),
    "relay_test": _("relay test"),
    "request": _("consumer's request"),
    "ended": _("permanent disconnection"),
}

COMMANDS: Final[dict[str, Promise]] = {
    "connect": _("Reconnect"),
    "disconnect": _("Disconnect"),
    "read_object": _("Read a value"),
    "read_profile": _("Read a profile"),
    "read_nameplate": _("Read the nameplate"),
    "read_billing": _("Read the billing profile"),
    "read_pushes": _("Read the push settings"),
    "make_keys": _("Prepare new keys"),
    "change_keys": _("Change the keys"),
    "show_text": _("Show a text on the meter"),
    "set_clock": _("Set the clock"),
    "set_calendar": _("Load a calendar"),
    "read_calendar": _("Read the calendar"),
    "reset_demand": _("Reset the maximum demand"),
    "set_load_limit": _("Set the load limit"),
    "set_payment_mode": _("Set the payment mode"),
    "set_metering_mode": _("Set the metering mode"),
    "set_billing_day": _("Set the billing day"),
    "write_balance": _("Show the balance on the meter"),
}

EVENTS: Final[dict[str, Promise]] = {
    "-1": _("Push quarantined: its columns differ from those recorded for the meter"),
    "-2": _("Push quarantined: apparent energy is lower than active energy"),
    "-3": _("Gas flows through the closed valve"),
    "-4": _("Valve not opened: gas escapes"),
    "101": _("Power failed"),
    "102": _("Power restored"),
    "151": _("The clock was set"),
    "158": _("The load limit was set"),
    "159": _("The load limit was switched on"),
    "160": _("The load limit was switched off"),
    "201": _("Magnet detected"),
    "202": _("Magnet removed"),
    "203": _("Neutral disturbed"),
    "204": _("Neutral restored"),
    "211": _("The meter was set to postpaid"),
    "212": _("The meter was set to prepaid"),
    "213": _("The meter was set to import only"),
    "214": _("The meter was set to import and export"),
    "215": _("Load above the limit"),
    "216": _("Load back within the limit"),
    "251": _("The cover was opened"),
    "301": _("The meter opened its relay"),
    "302": _("The meter closed its relay"),
}
"""Events by code (IS 15959-1, event lists); negative codes are the head end's own reports about a meter."""

HISTORY_KINDS: Final[dict[str, Promise]] = {
    "operation": _("Operations"),
    "event": _("Meter events"),
    "switch": _("Disconnections and reconnections"),
    "command": _("Other commands"),
    "decision": _("Decisions"),
    "payment": _("Payments"),
    "notice": _("Notices"),
    "work": _("Work orders"),
}

NOTICE_STATES: Final[dict[str, Promise]] = {
    "requested": _("not sent yet"),
    "sent": _("sent, delivery not confirmed yet"),
    "unconfirmed": _("sent, delivery unknown"),
    "delivered": _("delivered"),
    "failed": _("not delivered"),
}

OPERATIONS: Final[dict[str, Promise]] = {
    "approve_address_change": _("Approve a new sign-in address"),
    "change_address": _("New sign-in address confirmed"),
    "readdress": _("Staff address or name changed"),
    "adoption": _("Installed meter adopted"),
    "install_network_meter": _("Network meter adopted"),
    "new_connection": _("New connection"),
    "set_up_society": _("Set up a society"),
    "move_in": _("Move in"),
    "move_out": _("Move out"),
    "install_meter": _("Install a meter"),
    "remove_meter": _("Remove a meter"),
    "exchange_meter": _("Exchange a meter"),
    "correct_last_read": _("Correct a last register read"),
    "edit_interval": _("Edit an interval"),
    "change_ratio": _("Change the transformer ratio"),
    "change_load": _("Change the sanctioned load"),
    "change_category": _("Change the category"),
    "change_policy": _("Change the policy"),
    "transfer_ownership": _("Transfer ownership"),
    "correct_consumer": _("Correct a person's data"),
    "anonymise_consumer": _("Anonymise a consumer"),
    "add_transformer": _("Add a transformer"),
    "move_node": _("Move a node"),
    "move_service_point": _("Move a service point"),
    "undo": _("Undo an operation"),
    "swap_meters": _("Correct two swapped meters"),
    "convert_to_prepaid": _("Convert to prepaid"),
    "convert_to_postpaid": _("Convert to postpaid"),
    "agree_instalments": _("Agree on instalments for dues"),
    "end_instalments": _("End an instalment plan"),
    "sign_off_opening_balances": _("Sign off opening balances"),
    "record_dues_paid": _("Record dues as paid"),
    "charge_deposit": _("Charge a security deposit"),
    "record_letter": _("Record a letter"),
    "protect": _("Protect a consumer from disconnection"),
    "end_protection": _("End a protection"),
    "commission": _("Commission a meter"),
    "read_meters": _("Read meters now"),
    "set_clocks": _("Set meter clocks"),
    "set_calendars": _("Load a calendar into meters"),
    "reset_demands": _("Reset maximum demands"),
    "show_text": _("Show a text on displays"),
    "change_keys": _("Change meter keys"),
    "test_relays": _("Test relays (short disconnection)"),
    "cancel_meter_job": _("Cancel a meter job"),
    "change_modes": _("Change payment modes"),
    "stop_mode_change": _("Stop a change of payment modes"),
    "record_commissioning": _("Commissioning result recorded"),
    "take_new_keys": _("Meter confirmed its new keys"),
    "rewrap_keys": _("Keys re-encrypted"),
    "open_work_order": _("Open a work order"),
    "assign_work_order": _("Assign a work order"),
    "withdraw_work_order": _("Withdraw a work order"),
    "close_work_order": _("Close a work order"),
    "note_difference": _("Add a note to a payment difference"),
    "close_difference": _("Close a payment difference"),
    "post_maintenance": _("Post maintenance dues"),
    "adjust_balance": _("Adjust a balance"),
    "waive_charges": _("Waive charges"),
    "write_off": _("Write off a debt"),
    "decide_review": _("Decide the review of a charge"),
    "refund_credit": _("Record a refund"),
    "record_subsidy_payment": _("Record a payment of a subsidy claim"),
    "open_drawer": _("Open a cash drawer"),
    "take_receipt": _("Take a payment"),
    "cancel_receipt": _("Cancel a receipt"),
    "close_drawer": _("Close a cash drawer"),
    "deposit_takings": _("Record a deposit slip"),
    "clear_cheque": _("Record a cleared cheque"),
    "return_cheque": _("Record a returned cheque"),
    "load_statement": _("Load a bank statement"),
    "claim_transfer": _("Report a consumer's bank transfer"),
    "decide_claim": _("Decide a reported transfer"),
    "reverse_claim": _("Take back the credit of a transfer"),
    "disconnect_temporarily": _("Disconnect temporarily"),
    "disconnect_permanently": _("Disconnect permanently"),
    "reconnect": _("Reconnect"),
    "reopen_service_point": _("Reopen a service point"),
    "receive_devices": _("Meters received"),
    "test_device": _("Test a meter"),
    "issue_device": _("Issue a meter to a fitter"),
    "return_device": _("Return a meter to stock"),
    "scrap_device": _("Scrap a meter"),
    "upsert_from_system": _("Updated from an external system"),
    "employ": _("Add a staff member"),
    "dismiss": _("End a staff role"),
    "issue_token": _("Issue an API token"),
    "revoke_token": _("Revoke an API token"),
}

_CHOICES: Final[dict[str, Promise]] = {
    "confirmed": _("Confirmed: the charge is right"),
    "corrected": _("Corrected by a reading"),
    "waived": _("Charges were waived"),
    "credited": _("Undecided in time: given back above the usual"),
    "stood": _("Undecided in time: the charge stands"),
    "electricity": _("electricity"),
    "maintenance": _("maintenance"),
    "gas": _("gas"),
    "billing": _("billing meter"),
    "check": _("check meter"),
    "generation": _("generation meter"),
    "source": _("source meter"),
    "medical": _("life-supporting equipment"),
    "never_cut": _("never disconnect"),
    "en": _("English"),
    "hi": _("Hindi"),
    "arrears": _("set off against dues"),
    "balance": _("to the balance"),
    "keep": _("retained"),
    "day": _("daily"),
    "month": _("monthly"),
    "refund": _("refunded"),
    "transfer": _("transferred"),
    "instantaneous": _("current values"),
    "block": _("block load profile (intervals)"),
    "daily": _("daily registers"),
    "billing-profile": _("billing profile (closed periods)"),
    "calendar": _("calendar of tariff zones"),
    "power-events": _("power failure log"),
    "tamper-events": _("tamper and other event logs"),
    "nameplate": _("nameplate"),
    "cash": _("cash"),
    "cheque": _("cheque"),
    "owner": _("owner"),
    "member": _("household member"),
    "credit": _("credit"),
    "refuse": _("refuse"),
}

TASK_STATES: Final[dict[str, Promise]] = {
    "waiting": _("waiting"),
    "sent": _("sent"),
    "done": _("done"),
    "refused": _("left out"),
    "failed": _("failed"),
    "expired": _("expired"),
    "cancelled": _("cancelled"),
}

MODE_CHANGE_STATES: Final[dict[str, Promise]] = {
    "waiting": _("waiting"),
    "done": _("converted"),
    "refused": _("refused"),
    "left": _("not converted"),
}

WORK_STATES: Final[dict[str, Promise]] = {
    "open": _("open"),
    "assigned": _("assigned"),
    "done": _("done"),
    "withdrawn": _("withdrawn"),
}

PREMISES: Final[dict[str, Promise]] = {
    "house": _("house"),
    "flat": _("flat"),
    "shop": _("shop"),
    "office": _("office"),
    "society": _("society"),
    "tower": _("tower"),
    "complex": _("complex"),
    "common_area": _("common area"),
    "network": _("network premise"),
}


LEVELS: Final[dict[str, Promise]] = {
    "zone": _("Zone"),
    "circle": _("Circle"),
    "division": _("Division"),
    "subdivision": _("Subdivision"),
    "section": _("Section"),
    "substation": _("Substation"),
    "feeder": _("Feeder"),
    "transformer": _("Transformer"),
    "pole": _("Pole"),
}


EXCEPTIONS: Final[dict[str, Promise]] = {
    ReadingReason.NO_DEVICE_PERIOD: _("no meter was installed at a service point then"),
    ReadingReason.FUTURE: _("dated in the future"),
    ReadingReason.IMPLAUSIBLE: _("more than the meter can carry, or less than nothing"),
    ReadingReason.NO_ENERGY: _("without a value of what is billed"),
    ReadingReason.NO_CHANNEL_SET: _("of a meter type that is not loaded"),
    ReadingReason.OTHER_COMMODITY: _("of another commodity than the service point supplies"),
    ReadingReason.MISALIGNED: _("not on the meter's intervals"),
    ReadingReason.RUNS_BACK: _("the register runs back"),
    ReadingReason.CHANGED: _("changed after it was stored; the newer values count"),
    ReadingReason.PUSH_DIFFERS: _("a push without a tag said otherwise"),
    ReadingReason.EDIT_STANDS: _("differs from what a person has edited; the edit counts"),
    ReadingReason.CHANGED_TOO_OFTEN: _("changed too often; the newest version counts"),
}


def exception(reason: str) -> str:
    """Return why readings were refused or contradicted, in words."""
    return words_for(EXCEPTIONS.get(reason), reason)


def service_point_name(premise: str, number: str) -> str:
    """Return the name of a service point: its premise's name, or its number."""
    return premise or number


def level(name: str) -> str:
    """Return the level of a node, in words."""
    return words_for(LEVELS.get(name), name)


def purpose(name: str) -> str:
    """Return the purpose of a service point, in words."""
    return words_for(PURPOSES.get(name), name)


def stock(name: str) -> str:
    """Return the stock state of a meter, in words."""
    return words_for(STOCK.get(name), name)


def device_role(number: int) -> str:
    """Return the role of an installed meter, in words."""
    return words_for(DEVICE_ROLES.get(number), str(number))


def service(commissioned_at: datetime | None, taken_over_at: datetime | None) -> list[str]:
    """Return what of a meter is not billed before its commissioning; empty once it is commissioned."""
    if commissioned_at is not None:
        return []
    if taken_over_at is None:
        return [gettext("not commissioned: its reads are not billed")]
    return [gettext("adopted, not commissioned: its pushed reads are not billed")]


def configuration(name: str) -> str:
    """Return an item of a meter's configuration, or one of its values, in words."""
    return words_for(CONFIGURATION.get(name), name)


def hold(reason: str) -> str:
    """Return a supply hold, in words."""
    return words_for(HOLDS.get(reason), reason)


def command(kind: str) -> str:
    """Return a command, in words."""
    return words_for(COMMANDS.get(kind), kind)


def event(code: str, own: Mapping[int, str] = MappingProxyType({})) -> str:
    """Return an event, in words; `own` are the names of the meter type's own events."""
    bit = bit_of(int(code))
    if bit is not None:
        return _("Status bit %(bit)s (not listed by the meter type)") % {"bit": bit}
    return own.get(int(code)) or words_for(EVENTS.get(code), _("Event %(code)s") % {"code": code})


def history_kind(kind: str) -> str:
    """Return a kind of history rows, in words."""
    return words_for(HISTORY_KINDS.get(kind), kind)


def notice_state(name: str) -> str:
    """Return the state of a notice, in words."""
    return words_for(NOTICE_STATES.get(name), name)


def operation(kind: str) -> str:
    """Return the title of an operation."""
    # Only a kind without words is capitalised: `capitalize` would turn "API" into "Api".
    return words_for(OPERATIONS.get(kind), kind.capitalize())


def work_state(name: str) -> str:
    """Return the state of a work order, in words."""
    return words_for(WORK_STATES.get(name), name)


def task_state(name: str) -> str:
    """Return the state of a meter in a meter job, in words."""
    return words_for(TASK_STATES.get(name), name)


def mode_change_state(name: str) -> str:
    """Return the state of a supply in a change of payment modes, in words."""
    return words_for(MODE_CHANGE_STATES.get(name), name)


def called_meters(called: int) -> list[str]:
    """Return what goes on while new meters are commissioned, in a sentence; none where no meter is called."""
    said = ngettext(
        "%(n)d new meter is being called: its keys, clock, register and pushes are checked. Pending commands are of this call. It is in service and billed once it has passed; its first reading counts after its first whole interval.",
        "%(n)d new meters are being called: their keys, clocks, registers and pushes are checked. Pending commands are of these calls. A meter is in service and billed once it has passed; its first reading counts after its first whole interval.",
        called,
    )
    return [said % {"n": called}] if called else []


def rows_stored(count: int) -> str:
    """Return in words how many rows of a profile were stored as reads."""
    return ngettext("%(count)s row is stored.", "%(count)s rows are stored.", count) % {"count": count}


def choice(name: str) -> str:
    """Return a fixed value of a field or column, in words; unknown values unchanged."""
    for words in (PREMISES, PURPOSES, CONFIGURATION, STOCK, _CHOICES, WORK):
        if name in words:
            return str(words[name])
    return name


def by_commodity(amounts: Mapping[str, str]) -> str:
    """Return an amount of each commodity in words; that of electricity alone as it is."""
    if set(amounts) <= {Commodity.ELECTRICITY}:
        return amounts.get(Commodity.ELECTRICITY) or money(0)
    return ", ".join(
        gettext("%(commodity)s: %(amount)s") % {"commodity": choice(commodity), "amount": amount}
        for commodity, amount in sorted(amounts.items())
    )


def premise(kind: str) -> str:
    """Return the kind of a premise, in words."""
    return words_for(PREMISES.get(kind), kind)


def account_state(name: str) -> str:
    """Return the state of an account, in words."""
    return words_for(ACCOUNT_STATES.get(name), name)


def command_state(name: str) -> str:
    """Return the state of a command, in words."""
    return words_for(COMMAND_STATES.get(name), name)


def work(kind: str) -> str:
    """Return the title of a work order by its kind."""
    return words_for(WORK.get(kind), kind)


def flag(kind: str) -> str:
    """Return why a meter or transformer needs an inspection."""
    return words_for(FLAGS.get(kind), kind)


def unmatched(why: str) -> str:
    """Return why a payment was not credited, or why a settlement does not match."""
    return words_for(UNMATCHED.get(why), why)


def power(state: str, commodity: str = "electricity") -> str:
    """Return a power state, in words. A gas meter that reports says nothing of the gas."""
    if commodity == "gas" and state == "powered":
        return gettext("communicating")
    return words_for(POWER.get(state), state)


def reason(given: Reason, now: datetime) -> str:
    """Return the reason of a decision in the reader's language; announcements whose time has passed, in the past tense."""
    return sentence_at(given, now, get_language() or "en")


def past_reason(given: Reason) -> str:
    """Return the reason of a past decision or order, in the past tense."""
    return sentence_then(given, get_language() or "en")


def sentence(fault: str) -> str:
    """Return a guard's sentence translated; other texts unchanged."""
    return translated(fault, gettext)


def percent(value: float) -> str:
    """Return a percentage such as `7.4 %`, with a typographic minus."""
    return f"{value:.1f} %".replace("-", MINUS)


def words_for(text: Promise | None, otherwise: str) -> str:
    """Return the words for a code, or the code itself with spaces if it has none."""
    return otherwise.replace("_", " ") if text is None else str(text)
