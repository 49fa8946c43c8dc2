"""The laws of switching that look for commands that were not given: no missed disconnection or reconnection."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from urja.laws.switching_rows import UNBOUND, Books, Rules, area_judgements, name_of, not_served


def has_a_standing(books: Books) -> Iterator[str]:
    from urja.core.policy import Reason, sentence

    for row in books.rows(
        "SELECT g.account_id, s.reason FROM contracts_agreement g "
        "LEFT JOIN supply_state s ON s.account_id = g.account_id "
        "WHERE g.valid_from <= %(now)s AND (g.valid_to IS NULL OR g.valid_to > %(now)s) "
        "AND EXISTS (SELECT FROM rulebook_policy_version) ORDER BY 1",
        {"now": books.long_ago},
    ):
        if row["reason"] is None:
            yield f"account {row['account_id']} has no standing"
            continue
        reason = Reason.from_json(row["reason"])
        try:
            worded = all(sentence(reason, language) for language in ("en", "hi"))
        except KeyError as error:
            yield f"account {row['account_id']}: no sentence for {reason.key} ({error})"
            continue
        if not worded:
            yield f"account {row['account_id']}: an empty sentence for {reason.key}"


_WARNED: Final = """
SELECT w.id, s.consumer_number, n.requested AS requested,
    (SELECT count(*) FROM contracts_agreement g WHERE g.service_point_id = w.service_point_id
        AND g.valid_from <= w.opened_at AND (g.valid_to IS NULL OR g.valid_to > w.opened_at)
        AND NOT g.account_id = ANY(n.accounts)) AS consumers,
    n.staff = 0 AND EXISTS (SELECT FROM identity_employment e WHERE e.node_id IS NULL AND e.premise_id IS NULL
        AND e.role IN ('clerk', 'control_room') AND e.valid_from <= w.opened_at
        AND (e.valid_to IS NULL OR e.valid_to > w.opened_at)) AS no_staff
FROM work_order w JOIN network_service_point s ON s.id = w.service_point_id
CROSS JOIN LATERAL (SELECT coalesce(array_agg(account_id) FILTER (WHERE account_id IS NOT NULL), '{}') AS accounts,
        count(staff_id) AS staff, count(*) FILTER (WHERE state = 'requested' AND requested_at < %(unsent)s) AS requested
    FROM notices_notice WHERE dedupe_key ^@ ('gas_escapes:' || w.id || ':')) n
WHERE w.kind = 'gas_escapes' AND w.opened_at < %(now)s ORDER BY w.id
"""


def danger_is_notified(books: Books) -> Iterator[str]:
    """Check that each report of escaping gas was sent to the consumers there and to the staff who cover everything."""
    # Twelve hours after its request a notice is sent or has failed (`notices.delivery.SEND_WITHIN`).
    unsent = books.long_ago - timedelta(hours=12)
    for row in books.rows(_WARNED, {"now": books.long_ago, "unsent": unsent}):
        name = f"escaping gas at {row['consumer_number']} (work order {row['id']})"
        if row["consumers"]:
            yield f"{name}: {row['consumers']} accounts have no warning"
        if row["no_staff"]:
            yield f"{name}: no member of staff was warned"
        if row["requested"]:
            yield f"{name}: {row['requested']} warnings have neither been sent nor failed"


def cut_when_due(books: Books) -> Iterator[str]:
    """Check that each disconnection ended and was tried, and that no due supply was passed over in the last window."""
    for cut in books.cuts:
        if cut["ended_at"] is None and cut["expires_at"] < books.long_ago:
            # The head end has time to report a command that it began; dispatch judges that, not this law.
            if cut["state"] == "queued":
                yield f"{name_of(cut)} expired and has no end"
        elif (
            cut["state"] == "expired"
            and cut["sent_at"] is None
            and books.outages.leave_time(cut["issued_at"], cut["expires_at"], books.slack)
        ):
            yield f"{name_of(cut)} expired and was never sent"
    for row in books.rows(
        "SELECT account_id, planned_to_at FROM supply_state WHERE standing = 'to_be_cut' AND planned_to_at < %s",
        [books.long_ago],
    ):
        yield f"account {row['account_id']} was to be disconnected by {row['planned_to_at']} and was not decided again"
    for code, rules in _current(books).items():
        window = _last_window(books, rules)
        if window is not None:
            yield from _passed_over(books, code, rules, window)


def _current(books: Books) -> dict[str, Rules]:
    """Return the version in force of each policy, by code."""
    rows = books.rows(
        "SELECT DISTINCT ON (code) code, version FROM rulebook_policy_version WHERE valid_from <= %s "
        "ORDER BY code, valid_from DESC, id DESC",
        [books.local(books.now).date()],
    )
    return {row["code"]: books.rules[f"{row['code']} {row['version']}"] for row in rows}


def _last_window(books: Books, rules: Rules) -> tuple[datetime, datetime] | None:
    """Return the last finished window within eight days in which the processes ran long enough to disconnect."""
    today = books.local(books.now).date()
    for n in range(8):
        window = rules.window(today - timedelta(days=n), books.zone)
        if (
            window is not None
            and window[1] <= books.now - books.slack
            and books.outages.leave_time(*window, books.slack)
        ):
            return window
    return None


_DUE = """
SELECT g.account_id, p.id AS service_point_id, coalesce(t.transformer, '') AS transformer, v.device_type FROM contracts_agreement g
JOIN network_service_point p ON p.id = g.service_point_id
JOIN assets_device_period d ON d.service_point_id = p.id AND d.role = 1 AND d.valid_to IS NULL
JOIN assets_device v ON v.id = d.device_id AND v.load_switch
LEFT JOIN network_fed_by t ON t.service_point_id = p.id
JOIN contracts_agreement_terms m ON m.agreement_id = g.id AND m.valid_from <= %(opens)s
    AND coalesce(m.valid_to, 'infinity') >= %(closes)s AND m.payment_mode = 'prepaid'
