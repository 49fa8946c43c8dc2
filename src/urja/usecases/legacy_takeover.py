"""Records of an older system: service points with consumers, installed meters, balances and dues.

What they say of the past is believed, and judged by the guards of the operations that do the same from here on: new
connection, move-in, delivery, installation. No work order is opened, and a service point may have no meter yet.
"""

import secrets
from collections.abc import Iterator
from datetime import datetime

from django.contrib.auth import get_user_model
from django.db.models import Sum
from django.db.models.functions import Coalesce

from urja.apps.assets.kinds import DeviceRole, Stock
from urja.apps.assets.models import Device
from urja.apps.billing import opening_balances
from urja.apps.billing.models import Arrear, ArrearPayment
from urja.apps.contracts.models import Agreement
from urja.apps.identity.queries.identities import takes_first_address, users_of
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.meter_types.queries import commodity_of
from urja.apps.network.kinds import PremiseKind
from urja.apps.network.models import Premise
from urja.apps.people.models import Person
from urja.base.ids import BUCKETS, bucket_of
from urja.base.sentences import say
from urja.usecases import deposits, side_effects
from urja.usecases.connections import NewConnection
from urja.usecases.kinds.agreements import Bill
from urja.usecases.kinds.amounts import opening_faults
from urja.usecases.kinds.registers import known_register
from urja.usecases.kinds.stock import Delivered
from urja.usecases.meter_installation import InstallMeter, record_installation
from urja.usecases.move_in_and_out import MoveIn, purpose_faults
from urja.usecases.payment_modes import dues_faults
from urja.usecases.people import CorrectConsumer, give_login_by_number, make_user
from urja.usecases.premises import PutPremise
from urja.usecases.service_points import service_points_of
from urja.usecases.stock import UNIQUE, known_faults, make_devices
from urja.usecases.work_orders import record_seals, seal_faults

# -- connections -----------------------------------------------------------------------------------------------


class TakeOver(UseCase, kw_only=True):
    """A service point that is new here, vacant or with a consumer."""

    connection: NewConnection
    premise: PutPremise | int
    """A new premise, or the number of a known one."""
    society: str = ""
    """Name or code of the society of a new premise, and of the tower in it; created where they are not known."""
    tower: str = ""
    move_in: MoveIn | None = None
    postal_address: str = ""

    def faults(self, execution: Execution) -> Iterator[str]:
        yield from self.connection.word_faults(execution)
        yield from self.connection.placement_faults(execution)
        if isinstance(self.premise, PutPremise):
            yield from self.premise.faults(execution)
        if self.move_in is not None:
            yield from self.move_in.arrival_faults(execution)
            yield from self.move_in.commodity_faults(execution, self.connection.commodity)
            yield from purpose_faults(self.connection.consumer_number, self.connection.purpose)

    def carry_out(self, execution: Execution) -> None:
        service_point = self.connection.connect(execution, self._the_premise(execution))
        if self.move_in is not None:
            self.move_in.begin_at(execution, service_point, address=self.postal_address)

    def _the_premise(self, execution: Execution) -> Premise:
        if isinstance(self.premise, int):
            return Premise.objects.get(id=self.premise)
        part_of = None
        for name, kind in ((self.society, PremiseKind.SOCIETY), (self.tower, PremiseKind.TOWER)):
            if name:
                part_of = _complex(execution, name, kind, part_of)
        if part_of is None:
            return self.premise.put(execution)
        return PutPremise(values=self.premise.values, part_of=part_of).put(execution)


def _complex(execution: Execution, name: str, kind: PremiseKind, part_of: int | None) -> int:
    """Return the number of a society or a tower, created where it is not known."""
    key = (part_of, name)
    known = execution.find(complexes_of, key)
    if known:
        return known[0]
    premise = PutPremise(values={"name": name, "kind": kind}, part_of=part_of).put(execution)
    execution.made(complexes_of, key, [premise.id])
    return premise.id


