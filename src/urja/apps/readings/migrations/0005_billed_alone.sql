-- A set that a meter type has already made keeps its number: sets are found by their hash.
INSERT INTO readings_channel_set (id, name, hash, quantities) VALUES
    (3, 'interval-energy', '40510175845988f1', '{1000}'),
    (4, 'interval-volume', '8d284220975da66c', '{6000}'),
    (5, 'energy', '81a83544cf93c245', '{2000}'),
    (6, 'volume', 'dde66966c76b6d05', '{6020}')
    ON CONFLICT (hash) DO NOTHING;
