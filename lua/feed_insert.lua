-- Puts a video into the global feed and trims the feed to its window. What was trimmed away is remembered by the
-- feed's floor: a late insert below it is ignored here, or the window would have a hole, and read from Postgres. Both are
-- counted: who knows the feed as of a count sees by the next one whether there was more than what he finds at its top.
-- KEYS  1 head of {feed}  2 feed  3 floor of the feed  4 count of what was put in
-- ARGV  1 epoch  2 floor  3 video id  4 window
-- Reply {'OK', last} | {'EPOCH', head} | {'REWOUND'}
-- Example  feed {8192, 16384}, window 2, video 24576 -> feed {16384, 24576}, floor "8192", count "1"
local kept_above = tonumber(redis.call('GET', KEYS[3]) or '0')
local inserts = string.format('%.0f', tonumber(redis.call('GET', KEYS[4]) or '0') + 1)
if redis.call('ZSCORE', KEYS[2], ARGV[3]) then
  return {'OK', string.format('%.0f', last)}
end
if tonumber(ARGV[3]) <= kept_above then
  redis.call('SET', KEYS[4], inserts)
  return {'OK', string.format('%.0f', last)}
end
local minted = mint() -- so that a rewind of this bucket, too, can be seen by its head
redis.call('SET', KEYS[4], inserts)
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[3])
local over = redis.call('ZCARD', KEYS[2]) - tonumber(ARGV[4])
if over > 0 then
  -- A smaller window than before is reached a thousand at a time: no call does unbounded work.
  local trimmed = redis.call('ZPOPMIN', KEYS[2], math.min(over, 1000))
  redis.call('SET', KEYS[3], trimmed[#trimmed - 1])
end
return {'OK', minted}
