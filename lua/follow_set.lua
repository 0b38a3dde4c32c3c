-- A user follows another, or no longer does: the home end, which decides and counts. Where nothing changes it still
-- answers a fresh version, so that a repeat brings a mirror that missed the first try.
-- KEYS  1 head  2 outbox  3 user (followed)  4 followers of his  5 followed_by: their order  6 follows of his
--       7 friends of his  8 long
-- ARGV  1 epoch  2 floor  3 follower id  4 followed id  5 state: 1 follows, 0 does not
-- Reply {'OK', version} | {'SELF'} | {'NO_USER'} | {'EPOCH', head} | {'REWOUND'}
-- Example  followers {}, follows {7}, follower 7 -> {'OK', '8192003'}; followers {7}, friends {7}, user followers = 1
if ARGV[3] == ARGV[4] then
  return {'SELF'}
end
local user = redis.call('HMGET', KEYS[3], 'name', 'follower_sets')
if not user[1] then
  return {'NO_USER'}
end
local count = tonumber(user[2]) or 1
local followers = subset(KEYS[4], count, ARGV[3])
redis.call('XLEN', KEYS[2])
local is_long = redis.call('ZCARD', KEYS[5]) >= order_long and redis.call('SCARD', KEYS[8])
redis.call('ZCARD', KEYS[7])
local mutual = redis.call('SISMEMBER', KEYS[6], ARGV[3]) == 1
local follows = redis.call('SISMEMBER', followers, ARGV[3])
local version = mint()
if tostring(follows) ~= ARGV[5] then
  local on = ARGV[5] == '1'
  redis.call(on and 'SADD' or 'SREM', followers, ARGV[3])
  local members = redis.call('HINCRBY', KEYS[3], 'followers', on and 1 or -1)
  if on then
    redis.call('ZADD', KEYS[5], version, ARGV[3])
    if is_long then
      redis.call('SADD', KEYS[8], KEYS[5])
    end
  else
    redis.call('ZREM', KEYS[5], ARGV[3])
    redis.call('ZREM', KEYS[7], ARGV[3])
  end
  if on and mutual then
    redis.call('ZADD', KEYS[7], version, ARGV[3])
  end
  redis.call('XADD', KEYS[2], version .. '-0', 'kind', 'follow', 'from', ARGV[3], 'to', ARGV[4], 'on', ARGV[5])
  split(KEYS[4], KEYS[3], 'follower_sets', count, members)
end
return {'OK', version}
