-- A leaf of statements has the numbers of a bucket's series that it holds in its content.
ALTER TABLE proofs_leaf DROP CONSTRAINT proofs_leaf_kind_check,
    ADD CONSTRAINT proofs_leaf_kind_check CHECK (kind IN ('entries', 'reads', 'statements'));
