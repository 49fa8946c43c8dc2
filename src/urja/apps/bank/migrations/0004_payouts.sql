-- Which entry has the reference of a gateway's payout. The web's role may not read references of entries; of payouts
-- they are in the gateway's report, which it reads.
CREATE FUNCTION bank_payout_entries() RETURNS TABLE (settlement_id text, entry_id bigint) LANGUAGE sql STABLE
SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT ON (r.settlement_id) r.settlement_id::text, e.id
    FROM payments_settlement_row r JOIN bank_entry e ON e.utr = upper(r.utr) AND e.amount_minor > 0
    WHERE r.utr <> '' ORDER BY r.settlement_id, e.booked_on, e.id
$$;
REVOKE EXECUTE ON FUNCTION bank_payout_entries FROM PUBLIC;
