-- What a picture looks like, in 64 bits: near duplicates have few of them different, however each is encoded.

ALTER TABLE inputs ADD COLUMN difference_hash bigint;
COMMENT ON COLUMN inputs.difference_hash IS
    'whether each of 8 × 8 places is brighter than the one left of it; null where nobody has looked';
