"""Rights on the signed log: the pipeline appends, the web reads; no role that can log in changes a row."""

_LOG = "proofs_period, proofs_leaf, proofs_node, proofs_head, proofs_laws"

GRANTS: dict[str, list[str]] = {
    "urja_web": [f"GRANT SELECT ON {_LOG} TO urja_web"],
    "urja_pipeline": [
        f"GRANT SELECT ON {_LOG} TO urja_pipeline",
        "GRANT INSERT ON proofs_leaf, proofs_node, proofs_head, proofs_laws TO urja_pipeline",
        "GRANT EXECUTE ON FUNCTION proofs_cut TO urja_pipeline",
    ],
}
