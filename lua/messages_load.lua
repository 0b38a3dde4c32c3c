-- Loads messages of a closed bucket. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... chat: one for each message
-- ARGV  1 epoch  2 floor (0)  3... time, "<id> <sender id> <text>": two for each message
-- Reply {'OK'} | {'EPOCH', head}
-- Example  chat {}, 1672531201000 "8192003 7 hello" -> {'OK'}; chat {"8192003 7 hello" = 1672531201000}
local row = 2
while row <= #KEYS do
  local chat, messages = KEYS[row], {}
  repeat -- messages of one chat come one after the other: one call for all of them
    messages[#messages + 1] = ARGV[row * 2 - 1]
    messages[#messages + 1] = ARGV[row * 2]
    row = row + 1
  until KEYS[row] ~= chat
  redis.call('ZADD', chat, unpack(messages))
end
return {'OK'}
