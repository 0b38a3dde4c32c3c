-- Loads users of a closed bucket from Postgres. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... user
-- ARGV  1 epoch  2 floor (0)  3... name, one for each user
-- Reply {'OK'} | {'EPOCH', head}
-- Example  user absent, name "mia" -> {'OK'}; user {name = "mia"}
for i = 2, #KEYS do
  redis.call('HSET', KEYS[i], 'name', ARGV[i + 1])
end
return {'OK'}