JOIN readings_accrual r ON r.agreement_id = g.id AND r.latest
LEFT JOIN billing_close k ON k.agreement_id = g.id
WHERE g.valid_from <= %(opens)s AND g.valid_to IS NULL
    AND coalesce(nullif(m.policy, ''), (SELECT s.code FROM rulebook_policy_assignment s WHERE s.category = m.category),
        (SELECT s.code FROM rulebook_policy_assignment s WHERE s.category = '')) = %(code)s
    AND NOT EXISTS (SELECT FROM people_protection q WHERE q.person_id = g.customer_id
        AND q.valid_from < %(closes)s AND coalesce(q.valid_to, 'infinity') > %(opens)s)
    AND NOT EXISTS (SELECT FROM contracts_mode_change_row c JOIN contracts_mode_change o ON o.id = c.mode_change_id
        WHERE c.account_id = g.account_id AND o.spares_from_at < %(closes)s AND coalesce(c.ended_at, 'infinity') > %(opens)s)
    AND (m.converted_at IS NULL OR m.converted_at + make_interval(days => %(conversion)s) <= %(opens)s)
    -- Below the limit by what was posted before the opening; consumption since then only lowers the balance.
    AND (SELECT coalesce(sum(e.amount_minor), 0) FROM books_entry e WHERE e.bucket = (g.account_id >> 40)::smallint
        AND e.account_id = g.account_id AND e.posted_at <= %(opens)s) < %(floor)s
    AND (k.closed_at IS NULL OR k.closed_at <= %(opens)s OR NOT k.provisional)
    AND NOT coalesce(k.provisional, false)
    AND r.estimated_value = 0 AND r.watermark_at >= %(closes)s - make_interval(hours => %(age)s)
    -- Not in a time to pay: below the limit for longer than any of them.
    AND NOT EXISTS (SELECT FROM supply_decision l WHERE l.account_id = g.account_id
        AND l.decided_at > %(opens)s - make_interval(days => %(grace)s)
        AND l.standing IN ('fine', 'grace', 'protected', 'suspended') AND l.reason->>'key' NOT LIKE 'protected%%'
        AND l.reason->>'key' <> 'holiday')
    AND NOT EXISTS (SELECT FROM books_credit_request c WHERE c.account_id = g.account_id
        AND (c.posted_at IS NULL OR c.posted_at > %(opens)s - make_interval(days => %(grace)s)))
    AND NOT EXISTS (SELECT FROM billing_review w WHERE w.account_id = g.account_id AND w.opened_at < %(closes)s
        AND coalesce(w.ended_at, 'infinity') > %(opens)s)
    AND NOT EXISTS (SELECT FROM supply_hold h WHERE h.service_point_id = p.id AND h.placed_at < %(closes)s
        AND (h.released_at IS NULL OR h.released_at > %(opens)s) AND h.reason <> 'credit')
    -- Disconnected before, or ordered to be in this window.
    AND NOT EXISTS (SELECT FROM commands_command c WHERE c.device_id = d.device_id AND c.kind = 'disconnect'
        AND c.issued_at < %(closes)s AND (c.issued_at >= %(opens)s OR (c.state = 'confirmed' AND NOT EXISTS (
            SELECT FROM commands_command l WHERE l.device_id = d.device_id AND l.kind = 'connect'
                AND l.sequence > c.sequence))))
