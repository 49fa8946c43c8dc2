UPDATE bank_claim SET received_at = claimed_at;

-- With the rights of their owner these would read a temporary table of their caller, of the same name as a real one.
ALTER FUNCTION bank_upload_is_bounded() SET search_path = pg_catalog, public, pg_temp;
ALTER FUNCTION bank_claim_is_bounded() SET search_path = pg_catalog, public, pg_temp;
ALTER FUNCTION bank_payout_entries() SET search_path = pg_catalog, public, pg_temp;
