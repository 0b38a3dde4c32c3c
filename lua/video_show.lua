-- Makes a video visible in its author's list and counts it. Calling it again changes nothing but the head.
-- KEYS  1 head  2 outbox  3 user (the author)  4 video  5 works of the author
-- ARGV  1 epoch  2 floor  3 video id  4 author id  5 title  6 object
-- Reply {'OK', version} | {'NO_USER'} | {'EPOCH', head} | {'REWOUND'}
-- Example  works {} -> {'OK', '8192001'}; works {8192000}, user works = 1, outbox 8192001-0 {video = ...}
if redis.call('HEXISTS', KEYS[3], 'name') == 0 then
  return {'NO_USER'}
end
redis.call('HEXISTS', KEYS[4], 'author')
redis.call('XLEN', KEYS[2])
local absent = not redis.call('ZSCORE', KEYS[5], ARGV[3])
local version = mint()
if absent then
  redis.call('HSET', KEYS[4], 'author', ARGV[4], 'title', ARGV[5], 'object', ARGV[6])
  redis.call('ZADD', KEYS[5], ARGV[3], ARGV[3])
  redis.call('HINCRBY', KEYS[3], 'works', 1)
  redis.call('XADD', KEYS[2], version .. '-0',
    'video', ARGV[3] .. ' ' .. ARGV[4], 'title', ARGV[5], 'object', ARGV[6])
end
return {'OK', version}
