-- A leaf of banked units has the numbers that it holds in its content, as one of statements has.
ALTER TABLE proofs_leaf DROP CONSTRAINT proofs_leaf_kind_check,
    ADD CONSTRAINT proofs_leaf_kind_check CHECK (kind IN ('entries', 'reads', 'statements', 'units'));
