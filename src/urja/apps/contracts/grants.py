"""Rights of each PostgreSQL role on this app's tables: the web shows agreements; operations of the pipeline write them."""

_ALL = "contracts_agreement, contracts_agreement_terms"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_ALL} TO urja_web",
        # What was known when, of the rows that it is asked about.
        "GRANT EXECUTE ON FUNCTION contracts_known TO urja_web",
    ],
    "urja_pipeline": [f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_ALL} TO urja_pipeline"],
}
