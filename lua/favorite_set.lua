-- A user likes a video, or no longer does: the home end, which decides and counts. Where nothing changes it still
-- answers a fresh version, so that a repeat brings a mirror that missed the first try.
-- KEYS  1 head  2 outbox  3 video  4 user (the author)  5 likers of the video
-- ARGV  1 epoch  2 floor  3 user id  4 video id  5 state: 1 likes, 0 does not
-- Reply {'OK', version} | {'NO_VIDEO'} | {'EPOCH', head} | {'REWOUND'}
-- Example  likers {}, state 1 -> {'OK', '8192003'}; likers {7}, video favorites = 1, author favorited = 1
local video = redis.call('HMGET', KEYS[3], 'author', 'liker_sets')
if video[1] ~= string.match(KEYS[4], '(%d+)$') then
  return {'NO_VIDEO'}
end
redis.call('HEXISTS', KEYS[4], 'favorited')
redis.call('XLEN', KEYS[2])
local count = tonumber(video[2]) or 1
local likers = subset(KEYS[5], count, ARGV[3])
local likes = redis.call('SISMEMBER', likers, ARGV[3])
local version = mint()
if tostring(likes) ~= ARGV[5] then
  local step = ARGV[5] == '1' and 1 or -1
  redis.call(step == 1 and 'SADD' or 'SREM', likers, ARGV[3])
  local members = redis.call('HINCRBY', KEYS[3], 'favorites', step)
  redis.call('HINCRBY', KEYS[4], 'favorited', step)
  redis.call('XADD', KEYS[2], version .. '-0', 'favorite', ARGV[3] .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
  split(KEYS[5], KEYS[3], 'liker_sets', count, members)
end
return {'OK', version}
