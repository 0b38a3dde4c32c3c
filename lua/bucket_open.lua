-- Opens a recovered bucket. Nothing at or below `base` is believed from mirrors of an earlier history.
-- KEYS  1 head (closed)
-- ARGV  1 epoch  2 floor (0)  3 base, an id of this bucket above every id that may exist
-- Reply {'OK'} | {'EPOCH'}
-- Example  head "8 closed 8192000 0", base 499712000 -> head "8 open 499712000 499712000"
redis.call('SET', KEYS[1], epoch .. ' open ' .. ARGV[3] .. ' ' .. ARGV[3])
return {'OK'}
