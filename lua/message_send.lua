-- Sends a message. Its time is unique within the chat and never goes back, so that who asks for what is newer than
-- the last one he saw gets every message once.
-- KEYS  1 head  2 outbox  3 friends of the user with the lower id  4 chat
-- ARGV  1 epoch  2 floor  3 lower user id  4 higher user id  5 sender id  6 text  7 who may: friends or anyone
-- Reply {'OK', message id} | {'NOT_FRIENDS'} | {'EPOCH', head} | {'REWOUND'}
-- Example  friends {9}, chat {} at 1672531201000 -> {'OK', '8192003'}; chat {"8192003 7 hello" = 1672531201000}
if ARGV[7] ~= 'anyone' and not redis.call('ZSCORE', KEYS[3], ARGV[4]) then
  return {'NOT_FRIENDS'}
end
redis.call('XLEN', KEYS[2])
local newest = redis.call('ZRANGE', KEYS[4], -1, -1, 'WITHSCORES')[2]
local clock = redis.call('TIME')
local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)
local time = string.format('%.0f', math.max(now_ms, tonumber(newest or '0') + 1))
local id = mint()
redis.call('ZADD', KEYS[4], time, id .. ' ' .. ARGV[5] .. ' ' .. ARGV[6])
redis.call('XADD', KEYS[2], id .. '-0',
  'message', table.concat({id, ARGV[3], ARGV[4], ARGV[5], time}, ' '), 'text', ARGV[6])
return {'OK', id}
