-- Removes counts from hashes of a closed bucket whose sets are loaded anew.
-- KEYS  1 head (closed)  2... users or videos
-- ARGV  1 epoch  2 floor (0)  3... fields
-- Reply {'OK'} | {'EPOCH', head}
-- Example  user {name = "mia", follows = 2}, field follows -> {'OK'}; user {name = "mia"}
for i = 2, #KEYS do
  redis.call('HDEL', KEYS[i], unpack(ARGV, 3))
end
return {'OK'}
