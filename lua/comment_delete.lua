-- Deletes a comment: its author may, and the author of the video.
-- KEYS  1 head  2 outbox  3 video  4 comments of the video
-- ARGV  1 epoch  2 floor  3 video id  4 comment id  5 user id (who deletes)
-- Reply {'OK', version, deleted comment} | {'NO_VIDEO'} | {'NO_COMMENT'} | {'NOT_YOURS'} | {'EPOCH', head} | {'REWOUND'}
-- Example  comments {"8192003 7 hello"}, user 7 -> {'OK', '8192004', "8192003 7 hello"}; video comments = 0
local video_author = redis.call('HGET', KEYS[3], 'author')
if not video_author then
  return {'NO_VIDEO'}
end
local comment = redis.call('ZRANGE', KEYS[4], ARGV[4], ARGV[4], 'BYSCORE')[1]
if not comment then
  return {'NO_COMMENT'}
end
if ARGV[5] ~= video_author and ARGV[5] ~= string.match(comment, '^%d+ (%d+) ') then
  return {'NOT_YOURS'}
end
redis.call('XLEN', KEYS[2])
local version = mint()
redis.call('ZREM', KEYS[4], comment)
redis.call('HINCRBY', KEYS[3], 'comments', -1)
redis.call('XADD', KEYS[2], version .. '-0', 'uncomment', ARGV[4])
return {'OK', version, comment}
