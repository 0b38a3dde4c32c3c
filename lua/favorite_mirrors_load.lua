-- Loads likes into the mirror side of a closed bucket, after its users. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... user, likes, liked: three for each like
-- ARGV  1 epoch  2 floor (0)  3... video id, state, version: three for each like
-- Reply {'OK'} | {'EPOCH', head}
-- Example  likes {}, video 9 state 1 version 8192003 -> {'OK'}; likes {9}, liked {9 = 8192003}, user favorites = 1
for i = 0, (#KEYS - 1) / 3 - 1 do
  local video, on = ARGV[i * 3 + 3], ARGV[i * 3 + 4] == '1'
  if redis.call(on and 'SADD' or 'SREM', KEYS[i * 3 + 3], video) == 1 then
    redis.call('HINCRBY', KEYS[i * 3 + 2], 'favorites', on and 1 or -1)
  end
  if on then
    redis.call('ZADD', KEYS[i * 3 + 4], ARGV[i * 3 + 5], video)
  else
    redis.call('ZREM', KEYS[i * 3 + 4], video)
  end
end
return {'OK'}
