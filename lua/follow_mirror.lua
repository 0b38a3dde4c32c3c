-- A user follows another, or no longer does: the mirror end, which follows the home. Late, repeated and reordered
-- calls change nothing.
-- KEYS  1 head  2 recent  3 user (the follower)  4 followed: the order of his follows  5 followed_older
--       6 followed_by: the order of his followers  7 followed_by_older  8 friends of his  9 long
-- ARGV  1 epoch  2 floor  3 follower id  4 followed id  5 state  6 version  7 place: the version of the change
-- Reply {'OK', last} | {'STALE', last}: ask the home again | {'NO_USER'} | {'EPOCH', head} | {'REWOUND'}
-- Example  followed {}, followed_by {9}, followed 9 -> {'OK', '8192000'}; followed {9}, friends {9}, user follows = 1
local user = redis.call('HMGET', KEYS[3], 'name', 'followed_by_sets')
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
local is_long = grows_long(KEYS[4], KEYS[9])
redis.call('ZCARD', KEYS[8])
local mutual = state_of(KEYS[6], subset(KEYS[7], tonumber(user[2]) or 1, ARGV[4]), ARGV[4]) == '1'
local current = state_of(KEYS[4], KEYS[5], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[6], edge)
if current ~= ARGV[5] then
  local on = ARGV[5] == '1'
  redis.call('HINCRBY', KEYS[3], 'follows', on and 1 or -1)
  if on then
    redis.call('ZADD', KEYS[4], ARGV[7], ARGV[4])
    if is_long then
      redis.call('SADD', KEYS[9], KEYS[4])
    end
  else
    leave(KEYS[4], KEYS[5], ARGV[4])
    redis.call('ZREM', KEYS[8], ARGV[4])
  end
  if on and mutual then
    redis.call('ZADD', KEYS[8], ARGV[7], ARGV[4])
  end
end
return {'OK', seen}
