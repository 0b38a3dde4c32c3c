-- A user follows another, or no longer does: the mirror end, which follows the home. Late, repeated and reordered
-- calls change nothing.
-- KEYS  1 head  2 recent  3 user (the follower)  4 follows of his  5 followed: their order  6 followers of his
--       7 friends of his  8 long
-- ARGV  1 epoch  2 floor  3 follower id  4 followed id  5 state  6 version  7 place: the version of the change
-- Reply {'OK', last} | {'STALE', last}: ask the home again | {'NO_USER'} | {'EPOCH', head} | {'REWOUND'}
-- Example  follows {}, followers {9}, followed 9 -> {'OK', '8192000'}; follows {9}, friends {9}, user follows = 1
local user = redis.call('HMGET', KEYS[3], 'name', 'follower_sets')
if not user[1] then
  return {'NO_USER'}
end
local seen = string.format('%.0f', last)
if tonumber(ARGV[6]) <= tonumber(forgotten) then
  return {'STALE', seen}
end
local edge = 'follow:' .. ARGV[3] .. ':' .. ARGV[4]
local known = redis.call('ZSCORE', KEYS[2], edge)
if known and tonumber(known) >= tonumber(ARGV[6]) then
  return {'OK', seen}
end
local count = tonumber(user[2]) or 1
local is_long = redis.call('ZCARD', KEYS[5]) >= order_long and redis.call('SCARD', KEYS[8])
redis.call('ZCARD', KEYS[7])
local mutual = redis.call('SISMEMBER', subset(KEYS[6], count, ARGV[4]), ARGV[4]) == 1
local follows = redis.call('SISMEMBER', KEYS[4], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[6], edge)
if tostring(follows) ~= ARGV[5] then
  local on = ARGV[5] == '1'
  redis.call(on and 'SADD' or 'SREM', KEYS[4], ARGV[4])
  redis.call('HINCRBY', KEYS[3], 'follows', on and 1 or -1)
  if on then
    redis.call('ZADD', KEYS[5], ARGV[7], ARGV[4])
    if is_long then
      redis.call('SADD', KEYS[8], KEYS[5])
    end
  else
    redis.call('ZREM', KEYS[5], ARGV[4])
    redis.call('ZREM', KEYS[7], ARGV[4])
  end
  if on and mutual then
    redis.call('ZADD', KEYS[7], ARGV[7], ARGV[4])
  end
end
return {'OK', seen}
