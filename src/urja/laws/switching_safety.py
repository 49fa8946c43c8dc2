"""The laws of switching that check each command that was given: no forbidden disconnection."""

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Final

from urja.laws import governing_policy as policy_law
from urja.laws.switching_rows import UNBOUND, Books, Row, area_judgements, name_of, not_served

_GROUNDS: Final = UNBOUND | {"overload", "relay_test", "tamper", "vacant"}
"""What a supply may be held off for, beside credit."""


def grounded(books: Books) -> Iterator[str]:
    for row in books.rows(
        "SELECT c.id, c.device_id FROM commands_command c LEFT JOIN supply_switching w ON w.command_id = c.id "
        "WHERE c.kind = 'disconnect' AND w.command_id IS NULL AND NOT EXISTS (SELECT FROM commissioning_call k "
        "  WHERE k.relay_test AND k.commands->'switch_off' = to_jsonb(c.id)) ORDER BY c.id"
    ):
        yield f"disconnection {row['id']} of device {row['device_id']} was given without a decision"
    for cut in books.disconnections:
        if cut["cause"] != "credit" and not _GROUNDS & set(cut["held_for"]):
            yield f"{name_of(cut)} was given without a hold that allows it"


def hours(books: Books) -> Iterator[str]:
    for cut in books.bound:
        rules = books.rules.get(cut["policy"])
        if rules is None:
            yield f"{name_of(cut)} was given by no policy's hours"
            continue
        if why := rules.forbidden(books.local(cut["issued_at"])):
            yield f"{name_of(cut)} was given {why}"
        # A command may begin until it expires: the last instant before that must be allowed as well.
        last = books.local(cut["expires_at"]) - timedelta.resolution
        if why := rules.forbidden(last):
            yield f"{name_of(cut)} might have begun {why}"
        done_at = books.carried_out_at(cut)
        if (
            done_at
            and (why := rules.forbidden(books.local(done_at - books.slack)))
            and done_at > cut["expires_at"]
        ):
            yield f"{name_of(cut)} was carried out {why}"


def below_the_limit(books: Books) -> Iterator[str]:
    for cut in books.cuts:
        floor_minor = books.rules[cut["policy"]].floor_minor
        if cut["balance_minor"] >= floor_minor:
            yield f"{name_of(cut)} was given at a balance of {cut['balance_minor']}, the limit is {floor_minor}"
    # Once the day is closed, its postings show whether the balance behind the decision was right.
    for cut in books.cuts:
        left_minor = left_at_the_end(books, cut, books.local(cut["issued_at"]).date())
        if left_minor is not None and left_minor >= books.rules[cut["policy"]].floor_minor:
            yield f"{name_of(cut)} would have had {left_minor} left at the end of the day"


def left_at_the_end(books: Books, cut: Row, day: date) -> int | None:
    """Return the balance in minor units at the end of a disconnection's local day, without later payments; None before the
    day is closed.
    """
    (row,) = books.rows(
        "SELECT (SELECT coalesce(sum(e.amount_minor), 0) FROM books_entry e "
        "  WHERE e.bucket = %(bucket)s AND e.account_id = %(account)s AND (e.origin <> 'engine' "
        "    AND e.posted_at <= %(at)s OR e.origin = 'engine' AND e.service_date <= %(day)s)) AS left_minor, "
        "(SELECT bool_and(c.closed_through >= %(day)s) FROM billing_close c "
        "  JOIN contracts_agreement a ON a.id = c.agreement_id WHERE a.account_id = %(account)s) AS closed",
        {
            "account": cut["account_id"],
            "bucket": cut["account_id"] >> 40,
            "day": day,
            "at": cut["issued_at"],
        },
    )
    return int(row["left_minor"]) if row["closed"] else None


