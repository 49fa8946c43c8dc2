-- The last number that a leaf holds is in its content: a bucket's last leaf, and the one that holds a number, are found by it.
CREATE INDEX proofs_leaf_numbers ON proofs_leaf (kind, bucket, ((content::jsonb->>'to')::bigint))
    WHERE kind IN ('statements', 'units');
