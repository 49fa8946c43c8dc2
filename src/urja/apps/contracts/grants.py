"""Rights of each PostgreSQL role on the tables of agreements: the web reads them, operations of the pipeline write."""

_ALL = "contracts_agreement, contracts_agreement_terms"

GRANTS: dict[str, list[str]] = {
    "urja_web": [
        f"GRANT SELECT ON {_ALL} TO urja_web",
        # Agreements as they were valid and known at given instants.
        "GRANT EXECUTE ON FUNCTION contracts_known TO urja_web",
    ],
    "urja_pipeline": [f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_ALL} TO urja_pipeline"],
}
