-- Mints an id for an entity whose row is about to be written to Postgres.
-- KEYS  1 head
-- ARGV  1 epoch  2 floor
-- Reply {'OK', id} | {'EPOCH', head} | {'REWOUND'}
-- Example  head "7 open 999424 0" at 2023-01-01T00:00:01Z -> {'OK', '8192000'}, head "7 open 8192000 0"
return {'OK', mint()}