def complexes_of(named: list[tuple[int | None, str]]) -> dict[tuple[int | None, str], list[int]]:
    """Return the numbers of societies and complexes, or of the towers in one, by name or code."""
    found: dict[tuple[int | None, str], list[int]] = {}
    for part_of, name in named:
        premises = (
            Premise.objects.filter(kind__in=[PremiseKind.SOCIETY, PremiseKind.COMPLEX])
            if part_of is None
            else Premise.objects.filter(kind=PremiseKind.TOWER, parent_id=part_of)
        )
        found[part_of, name] = [
            *(premises.filter(code=name) | premises.filter(name=name))
            .order_by("id")
            .values_list("id", flat=True)
        ]
    return found


class PutPerson(CorrectConsumer, kw_only=True):
    """Data of a known person from an older or outside system. A first e-mail address becomes one to sign in with."""

    system: str = ""

    def carry_out(self, execution: Execution) -> None:
        self.write(execution, system=self.system)
        person = Person.objects.get(id=self.consumer_id)
        if person.email and (person.user_id is None or takes_first_address(person.user_id)):
            self._give_address(execution, person)
            execution.found.clear()
        give_login_by_number(execution, person)

    def _give_address(self, execution: Execution, person: Person) -> None:
        """Let a person who never signed in do so with their first e-mail address."""
        user = execution.find(users_of, person.email)
        if user is None and person.user_id is not None:
            get_user_model().objects.filter(pk=person.user_id).update(
                email=person.email, username=person.email
            )
            return
        user_id = make_user(person.email, person.name, execution) if user is None else user.pk
        execution.change(person, user_id=user_id)


# -- meters ----------------------------------------------------------------------------------------------------


class TakeOverMeter(UseCase, kw_only=True):
    """A meter that is new here, or one installation of a meter, with its registers and seals."""

    serial: str
    delivered: Delivered | None = None
    """Of a new meter."""
    stock: str | None = None
    """State in stock of a new meter that is not installed."""
    held_by: str = ""
    install: InstallMeter | None = None
    removed_at: datetime | None = None
    last_register: int | None = None
    """Register at the removal, in Wh, or in litres of a gas meter."""
    seals: tuple[str, ...] = ()

    def faults(self, execution: Execution) -> Iterator[str]:
        device = execution.find(devices_of, self.serial)
        if self.delivered is not None:
            for name, label in UNIQUE.items():
                yield from known_faults([self.delivered], name, label)
        if self.install is not None:
            yield from self.install.service_point_faults(execution)
            if device is not None:
                yield from self.install.device_faults()
                yield from self.install.commodity_faults(execution, device.commodity)
            elif self.delivered is not None:
                measured = commodity_of(self.delivered.device_type)
                yield from self.install.commodity_faults(execution, measured)
        yield from seal_faults(device, self.seals)
        if self.removed_at is not None and self.install is not None:
            if self.removed_at <= self.install.installed_at:
                yield say(
                    "meter {serial} was installed there only on {valid_from}",
                    serial=self.serial,
                    valid_from=self.install.installed_at.isoformat(),
                )
            if self.last_register is not None and self.last_register < known_register(self.install):
                yield say(
                    "meter {serial} read {register} {unit} when it was installed: it cannot have read {last_register} {unit} when it was removed",
                    serial=self.serial,
                    register=known_register(self.install),
                    last_register=self.last_register,
                    unit="Wh" if self.install.register_l is None else "L",
                )

    def carry_out(self, execution: Execution) -> None:
        device = execution.find(devices_of, self.serial)
        service_point = (
            execution.find(service_points_of, self.install.consumer_number)
            if self.install is not None
            else None
        )
        hangs = service_point is not None and self.removed_at is None
        if device is None:
            assert self.delivered is not None, "the asker has seen to it"
            otherwise = self.stock or (Stock.DELIVERED if service_point is None else Stock.REMOVED)
            [device] = make_devices(
                execution,
                [self.delivered],
                stock=Stock.INSTALLED if hangs else otherwise,
                held_by="" if hangs else self.held_by,
                bucket=secrets.randbelow(BUCKETS) if service_point is None else bucket_of(service_point.id),
            )
            execution.made(devices_of, self.serial, device)
        elif hangs:
            execution.change(device, stock=Stock.INSTALLED, held_by="")
        if self.install is not None and service_point is not None:
            install = self.install
            record_installation(
                execution,
                service_point,
                device,
                DeviceRole[install.role.upper()],
                install.installed_at,
                known_register(install),
                valid_to=self.removed_at,
                ratio_primary=install.ratio_primary,
                ratio_secondary=install.ratio_secondary,
            )
            if self.removed_at is not None and self.last_register is not None:
                side_effects.read_register(
                    execution, service_point, device, self.removed_at, self.last_register
                )
        record_seals(
            execution,
            device,
            execution.recorded_at if self.install is None else self.install.installed_at,
            self.seals,
        )


