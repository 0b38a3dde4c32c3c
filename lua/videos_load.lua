-- Loads videos of a closed bucket from Postgres, after its users. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... user (the author), video, works of the author: three for each video
-- ARGV  1 epoch  2 floor (0)  3... video id, author id, title, object, cover: five for each video
-- Reply {'OK'} | {'EPOCH', head}
-- Example  user {name = "mia"}, one video -> {'OK'}; works {8192000}, user works = 1
for i = 0, (#KEYS - 1) / 3 - 1 do
  local user, video, works = KEYS[i * 3 + 2], KEYS[i * 3 + 3], KEYS[i * 3 + 4]
  local id, author, title = ARGV[i * 5 + 3], ARGV[i * 5 + 4], ARGV[i * 5 + 5]
  redis.call('HSET', video, 'author', author, 'title', title, 'object', ARGV[i * 5 + 6], 'cover', ARGV[i * 5 + 7])
  if redis.call('ZADD', works, id, id) == 1 then
    redis.call('HINCRBY', user, 'works', 1)
  end
end
return {'OK'}
