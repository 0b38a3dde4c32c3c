-- Opens a recovered bucket. Outbox and memory of the mirror side begin anew; nothing at or below `base` is believed
-- from an earlier history.
-- KEYS  1 head (closed)  2 outbox  3 recent
-- ARGV  1 epoch  2 floor (0)  3 base, an id of this bucket above every id that may exist
-- Reply {'OK'} | {'EPOCH', head}
-- Example  head "8 closed 8192000 0", base 499712000 -> {'OK'}; head "8 open 499712000 499712000", outbox {}
redis.call('UNLINK', KEYS[2], KEYS[3])
redis.call('SET', KEYS[1], epoch .. ' open ' .. ARGV[3] .. ' ' .. ARGV[3])
return {'OK'}