class PutDevice(UseCase, kw_only=True):
    """Data of a known meter from an older system."""

    serial: str
    values: dict[str, object]

    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        sim = self.values.get("sim")
        other = Device.objects.filter(sim=sim).exclude(serial=self.serial).first() if sim else None
        if other is not None:
            yield say(
                "{label} {shown} belongs to meter {serial} already",
                label="SIM",
                shown=sim,
                serial=other.serial,
            )

    def carry_out(self, execution: Execution) -> None:
        device = execution.find(devices_of, self.serial)
        assert device is not None, "the asker has seen to it"
        execution.change(device, **self.values)


def devices_of(serials: list[str]) -> dict[str, Device]:
    """Return meters by serial number."""
    return {device.serial: device for device in Device.objects.filter(serial__in=serials)}


# -- money -----------------------------------------------------------------------------------------------------


class BringBalance(UseCase, kw_only=True):
    """Opening credit, security deposit and dues of an agreement."""

    agreement: int
    credit_minor: int = 0
    deposit_minor: int = 0
    deposit_taken_at: datetime | None = None
    bill: Bill | None = None
    """A bill that is new, or whose dues differ from an earlier file."""

    def faults(self, execution: Execution) -> Iterator[str]:
        yield from opening_faults(self.credit_minor, self.deposit_minor)
        if self.bill is not None:
            yield from dues_faults(self.bill)
            arrear = execution.find(arrears_of, (self.agreement, self.bill.bill))
            if arrear is not None:
                yield from _paid_faults(arrear, self.bill)

    def carry_out(self, execution: Execution) -> None:
        agreement = Agreement.objects.get(id=self.agreement)
        if self.credit_minor:
            key = f"opening-credit:{agreement.id}"
            side_effects.credit(execution, agreement.account_id, self.credit_minor, "opening-credit", key)
        if self.deposit_minor:
            deposits.hold(
                execution, agreement.id, self.deposit_minor, self.deposit_taken_at or agreement.valid_from
            )
        if self.bill is not None:
            self._owe(execution, agreement, self.bill)
        opening_balances.lock()
        opening_balances.record(execution, [agreement.id])

    def _owe(self, execution: Execution, agreement: Agreement, bill: Bill) -> None:
        arrear = execution.find(arrears_of, (agreement.id, bill.bill))
        owed = {name: getattr(bill, name) for name in ("due_on", "principal_minor", "surcharge_minor")}
        if arrear is not None:
            execution.change(arrear, **owed)
            return
        Arrear.objects.create(
            id=next_id(bucket_of(agreement.account_id)),
            account_id=agreement.account_id,
            bill=bill.bill,
            **owed,
            **execution.stamp,
        )


def arrears_of(named: list[tuple[int, str]]) -> dict[tuple[int, str], Arrear]:
    """Return arrears by numbers of agreement and bill."""
    accounts = dict(
        Agreement.objects.filter(id__in={agreement for agreement, _ in named}).values_list("account_id", "id")
    )
    found = Arrear.objects.filter(account_id__in=accounts, bill__in={bill for _, bill in named})
    return {(accounts[arrear.account_id], arrear.bill): arrear for arrear in found}


def _paid_faults(arrear: Arrear, bill: Bill) -> Iterator[str]:
    """Yield why dues cannot be less than what recharges have paid of them."""
    paid = ArrearPayment.objects.filter(arrear=arrear).aggregate(
        principal=Coalesce(Sum("principal_minor"), 0), surcharge=Coalesce(Sum("surcharge_minor"), 0)
    )
    for name, asked in (("principal", bill.principal_minor), ("surcharge", bill.surcharge_minor)):
        if (said := paid[name]) > asked:
            yield say(
                "recharges have paid {paid} of the {name} of bill {bill}: give the original dues",
                paid=f"{said / 100:.2f}",
                name=name,
                bill=bill.bill,
            )
