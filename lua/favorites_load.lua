-- Loads likes into the home side of a closed bucket, after its videos. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... video, user (the author), likers of the video: three for each like
-- ARGV  1 epoch  2 floor (0)  3... user id, state: two for each like
-- Reply {'OK'} | {'EPOCH', head}
-- Example  likers {}, user 7 state 1 -> {'OK'}; likers {7}, video favorites = 1, author favorited = 1
for i = 0, (#KEYS - 1) / 3 - 1 do
  local on = ARGV[i * 2 + 4] == '1'
  if redis.call(on and 'SADD' or 'SREM', KEYS[i * 3 + 4], ARGV[i * 2 + 3]) == 1 then
    redis.call('HINCRBY', KEYS[i * 3 + 2], 'favorites', on and 1 or -1)
    redis.call('HINCRBY', KEYS[i * 3 + 3], 'favorited', on and 1 or -1)
  end
end
return {'OK'}
