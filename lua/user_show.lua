-- Makes a user visible. Calling it again changes nothing but the head.
-- KEYS  1 head  2 outbox  3 user
-- ARGV  1 epoch  2 floor  3 user id  4 name  5 name as it is unique  6 password hash
-- Reply {'OK', version} | {'EPOCH', head} | {'REWOUND'}
-- Example  user absent -> {'OK', '8192000'}; user {name = "mia"}, outbox 8192000-0 {user = "8192000", name...}
local absent = redis.call('HEXISTS', KEYS[3], 'name') == 0
redis.call('XLEN', KEYS[2]) -- fails on a key of the wrong type before the first write
local version = mint()
if absent then
  redis.call('HSET', KEYS[3], 'name', ARGV[4])
  redis.call('XADD', KEYS[2], version .. '-0',
    'user', ARGV[3], 'name', ARGV[4], 'key', ARGV[5], 'hash', ARGV[6])
end
return {'OK', version}
