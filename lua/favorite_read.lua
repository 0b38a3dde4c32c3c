-- Whether a user likes a video, with a version that is newer than `at_least`: state and version are one decision.
-- KEYS  1 head  2 video  3 likers of the video
-- ARGV  1 epoch  2 floor  3 user id  4 at_least
-- Reply {'OK', version, state} | {'EPOCH', head} | {'REWOUND'}
-- Example  likers {7}, user 7 -> {'OK', '8192004', 1}
local count = tonumber(redis.call('HGET', KEYS[2], 'liker_sets')) or 1
local likes = redis.call('SISMEMBER', subset(KEYS[3], count, ARGV[3]), ARGV[3])
return {'OK', mint(ARGV[4]), likes}