_NOT_COUNTED = """
SELECT greatest(coalesce(sum((e.inputs->>'at_close')::bigint) FILTER (WHERE e.posted_at <= %(issued)s), 0), 0)
        + coalesce(sum((e.inputs->>'clawed_back')::bigint) FILTER (WHERE e.posted_at <= %(issued)s
            AND (e.posted_at AT TIME ZONE %(zone)s)::date = %(day)s), 0) AS then_minor,
    greatest(coalesce(sum((e.inputs->>'at_close')::bigint) FILTER (WHERE e.service_date <= %(day)s), 0), 0)
        + coalesce(sum((e.inputs->>'clawed_back')::bigint) FILTER (WHERE e.service_date = %(day)s
            OR (e.posted_at AT TIME ZONE %(zone)s)::date = %(day)s), 0) AS by_evening_minor
FROM books_entry e WHERE e.account_id = %(account)s AND (e.inputs->'at_close' IS NOT NULL OR e.inputs->'clawed_back' IS NOT NULL)
    AND e.posted_at > %(issued)s::timestamptz - make_interval(days => %(days)s)
"""


def not_counted(books: Books) -> Iterator[str]:
    """Check that no disconnection rests on a reserve, on what settled at close within the policy's days, or on a subsidy taken
    back that day.
    """
    for cut in books.cuts:
        rules, day = books.rules[cut["policy"]], books.local(cut["issued_at"]).date()
        (row,) = books.rows(
            _NOT_COUNTED,
            {
                "account": cut["account_id"],
                "issued": cut["issued_at"],
                "day": day,
                "zone": books.zone.key,
                # What a document grants that does not say it (docs/policy.md).
                "days": rules.whole("credit", "grace_days_at_close", 7),
            },
        )
        counted_minor = cut["balance_minor"] + row["then_minor"]
        if counted_minor >= rules.floor_minor:
            yield f"{name_of(cut)} was given at {counted_minor} without what does not count yet"
        left_minor = left_at_the_end(books, cut, day)
        if left_minor is not None and left_minor + row["by_evening_minor"] >= rules.floor_minor:
            yield (
                f"{name_of(cut)} would have had {left_minor + row['by_evening_minor']} left at the end of the day without "
                "what did not count yet"
            )


def no_credit(books: Books) -> Iterator[str]:
    for cut in books.cuts:
        for credit in books.rows(
            "SELECT id, requested_at, posted_at FROM books_credit_request WHERE account_id = %s ORDER BY id",
            [cut["account_id"]],
        ):
            recorded, posted = credit["requested_at"], credit["posted_at"]
            if recorded < cut["issued_at"] and (posted is None or posted > cut["issued_at"]):
                yield f"{name_of(cut)} was given while credit {credit['id']} was pending"
            done_at = books.carried_out_at(cut)
            if done_at and cut["issued_at"] < recorded < done_at - books.slack:
                yield f"{name_of(cut)} was carried out after credit {credit['id']}"


def noticed(books: Books) -> Iterator[str]:
    for cut in books.cuts:
        rules = books.rules[cut["policy"]].document["notices"]
        latest = cut["issued_at"] - timedelta(hours=rules["lead_hours"])
        spell = datetime.fromisoformat(cut["ground"]["below_cut_since"] or cut["issued_at"].isoformat())
        sent = books.rows(
            "SELECT kind, channel, requested_at, sent_at, delivered_at FROM notices_notice WHERE account_id = %(account)s "
            # A letter entered by mistake counts until it was corrected.
            "AND (channel <> 'letter' OR ended_at IS NULL OR ended_at >= %(issued)s) AND requested_at >= coalesce("
            "  (SELECT max(posted_at) FROM books_credit_request c WHERE c.account_id = %(account)s "
            "    AND c.kind NOT IN ('set-apart', 'deposit') "
            "    AND c.posted_at < least(%(issued)s, %(since)s::timestamptz)), '-infinity')",
            {"account": cut["account_id"], "issued": cut["issued_at"], "since": spell},
        )
        # A warning of an earlier prepayment announces nothing after the supply became prepaid again.
        converted = [
            row["converted_at"]
            for row in books.rows(_AGREED, {"account": cut["account_id"], "issued": cut["issued_at"]})
            if row["converted_at"]
        ]
        sent = [row for row in sent if all(row["requested_at"] >= at for at in converted)]
        for lacking in not_served(rules, sent, spell, latest):
            yield f"{name_of(cut)}: {lacking} by {latest}"


