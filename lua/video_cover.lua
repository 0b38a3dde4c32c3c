-- Notes that the cover of a video has been made. Calling it again changes nothing but the head.
-- KEYS  1 head  2 outbox  3 video
-- ARGV  1 epoch  2 floor  3 video id
-- Reply {'OK', version} | {'NO_VIDEO'} | {'EPOCH', head} | {'REWOUND'}
-- Example  video without cover -> {'OK', '8192002'}; video cover = "1", outbox 8192002-0 {cover = id}
if redis.call('EXISTS', KEYS[3]) == 0 then
  return {'NO_VIDEO'}
end
local made = redis.call('HGET', KEYS[3], 'cover') == '1'
redis.call('XLEN', KEYS[2])
local version = mint()
if not made then
  redis.call('HSET', KEYS[3], 'cover', '1')
  redis.call('XADD', KEYS[2], version .. '-0', 'cover', ARGV[3])
end
return {'OK', version}
