-- Loads follows into one side of a closed bucket, after its users. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... user, set, its order, the set of the other direction, its order, friends: six for each
-- ARGV  1 epoch  2 floor (0)  3 count: followers or follows  4... other user id, state, version: three for each
-- Reply {'OK'} | {'EPOCH', head}
-- Example  followers {}, follows {7}, other 7 state 1 -> {'OK'}; followers {7}, friends {7}, user followers = 1
local row, rows = 0, (#KEYS - 1) / 6
while row < rows do
  local user, set, order = KEYS[row * 6 + 2], KEYS[row * 6 + 3], KEYS[row * 6 + 4]
  local other_set, other_order, friends = KEYS[row * 6 + 5], KEYS[row * 6 + 6], KEYS[row * 6 + 7]
  local on, places, off = {}, {}, {}
  repeat -- rows of one user come one after the other: one call for all of them
    local other = ARGV[row * 3 + 4]
    if ARGV[row * 3 + 5] == '1' then
      on[#on + 1] = other
      places[#places + 1] = ARGV[row * 3 + 6]
      places[#places + 1] = other
    else
      off[#off + 1] = other
    end
    row = row + 1
  until KEYS[row * 6 + 3] ~= set
  local step = 0
  if #on > 0 then
    step = redis.call('SADD', set, unpack(on))
    redis.call('ZADD', order, unpack(places))
    for i, is_mutual in ipairs(redis.call('SMISMEMBER', other_set, unpack(on))) do
      if is_mutual == 1 then
        redis.call('ZADD', friends, places[i * 2 - 1], on[i])
        redis.call('ZADD', friends, 'GT', redis.call('ZSCORE', other_order, on[i]), on[i])
      end
    end
  end
  if #off > 0 then
    step = step - redis.call('SREM', set, unpack(off))
    redis.call('ZREM', order, unpack(off))
    redis.call('ZREM', friends, unpack(off))
  end
  if step ~= 0 then
    redis.call('HINCRBY', user, ARGV[3], step)
  end
end
return {'OK'}