_IN_FORCE = "g.account_id = %(account)s AND g.valid_from <= %(issued)s AND coalesce(g.valid_to, 'infinity') > %(issued)s"
_PROTECTED = (
    "SELECT p.kind FROM contracts_agreement g JOIN people_protection p ON p.person_id = g.customer_id "  # noqa: S608 - constants of the code
    f"WHERE {_IN_FORCE} AND p.valid_from <= %(issued)s AND coalesce(p.valid_to, 'infinity') > %(issued)s "
    "AND p.recorded_at <= %(issued)s ORDER BY 1"
)
# As it was known then: a change from the first day of terms on is made in their row, and history has the row before it.
_AGREED = (
    "SELECT t.payment_mode, t.converted_at FROM contracts_agreement g "  # noqa: S608 - constants of the code
    "JOIN contracts_agreement_terms now ON now.agreement_id = g.id "
    "CROSS JOIN LATERAL jsonb_populate_record(now, coalesce((SELECT h.row FROM journal_history h "
    "  WHERE h.table_name = 'contracts_agreement_terms' AND h.row_id = now.id AND h.known_to > %(issued)s "
    f"  ORDER BY h.known_to, h.id LIMIT 1), '{{}}')) t WHERE {_IN_FORCE} "
    "AND t.valid_from <= %(issued)s AND coalesce(t.valid_to, 'infinity') > %(issued)s AND now.recorded_at <= %(issued)s"
)


def marked(books: Books) -> Iterator[str]:
    """Check what was recorded when a disconnection was ordered: protection, payment by bills, a conversion."""
    for cut in books.bound:
        for row in books.rows(_PROTECTED, {"account": cut["account_id"], "issued": cut["issued_at"]}):
            yield f"{name_of(cut)}, which is marked {row['kind']}"
    for cut in books.cuts:
        at = {"account": cut["account_id"], "issued": cut["issued_at"]}
        days = books.rules[cut["policy"]].whole("credit", "grace_days_after_conversion")
        for row in books.rows(_AGREED, at):
            if row["payment_mode"] != "prepaid":
                yield f"{name_of(cut)}, which is {row['payment_mode']}"
            if row["converted_at"] and cut["issued_at"] < row["converted_at"] + timedelta(days=days):
                yield f"{name_of(cut)} within {days} days of its conversion"


_TO_POSTPAID = """
SELECT m.id, greatest(m.spares_from_at, m.asked_at) AS since, r.ended_at, r.state IN ('left', 'refused') AS kept
FROM contracts_mode_change_row r JOIN contracts_mode_change m ON m.id = r.mode_change_id
WHERE r.account_id = %(account)s AND m.payment_mode = 'postpaid' AND coalesce(r.ended_at, 'infinity') > m.asked_at
"""


def across_no_mode_change(books: Books) -> Iterator[str]:
    """Check that an order which makes a supply postpaid let no balance disconnect it, also by an earlier command."""
    for cut in books.cuts:
        done_at = books.carried_out_at(cut)
        for row in books.rows(_TO_POSTPAID, {"account": cut["account_id"]}):
            since, until = row["since"], row["ended_at"]
            if since < cut["issued_at"] and (until is None or cut["issued_at"] < until):
                yield f"{name_of(cut)} while mode change {row['id']} was to make it postpaid"
            elif (
                done_at
                and cut["issued_at"] <= since < done_at - books.slack
                and not (row["kept"] and until <= done_at)
            ):
                yield f"{name_of(cut)} was carried out after mode change {row['id']} had begun to spare it"


def fresh(books: Books) -> Iterator[str]:
    for cut in books.cuts:
        hours = books.rules[cut["policy"]].whole("cut", "max_data_age_hours")
        (row,) = books.rows(
            "SELECT greatest("
            "  (SELECT max(i.start_at + make_interval(secs => i.length_s)) FROM readings_interval i "
            "    WHERE i.service_point_id = %(place)s AND i.series = 1 AND i.start_at <= %(issued)s), "
            "  (SELECT max(r.read_at) FROM readings_register r "
            "    WHERE r.service_point_id = %(place)s AND r.kind IN (2, 3, 5) AND r.read_at <= %(issued)s)) AS upto",
            {"place": cut["service_point_id"], "issued": cut["issued_at"]},
        )
        if row["upto"] is None or row["upto"] < cut["issued_at"] - timedelta(hours=hours):
            yield f"{name_of(cut)} rests on readings up to {row['upto']}"


