-- Whether a user follows another, with a version that is newer than `at_least`: state and version are one decision.
-- KEYS  1 head  2 followers
-- ARGV  1 epoch  2 floor  3 follower id  4 at_least
-- Reply {'OK', version, state} | {'EPOCH', head} | {'REWOUND'}
-- Example  followers {7}, follower 7 -> {'OK', '8192004', 1}
local follows = redis.call('SISMEMBER', KEYS[2], ARGV[3])
return {'OK', mint(ARGV[4]), follows}
