-- Trims an outbox behind what both ends have.
-- KEYS  1 head  2 outbox  3 trimmed: the highest such position
-- ARGV  1 epoch  2 floor  3 position: entries below it go
-- Reply {'OK', last} | {'EPOCH', head} | {'REWOUND'}
-- Example  outbox 8192000-0 8192001-0, position 8192001 -> {'OK', '8192001'}; outbox 8192001-0, trimmed "8192001"
local former = tonumber(redis.call('GET', KEYS[3]) or '0')
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[3])
if tonumber(ARGV[3]) > former then
  redis.call('SET', KEYS[3], ARGV[3])
end
return {'OK', string.format('%.0f', last)}
