-- A batch is in one leaf. The pipeline appends leaves after the last one; who adds one over it by hand would have two answers to
-- where an entry is proven. Ranges of one bucket: its number as a range needs no extension.
ALTER TABLE proofs_leaf ADD CONSTRAINT proofs_leaf_batches_once
    EXCLUDE USING gist (int4range(bucket, bucket, '[]') WITH &&, int8range(after_batch, to_batch, '(]') WITH &&)
    WHERE (kind = 'entries');
