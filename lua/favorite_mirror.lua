-- A user likes a video, or no longer does: the mirror end, which follows the home. Late, repeated and reordered calls
-- change nothing.
-- KEYS  1 head  2 recent  3 user  4 liked: the order of his likes  5 liked_older  6 long
-- ARGV  1 epoch  2 floor  3 user id  4 video id  5 state  6 version  7 place: the version of the change
-- Reply {'OK', last} | {'STALE', last}: ask the home again | {'NO_USER'} | {'EPOCH', head} | {'REWOUND'}
-- Example  liked {}, state 1, version and place 8192003 -> {'OK', '8192000'}; liked {9 = 8192003}, user favorites = 1
if redis.call('HEXISTS', KEYS[3], 'name') == 0 then
  return {'NO_USER'}
end
local seen = string.format('%.0f', last)
if tonumber(ARGV[6]) <= tonumber(forgotten) then
  return {'STALE', seen}
end
local edge = 'favorite:' .. ARGV[3] .. ':' .. ARGV[4]
local known = redis.call('ZSCORE', KEYS[2], edge)
if known and tonumber(known) >= tonumber(ARGV[6]) then
  return {'OK', seen}
end
local is_long = grows_long(KEYS[4], KEYS[6])
local current = state_of(KEYS[4], KEYS[5], ARGV[4])
redis.call('ZADD', KEYS[2], ARGV[6], edge)
if current ~= ARGV[5] then
  local on = ARGV[5] == '1'
  redis.call('HINCRBY', KEYS[3], 'favorites', on and 1 or -1)
  if on then
    redis.call('ZADD', KEYS[4], ARGV[7], ARGV[4])
    if is_long then
      redis.call('SADD', KEYS[6], KEYS[4])
    end
  else
    leave(KEYS[4], KEYS[5], ARGV[4])
  end
end
return {'OK', seen}
