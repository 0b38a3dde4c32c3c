-- Whether a user follows another, with a version that is newer than `at_least`: state and version are one decision.
-- KEYS  1 head  2 user (followed)  3 followed_by: the order of his followers  4 followed_by_older
-- ARGV  1 epoch  2 floor  3 follower id  4 at_least
-- Reply {'OK', version, state} | {'EPOCH', head} | {'REWOUND'}
-- Example  followed_by {7}, follower 7 -> {'OK', '8192004', 1}
local count = tonumber(redis.call('HGET', KEYS[2], 'followed_by_sets')) or 1
local current = state_of(KEYS[3], subset(KEYS[4], count, ARGV[3]), ARGV[3])
return {'OK', mint(ARGV[4]), tonumber(current)}
