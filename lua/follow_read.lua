-- Whether a user follows another, with a version that is newer than `at_least`: state and version are one decision.
-- KEYS  1 head  2 user (followed)  3 followers of his
-- ARGV  1 epoch  2 floor  3 follower id  4 at_least
-- Reply {'OK', version, state} | {'EPOCH', head} | {'REWOUND'}
-- Example  followers {7}, follower 7 -> {'OK', '8192004', 1}
local count = tonumber(redis.call('HGET', KEYS[2], 'follower_sets')) or 1
local follows = redis.call('SISMEMBER', subset(KEYS[3], count, ARGV[3]), ARGV[3])
return {'OK', mint(ARGV[4]), follows}