def well(books: Books) -> Iterator[str]:
    for cut in books.cuts:
        for row in books.rows(
            "SELECT * FROM supply_health WHERE at <= %s ORDER BY at DESC, id DESC LIMIT 1", [cut["issued_at"]]
        ):
            issued_at = cut["issued_at"]
            # The nearest area decides, and the whole installation where there is none.
            for in_area in area_judgements(books, cut["service_point_id"], issued_at, issued_at)[:1]:
                row["collection"] = in_area
            failing = [name for name in ("collection", "payments", "messaging") if not row[name]]
            if failing:
                yield f"{name_of(cut)} while {', '.join(failing)} failed"


def in_turn(books: Books) -> Iterator[str]:
    behind: dict[tuple[str, date], list[Row]] = {}
    for cut in books.cuts:
        behind.setdefault((cut["transformer"], books.local(cut["issued_at"]).date()), []).append(cut)
    for (transformer, day), cuts in behind.items():
        place = f"transformer {transformer or 'unknown'} on {day}"
        rules = books.rules[cuts[0]["policy"]]
        most = rules.whole("cut", "most_per_transformer")
        accounts = {cut["account_id"] for cut in cuts}
        if len(accounts) > most:
            yield f"{place}: {len(accounts)} accounts were cut, at most {most} may be"
        distance = timedelta(seconds=rules.whole("cut", "stagger_s"))
        for earlier, later in pairwise(cuts):
            if later["issued_at"] - earlier["issued_at"] < distance:
                yield f"{place}: cuts {earlier['id']} and {later['id']} are closer than {distance}"


def holds(books: Books) -> Iterator[str]:
    for row in books.rows(
        "SELECT c.id, h.reason, h.service_point_id FROM commands_command c "
        "JOIN supply_hold h ON h.service_point_id = c.service_point_id "
        "WHERE c.kind = 'connect' AND h.placed_at < c.issued_at "
        "AND (h.released_at IS NULL OR h.released_at > c.issued_at) "
        # A hold that respects protection keeps no protected consumer disconnected.
        "AND (h.reason = ANY(%(unbound)s) OR NOT EXISTS ("
        "  SELECT FROM contracts_agreement g JOIN people_protection p ON p.person_id = g.customer_id "
        "  WHERE g.service_point_id = c.service_point_id AND g.valid_from <= c.issued_at "
        "  AND coalesce(g.valid_to, 'infinity') > c.issued_at AND p.valid_from <= c.issued_at "
        "  AND coalesce(p.valid_to, 'infinity') > c.issued_at)) "
        # Nor does it disconnect one while a charge is reviewed: what was under way is called back by a reconnection.
        "AND (h.reason = ANY(%(unbound)s) OR NOT EXISTS (SELECT FROM billing_review r "
        "  WHERE r.account_id = c.account_id AND r.opened_at <= c.issued_at "
        "  AND coalesce(r.ended_at, 'infinity') > c.issued_at)) ORDER BY c.id",
        {"unbound": sorted(UNBOUND)},
    ):
        yield f"reconnection {row['id']} was given while {row['reason']} held {row['service_point_id']} off"


def unreviewed(books: Books) -> Iterator[str]:
    """Check that no charge of the account was being reviewed when a disconnection was given that a review binds."""
    for cut in books.bound:
        # A hold may be ordered while the review is being opened; a cut for credit looks again under the account's lock.
        opened_by = cut["issued_at"] if cut["cause"] == "credit" else cut["issued_at"] - books.slack
        for row in books.rows(
            "SELECT id, day FROM billing_review WHERE account_id = %(account)s AND opened_at <= %(opened)s "
            "AND coalesce(ended_at, 'infinity') > %(issued)s",
            {"account": cut["account_id"], "opened": opened_by, "issued": cut["issued_at"]},
        ):
            yield f"{name_of(cut)} while review {row['id']} of the charge of {row['day']} was running"


def governed(books: Books) -> Iterator[str]:
    return policy_law.examine(books.rows, books.cuts, books.now, books.zone.key, books.slack)
