-- Comments on a video. Every call is a new comment.
-- KEYS  1 head  2 outbox  3 video  4 comments of the video
-- ARGV  1 epoch  2 floor  3 video id  4 user id  5 text
-- Reply {'OK', comment id} | {'NO_VIDEO'} | {'EPOCH', head} | {'REWOUND'}
-- Example  comments {} -> {'OK', '8192003'}; comments {"8192003 7 hello" = 8192003}, video comments = 1
if redis.call('HEXISTS', KEYS[3], 'author') == 0 then
  return {'NO_VIDEO'}
end
redis.call('XLEN', KEYS[2])
redis.call('ZCARD', KEYS[4])
local id = mint()
redis.call('ZADD', KEYS[4], id, id .. ' ' .. ARGV[4] .. ' ' .. ARGV[5])
redis.call('HINCRBY', KEYS[3], 'comments', 1)
redis.call('XADD', KEYS[2], id .. '-0', 'comment', id .. ' ' .. ARGV[3] .. ' ' .. ARGV[4], 'text', ARGV[5])
return {'OK', id}