ORDER BY 1
"""


# What the tables say now of a balance, its estimates and its watermark may rest on readings that came after the window.
_CAME_LATER = """
SELECT EXISTS (SELECT FROM readings_interval i WHERE i.service_point_id = %(place)s AND i.received_at > %(opens)s
        AND i.start_at >= %(before)s - interval '31 days' AND i.start_at < %(before)s)
    OR EXISTS (SELECT FROM readings_register r WHERE r.service_point_id = %(place)s AND r.received_at > %(opens)s
        AND r.read_at >= %(before)s - interval '31 days' AND r.read_at < %(before)s) AS yes
"""
_SINCE_THE_LAST_CREDIT = """
SELECT kind, channel, requested_at, sent_at, delivered_at FROM notices_notice WHERE account_id = %(account)s
    AND (channel <> 'letter' OR ended_at IS NULL) AND requested_at >= coalesce(
        (SELECT max(c.posted_at) FROM books_credit_request c WHERE c.account_id = %(account)s), '-infinity')
"""


def _passed_over(books: Books, code: str, rules: Rules, window: tuple[datetime, datetime]) -> Iterator[str]:
    from urja.apps.meter_types.queries import known_types

    opens, closes = window
    types = known_types()
    well = books.rows(
        "SELECT bool_and(collection AND payments AND messaging) AS yes FROM supply_health "
        "WHERE at >= %s - interval '10 minutes' AND at <= %s",
        [opens, closes],
    )
    if not well[0]["yes"]:
        return
    notices, credit = rules.document["notices"], rules.document.get("credit", {})
    grace = max(
        [credit.get("emergency_days", 0), *(longer["days"] for longer in credit.get("longer", []))], default=0
    )
    due = books.rows(
        _DUE,
        {
            "code": code,
            "opens": opens,
            "closes": closes,
            "floor": rules.floor_minor,
            "conversion": rules.whole("credit", "grace_days_after_conversion"),
            "age": rules.whole("cut", "max_data_age_hours"),
            "grace": grace,
        },
    )
    room = min(
        rules.whole("cut", "most_per_transformer"),
        int((closes - opens).total_seconds()) // max(rules.whole("cut", "stagger_s"), 1),
    )
    serve_by = opens - timedelta(hours=notices["lead_hours"])
    # A day is closed, and a supply disconnected, by readings of the days before the window and by recent ones.
    today = books.local(opens).replace(hour=0, minute=0, second=0, microsecond=0)
    needed = max(today, closes - timedelta(hours=rules.whole("cut", "max_data_age_hours")))
    for row in due:
        awake_at = types[row["device_type"]].awake_at(opens) if row["device_type"] in types else None
        if awake_at is not None and awake_at >= closes:
            # By its plan the meter sleeps through the window: an order would be carried out after it.
            continue
        if not all(area_judgements(books, row["service_point_id"], opens - timedelta(minutes=10), closes)):
            continue
        known = {"place": row["service_point_id"], "opens": opens, "before": needed}
        if books.rows(_CAME_LATER, known)[0]["yes"]:
            continue
        sent = books.rows(_SINCE_THE_LAST_CREDIT, {"account": row["account_id"]})
        if any(not_served(notices, sent, datetime.min.replace(tzinfo=UTC), serve_by)):
            continue
        cut = {
            one["account_id"]
            for one in books.cuts
            if one["transformer"] == row["transformer"] and opens <= one["issued_at"] < closes
        }
        if len(cut) < room:
            yield f"account {row['account_id']} was to be disconnected between {opens} and {closes}, and was not"


_OFF = """
SELECT DISTINCT ON (c.device_id) c.kind, c.state, c.ended_at, g.id AS agreement_id, g.account_id,
    coalesce((SELECT w.policy FROM supply_switching w WHERE w.command_id = c.id), '') AS policy,
    array(SELECT h.reason::text FROM supply_hold h WHERE h.service_point_id = c.service_point_id
        AND h.released_at IS NULL) AS held_for,
    (SELECT min(greatest(p.valid_from, p.recorded_at)) FROM people_protection p WHERE p.person_id = g.customer_id
        AND p.valid_from <= %(now)s AND coalesce(p.valid_to, 'infinity') > %(now)s) AS protected_at,
    (SELECT max(k.closed_at) FROM billing_close k WHERE k.agreement_id = g.id AND k.provisional) AS provisional_at
