-- A user follows another, or no longer does: the home end, which decides and counts. Where nothing changes it still
-- answers a fresh version, so that a repeat brings a mirror that missed the first try.
-- KEYS  1 head  2 outbox  3 user (followed)  4 followed_by: the order of his followers  5 followed_by_older
--       6 followed: the order of his follows  7 followed_older  8 friends of his  9 long
-- ARGV  1 epoch  2 floor  3 follower id  4 followed id  5 state: 1 follows, 0 does not
-- Reply {'OK', version} | {'SELF'} | {'NO_USER'} | {'EPOCH', head} | {'REWOUND'}
-- Example  followed_by {}, followed {7}, follower 7 -> {'OK', '8192003'}; followed_by {7}, friends {7}, user followers = 1
if ARGV[3] == ARGV[4] then
  return {'SELF'}
end
local user = redis.call('HMGET', KEYS[3], 'name', 'followed_by_sets')
if not user[1] then
  return {'NO_USER'}
end
local older = subset(KEYS[5], tonumber(user[2]) or 1, ARGV[3])
redis.call('XLEN', KEYS[2])
local is_long = grows_long(KEYS[4], KEYS[9])
redis.call('ZCARD', KEYS[8])
local mutual = state_of(KEYS[6], KEYS[7], ARGV[3]) == '1'
local current = state_of(KEYS[4], older, ARGV[3])
local version = mint()
if current ~= ARGV[5] then
  local on = ARGV[5] == '1'
  redis.call('HINCRBY', KEYS[3], 'followers', on and 1 or -1)
  if on then
    redis.call('ZADD', KEYS[4], version, ARGV[3])
    if is_long then
      redis.call('SADD', KEYS[9], KEYS[4])
    end
  else
    leave(KEYS[4], older, ARGV[3])
    redis.call('ZREM', KEYS[8], ARGV[3])
  end
  if on and mutual then
    redis.call('ZADD', KEYS[8], version, ARGV[3])
  end
  redis.call('XADD', KEYS[2], version .. '-0', 'follow', ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
end
return {'OK', version}
