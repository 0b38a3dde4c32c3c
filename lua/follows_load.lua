-- Loads follows into one side of a closed bucket, after its users. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... user, set, its order, the set of the other direction, its order, friends: six for each
-- ARGV  1 epoch  2 floor (0)  3 count: followers or follows  4... other user id, state, version: three for each
-- Reply {'OK'} | {'EPOCH', head}
-- Example  followers {}, follows {7}, other 7 state 1 -> {'OK'}; followers {7}, friends {7}, user followers = 1
for i = 0, (#KEYS - 1) / 6 - 1 do
  local user, set, order = KEYS[i * 6 + 2], KEYS[i * 6 + 3], KEYS[i * 6 + 4]
  local other_set, other_order, friends = KEYS[i * 6 + 5], KEYS[i * 6 + 6], KEYS[i * 6 + 7]
  local other, on, version = ARGV[i * 3 + 4], ARGV[i * 3 + 5] == '1', ARGV[i * 3 + 6]
  if redis.call(on and 'SADD' or 'SREM', set, other) == 1 then
    redis.call('HINCRBY', user, ARGV[3], on and 1 or -1)
  end
  if on then
    redis.call('ZADD', order, version, other)
    if redis.call('SISMEMBER', other_set, other) == 1 then
      redis.call('ZADD', friends, version, other)
      redis.call('ZADD', friends, 'GT', redis.call('ZSCORE', other_order, other), other)
    end
  else
    redis.call('ZREM', order, other)
    redis.call('ZREM', friends, other)
  end
end
return {'OK'}
