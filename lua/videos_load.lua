-- Loads videos of a closed bucket from Postgres, after its users. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... user (the author), video, works of the author: three for each video
-- ARGV  1 epoch  2 floor (0)  3... video id, author id, title, object, cover: five for each video
-- Reply {'OK'} | {'EPOCH', head}
-- Example  user {name = "mia"}, one video -> {'OK'}; works {8192000}, user works = 1
local row, rows = 0, (#KEYS - 1) / 3
while row < rows do
  local user, works, places = KEYS[row * 3 + 2], KEYS[row * 3 + 4], {}
  repeat -- videos of one author come one after the other: one call for all of them
    local first = row * 5 + 3
    redis.call('HSET', KEYS[row * 3 + 3], 'author', ARGV[first + 1], 'title', ARGV[first + 2],
      'object', ARGV[first + 3], 'cover', ARGV[first + 4])
    places[#places + 1] = ARGV[first]
    places[#places + 1] = ARGV[first]
    row = row + 1
  until KEYS[row * 3 + 4] ~= works
  local step = redis.call('ZADD', works, unpack(places))
  if step > 0 then
    redis.call('HINCRBY', user, 'works', step)
  end
end
return {'OK'}
