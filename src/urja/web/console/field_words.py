"""What the fields of operations are called, and how they are written, in the reader's language."""

from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from urja.web.console import wording

type _Words = dict[str, Promise]

LABELS: Final[_Words] = {
    "account_id": _("Account"),
    "address": _("Address"),
    "administration": _("Section"),
    "agreement_id": _("Agreement"),
    "at": _("When"),
    "bill": _("Bill"),
    "billed_here": _("Charged here before"),
    "bills": _("Old bills"),
    "category": _("Category"),
    "closed_at": _("When it was done"),
    "code": _("Code"),
    "commodity": _("Commodity"),
    "consented": _("Whoever it concerns has agreed"),
    "currency": _("Currency"),
    "fitter": _("Fitter"),
    "hold_vacant": _("Hold the supply off while it is vacant"),
    "meter_removed": _("The meter is taken away"),
    "passed": _("It has passed"),
    "remaining": _("What is left on the account"),
    "store": _("Store"),
    "tested_at": _("When it was tested"),
    "transfer_to": _("Account that the rest goes to"),
    "connected_at": _("From when on"),
    "consumer_number": _("Consumer number"),
    "credit_minor": _("Opening credit, rupees"),
    "deposit": _("The deposit"),
    "deposit_minor": _("Deposit, rupees"),
    "due_at": _("Due"),
    "due_on": _("Due date"),
    "effective_on": _("From which day on"),
    "email": _("E-mail"),
    "ended_at": _("When it ended"),
    "entry_id": _("Operation"),
    "evidence": _("What proves it"),
    "feeder": _("Feeder"),
    "grid": _("Transformer or pole"),
    "installed_at": _("When it was hung"),
    "kind_of_protection": _("Why they are protected"),
    "kind_of_work": _("What is to be done"),
    "language": _("Language"),
    "licensee": _("Licensee"),
    "metering_mode": _("Metering"),
    "moved_in_at": _("When they moved in"),
    "moved_out_at": _("When they moved out"),
    "name": _("Name"),
    "new_register_wh": _("New meter's register, kWh"),
    "new_serial": _("New meter"),
    "note": _("Note"),
    "old_register_wh": _("Old meter's register, kWh"),
    "other_consumer_number": _("The other connection"),
    "part_of": _("Part of"),
    "payment_mode": _("Payment mode"),
    "person": _("Person"),
    "person_name": _("Name of the person"),
    "phase": _("Phase"),
    "phone": _("Telephone"),
    "photos": _("Photographs"),
    "pin_code": _("PIN code"),
    "premise_code": _("Code of the premise"),
    "premise_kind": _("Kind of premise"),
    "premise_name": _("Name of a new premise"),
    "primary": _("Primary"),
    "principal_minor": _("Principal, rupees"),
    "protected_from": _("Protected from"),
    "protected_until": _("Protected until"),
    "purpose": _("What is measured"),
    "ratio_primary": _("Ratio, primary"),
    "ratio_secondary": _("Ratio, secondary"),
    "reason": _("Why"),
    "register_wh": _("Register, kWh"),
    "relay_test": _("Test the switch"),
    "removed_at": _("When it was taken away"),
    "removed_seals": _("Seals that were taken off"),
    "role": _("What the meter is for"),
    "sanctioned_load_w": _("Sanctioned load, kW"),
    "seals": _("Seals that were put on"),
    "secondary": _("Secondary"),
    "seen": _("Version that was looked at"),
    "serial": _("Meter"),
    "serial_a": _("One meter"),
    "serial_b": _("The other meter"),
    "since": _("Since when"),
    "surcharge_minor": _("Surcharge, rupees"),
    "tariff_code": _("Tariff"),
    "work_order_id": _("Work order"),
}

HELPS: Final[_Words] = {
    "administration": _("A level and a code, such as: section North-2."),
    "bills": _("What was owed before, from older bills."),
    "category": _("Which policy holds; empty as it is."),
    "change_category.tariff_code": _("The tariff from that day on."),
    "commission.payment_mode": _("Empty as the agreement says."),
    "consumer_number": _("As it stands on the bill."),
    "correct_person.name": _("Left empty it stays as it is."),
    "email": _("With this address people sign in."),
    "assign_work_order.email": _("Of somebody who works here."),
    "entry_id": _("The number of the operation, as the line of time has it."),
    "grid": _("A level and a code, such as: transformer T1, or: pole P-77."),
    "licensee": _("Empty where there is one utility."),
    "new_connection.premise_code": _("Of a premise that is there already, or of the new one."),
    "new_connection.note": _("For whoever goes there."),
    "old_register_wh": _("Empty where it cannot be read: then it is estimated."),
    "part_of": _("Code of the society, tower or complex."),
    "person": _("Their number."),
    "photos": _("Numbers of photographs of the work order."),
    "ratio_primary": _("Of transformers that the meter does not reckon in itself."),
    "register_wh": _("The import register as it was read at that moment."),
    "removed_seals": _("Numbers, with commas between them."),
    "seals": _("Numbers, with commas between them."),
    "seen": _("Leave it as it is: so nobody else's correction is lost."),
    "effective_on": _("A change takes effect at midnight."),
}
"""By field, or by operation and field."""


def label_of(name: str) -> str:
    """What a field is called."""
    return str(LABELS[name]) if name in LABELS else wording.said(None, name).capitalize()


def help_of(name: str, kind: str) -> str:
    """How it is written; empty where that is plain."""
    words = HELPS.get(f"{kind}.{name}") or HELPS.get(name)
    return "" if words is None else str(words)
