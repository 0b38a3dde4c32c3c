-- Loads likes into the mirror side of a closed bucket, after its users. Calling it again changes nothing.
-- KEYS  1 head (closed)  2 long  3... user, liked, liked_older: three for each like
-- ARGV  1 epoch  2 floor (0)  3... video id, state, version: three for each like
-- Reply {'OK'} | {'EPOCH', head}
-- Example  liked {}, video 9 state 1 version 8192003 -> {'OK'}; liked {9 = 8192003}, user favorites = 1
local row, rows = 0, (#KEYS - 2) / 3
while row < rows do
  local user, liked, older = KEYS[row * 3 + 3], KEYS[row * 3 + 4], KEYS[row * 3 + 5]
  local on, places, off = {}, {}, {}
  repeat -- rows of one user come one after the other: one call for all of them
    local video = ARGV[row * 3 + 3]
    if ARGV[row * 3 + 4] == '1' then
      on[#on + 1] = video
      places[#places + 1] = ARGV[row * 3 + 5]
      places[#places + 1] = video
    else
      off[#off + 1] = video
    end
    row = row + 1
  until KEYS[row * 3 + 4] ~= liked
  local step = 0
  if #on > 0 then
    step = redis.call('ZADD', liked, unpack(places)) - redis.call('SREM', older, unpack(on))
    if redis.call('ZCARD', liked) > order_long then
      redis.call('SADD', KEYS[2], liked)
    end
  end
  if #off > 0 then
    step = step - redis.call('ZREM', liked, unpack(off)) - redis.call('SREM', older, unpack(off))
  end
  if step ~= 0 then
    redis.call('HINCRBY', user, 'favorites', step)
  end
end
return {'OK'}
