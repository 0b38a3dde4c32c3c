-- Loads videos into the closed feed bucket. Calling it again changes nothing.
-- KEYS  1 head of {feed} (closed)  2 feed  3 floor of the feed
-- ARGV  1 epoch  2 floor (0)  3 floor of the feed: the highest id that is left out, 0 for none  4... video ids
-- Reply {'OK'} | {'EPOCH', head}
-- Example  feed {4096}, floor 8192, ids 16384 24576 -> feed {16384, 24576}, floor "8192"
local kept_above = math.max(tonumber(redis.call('GET', KEYS[3]) or '0'), tonumber(ARGV[3]))
local places = {}
for i = 4, #ARGV do
  if tonumber(ARGV[i]) > kept_above then
    places[#places + 1] = ARGV[i]
    places[#places + 1] = ARGV[i]
  end
end
if #places > 0 then
  redis.call('ZADD', KEYS[2], unpack(places))
end
-- What was kept from before below the new floor would stand behind a hole.
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', kept_above)
redis.call('SET', KEYS[3], string.format('%.0f', kept_above))
return {'OK'}
