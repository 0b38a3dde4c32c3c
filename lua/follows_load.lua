-- Loads follows into one side of a closed bucket, after its users. Calling it again changes nothing.
-- KEYS  1 head (closed)  2 long  3... user, order, its older ones, the order of the other direction, its older ones,
--       friends: six for each
-- ARGV  1 epoch  2 floor (0)  3 count: followers or follows  4... other user id, state, version: three for each
-- Reply {'OK'} | {'EPOCH', head}
-- Example  followed_by {}, followed {7}, other 7 state 1 -> {'OK'}; followed_by {7}, friends {7}, user followers = 1
local row, rows = 0, (#KEYS - 2) / 6
while row < rows do
  local user, order, older = KEYS[row * 6 + 3], KEYS[row * 6 + 4], KEYS[row * 6 + 5]
  local other_order, other_older, friends = KEYS[row * 6 + 6], KEYS[row * 6 + 7], KEYS[row * 6 + 8]
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
  until KEYS[row * 6 + 4] ~= order
  -- Followers lie in sub-sets, follows do not.
  local sets = tonumber(redis.call('HGET', user, 'followed_by_sets')) or 1
  local count = ARGV[3] == 'followers' and sets or 1
  local other_count = ARGV[3] == 'followers' and 1 or sets
  local step = 0
  if #on > 0 then
    step = redis.call('ZADD', order, unpack(places)) - change('SREM', older, count, on)
    if redis.call('ZCARD', order) > order_long then
      redis.call('SADD', KEYS[2], order)
    end
  end
  for i, other in ipairs(on) do
    if state_of(other_order, subset(other_older, other_count, other), other) == '1' then
      redis.call('ZADD', friends, places[i * 2 - 1], other)
      -- Where the other follow has left its order it is the older one.
      redis.call('ZADD', friends, 'GT', redis.call('ZSCORE', other_order, other) or 0, other)
    end
  end
  if #off > 0 then
    step = step - redis.call('ZREM', order, unpack(off)) - change('SREM', older, count, off)
    redis.call('ZREM', friends, unpack(off))
  end
  if step ~= 0 then
    redis.call('HINCRBY', user, ARGV[3], step)
  end
end
return {'OK'}