FROM commands_command c
JOIN contracts_agreement g ON g.service_point_id = c.service_point_id AND g.valid_from <= %(now)s AND g.valid_to IS NULL
WHERE c.kind IN ('connect', 'disconnect') ORDER BY c.device_id, c.sequence DESC
"""


def kept_off(books: Books) -> Iterator[str]:
    """Check supplies that stay disconnected although the consumer has a right to be reconnected."""
    from urja.apps.billing.balances import fresh_balances
    from urja.apps.contracts import queries as contracts

    off = [
        row
        for row in books.rows(_OFF, {"now": books.now})
        if row["kind"] == "disconnect" and row["state"] == "confirmed" and not UNBOUND & set(row["held_for"])
    ]
    provisional = [row for row in off if row["provisional_at"] and set(row["held_for"]) == {"credit"}]
    agreements = contracts.agreements(row["agreement_id"] for row in provisional)
    balances = fresh_balances(agreements, books.now) if provisional else {}
    for row in off:
        if row["protected_at"] and max(row["protected_at"], row["ended_at"]) < books.long_ago:
            yield f"account {row['account_id']} is protected since {row['protected_at']} and stays disconnected"
    for row in provisional:
        found = balances[row["account_id"]]
        at_least_minor = books.rules[row["policy"]].minor("reconnect", "at_least")
        days = books.rules[row["policy"]].whole("credit", "grace_days_at_close", 7)
        without_minor = found.balance_minor + found.provisional_minor + found.clawed_back_minor
        without_minor += found.settled_since(books.now - timedelta(days=days))
        if without_minor >= at_least_minor and max(row["provisional_at"], row["ended_at"]) < books.long_ago:
            yield f"account {row['account_id']} has {without_minor} without provisional charges and stays disconnected"


def paid_is_reconnected(books: Books) -> Iterator[str]:
    """Check supplies disconnected for credit alone with enough on the account: a reconnection was ordered and tried."""
    from urja.apps.billing.balances import fresh_balances
    from urja.apps.contracts import queries as contracts

    rows = books.rows(
        "SELECT DISTINCT ON (c.device_id) c.kind, c.state, c.issued_at, c.sent_at, c.expires_at, c.ended_at, w.account_id, "
        "w.policy, "
        "(SELECT max(q.posted_at) FROM books_credit_request q WHERE q.account_id = w.account_id) AS credited_at, "
        "EXISTS (SELECT FROM supply_hold h WHERE h.service_point_id = c.service_point_id AND h.released_at IS NULL "
        "  AND h.reason <> 'credit') AS held "
        "FROM commands_command c JOIN supply_switching w ON w.command_id = c.id "
        "WHERE c.kind IN ('connect', 'disconnect') ORDER BY c.device_id, c.sequence DESC"
    )
    disconnected = {
        row["account_id"]: row for row in rows if row["kind"] == "disconnect" and row["state"] == "confirmed"
    }
    balances = fresh_balances(contracts.in_force(disconnected, books.now), books.now)
    for account_id, row in disconnected.items():
        found = balances.get(account_id)
        if found is None or row["held"] or row["credited_at"] is None:
            continue
        enough = found.balance_minor >= books.rules[row["policy"]].minor("reconnect", "at_least")
        if enough and max(row["credited_at"], row["ended_at"]) < books.long_ago:
            yield f"account {account_id} has {found.balance_minor} since {row['credited_at']} and no reconnection was ordered"
    for row in rows:
        unsent = row["kind"] == "connect" and row["state"] == "expired" and row["sent_at"] is None
        if unsent and books.outages.leave_time(row["issued_at"], row["expires_at"], books.slack):
            yield f"the reconnection of account {row['account_id']} expired and was never sent"
