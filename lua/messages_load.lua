-- Loads messages of a closed bucket. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... chat: one for each message
-- ARGV  1 epoch  2 floor (0)  3... time, "<id> <sender id> <text>": two for each message
-- Reply {'OK'} | {'EPOCH', head}
-- Example  chat {}, 1672531201000 "8192003 7 hello" -> {'OK'}; chat {"8192003 7 hello" = 1672531201000}
for i = 2, #KEYS do
  redis.call('ZADD', KEYS[i], ARGV[i * 2 - 1], ARGV[i * 2])
end
return {'OK'}
