"""The communication module of a meter on a battery: asleep, awake for a while, and what that has cost.

All times are true Unix seconds. The charge follows from counts, so that it is the same however time is divided.
"""

from datetime import UTC, datetime

from urja.cosem.companion import AwakePlan, Battery


class BatteryModule:
    """Sleep and charge of one module. It is awake after `wake`, until the plan's time without a request is over."""

    def __init__(self, plan: AwakePlan, battery: Battery, start_s: int, utc_offset_s: int) -> None:
        self.plan = plan
        self.battery = battery
        self.wake_ups = 0
        self.valve_motions = 0
        self.is_mains = False
        """Whether a bench supplies it, so that it never sleeps."""
        self._start_s = start_s
        self._offset_min = utc_offset_s // 60
        self._awake: tuple[int, int] | None = None
        """Since when and until when it is awake."""
        self._awake_s = 0

    @property
    def is_awake(self) -> bool:
        """Whether its radio is on."""
        return self.is_mains or self._awake is not None

    def next_planned_s(self, after_s: int) -> int:
        """Return the first planned wake-up after an instant."""
        return int(
            self.plan.next_wake_up(datetime.fromtimestamp(after_s + 1, UTC), self._offset_min).timestamp()
        )

    @property
    def sleeps_at_s(self) -> int | None:
        """When it falls asleep unless a request comes; None while it sleeps."""
        return None if self._awake is None else self._awake[1]

    def wake(self, now_s: int) -> None:
        """Wake, or stay awake for the plan's time. An exhausted battery wakes nothing."""
        if self.left_uas(now_s) <= 0:
            return
        if self._awake is None:
            self.wake_ups += 1
            self._awake = (now_s, now_s)
        self.stay(now_s)

    def stay(self, now_s: int) -> None:
        """Stay awake for the plan's time after a request, up to its longest time in all."""
        if self._awake is not None:
            since_s, until_s = self._awake
            longest_s = since_s + self.plan.longest_s
            self._awake = (since_s, min(max(until_s, now_s + self.plan.for_s), longest_s))

    def run_to(self, now_s: int) -> None:
        """Fall asleep where the time is over."""
        if self._awake is not None and now_s >= self._awake[1]:
            self._awake_s += self._awake[1] - self._awake[0]
            self._awake = None

    def spent_uas(self, now_s: int) -> int:
        """Return the charge used since installation, in µA s."""
        running_s = 0 if self._awake is None else min(now_s, self._awake[1]) - self._awake[0]
        return self.battery.spent_uas(
            lived_s=now_s - self._start_s,
            awake_s=self._awake_s + running_s,
            wake_ups=self.wake_ups,
            valve_motions=self.valve_motions,
        )

    def left_uas(self, now_s: int) -> int:
        """Return the charge that is left, in µA s; negative for a battery that should be empty."""
        return self.battery.capacity_uas - self.spent_uas(now_s)

    def left_percent(self, now_s: int) -> int:
        """Return the charge that is left in percent of the capacity, rounded down."""
        return max(self.left_uas(now_s), 0) * 100 // self.battery.capacity_uas

    def left_h(self, now_s: int) -> int:
        """Return for how many hours the battery lasts at its rate so far."""
        return self.battery.left_s(self.spent_uas(now_s), now_s - self._start_s, self.plan) // 3600
