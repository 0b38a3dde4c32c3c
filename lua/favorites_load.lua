-- Loads likes into the home side of a closed bucket, after its videos. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... video, user (the author), likers of the video: three for each like
-- ARGV  1 epoch  2 floor (0)  3... user id, state: two for each like
-- Reply {'OK'} | {'EPOCH', head}
-- Example  likers {}, user 7 state 1 -> {'OK'}; likers {7}, video favorites = 1, author favorited = 1
local row, rows = 0, (#KEYS - 1) / 3
while row < rows do
  local video, user, likers = KEYS[row * 3 + 2], KEYS[row * 3 + 3], KEYS[row * 3 + 4]
  local on, off = {}, {}
  repeat -- rows of one video come one after the other: one call for all of them
    local side = ARGV[row * 2 + 4] == '1' and on or off
    side[#side + 1] = ARGV[row * 2 + 3]
    row = row + 1
  until KEYS[row * 3 + 4] ~= likers
  local count = tonumber(redis.call('HGET', video, 'liker_sets')) or 1
  local step = change('SADD', likers, count, on) - change('SREM', likers, count, off)
  if step ~= 0 then
    local members = redis.call('HINCRBY', video, 'favorites', step)
    redis.call('HINCRBY', user, 'favorited', step)
    split(likers, video, 'liker_sets', count, members)
  end
end
return {'OK'}
