-- Loads comments of a closed bucket, after its videos. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... video, comments: two for each comment
-- ARGV  1 epoch  2 floor (0)  3... comment id, "<id> <user id> <text>", state: three for each comment
-- Reply {'OK'} | {'EPOCH', head}
-- Example  comments {}, 8192003 "8192003 7 hello" 1 -> {'OK'}; comments {"8192003 7 hello"}, video comments = 1
for i = 0, (#KEYS - 1) / 2 - 1 do
  local id, on = ARGV[i * 3 + 3], ARGV[i * 3 + 5] == '1'
  local changed
  if on then
    changed = redis.call('ZADD', KEYS[i * 2 + 3], id, ARGV[i * 3 + 4])
  else
    changed = redis.call('ZREMRANGEBYSCORE', KEYS[i * 2 + 3], id, id)
  end
  if changed == 1 then
    redis.call('HINCRBY', KEYS[i * 2 + 2], 'comments', on and 1 or -1)
  end
end
return {'OK'}
