-- Moves members whose places Postgres has from an order to the set of older ones: where these stand in the list is read
-- there. They are the oldest of the order; what was placed anew since, or has an older one before it by now, stays until the
-- next time.
-- KEYS  1 head  2 long  3 user  4 order  5 its older ones
-- ARGV  1 epoch  2 floor  3 name of the order  4... place, member: two for each
-- Reply {'OK'} | {'NO_USER'} | {'EPOCH', head} | {'REWOUND'}
-- Example  liked {9 = 8192003, 8 = 8192004}, place 8192003 member 9 -> {'OK'}; liked {8}, liked_older {9}, user
--          liked_floor = 8192003
local floor_field = ARGV[3] .. '_floor'
local user = redis.call('HMGET', KEYS[3], 'name', floor_field, 'followed_by_sets', 'followers')
if not user[1] then
  return {'NO_USER'}
end
redis.call('SCARD', KEYS[2])
redis.call('SCARD', KEYS[5])
local asked = (#ARGV - 3) / 2
local oldest = asked > 0 and redis.call('ZRANGE', KEYS[4], 0, asked - 1, 'WITHSCORES') or {}
local places = {}
for i = 1, #oldest, 2 do
  places[oldest[i]] = oldest[i + 1]
end
local highest, doomed = user[2] or '0', {}
for i = 4, #ARGV, 2 do
  if places[ARGV[i + 1]] == ARGV[i] then
    doomed[#doomed + 1] = ARGV[i + 1]
    if tonumber(ARGV[i]) > tonumber(highest) then
      highest = ARGV[i]
    end
  end
end
local size = redis.call('ZCARD', KEYS[4]) - #doomed
if #doomed > 0 then
  -- Followers lie in sub-sets, likes and follows do not.
  local has_sets = ARGV[3] == 'followed_by'
  local count = has_sets and tonumber(user[3]) or 1
  if #doomed == asked then
    redis.call('ZREMRANGEBYRANK', KEYS[4], 0, asked - 1)
  else
    redis.call('ZREM', KEYS[4], unpack(doomed))
  end
  change('SADD', KEYS[5], count, doomed)
  redis.call('HSET', KEYS[3], floor_field, highest)
  if has_sets then
    split(KEYS[5], KEYS[3], 'followed_by_sets', count, (tonumber(user[4]) or 0) - size)
  end
end
if size <= order_long then
  redis.call('SREM', KEYS[2], KEYS[4])
  -- One that was large keeps the costly form when it shrinks, unless it is written anew.
  if redis.call('OBJECT', 'ENCODING', KEYS[4]) == 'skiplist' then
    local kept, pairs_kept = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES'), {}
    for i = 1, #kept, 2 do
      pairs_kept[i], pairs_kept[i + 1] = kept[i + 1], kept[i]
    end
    redis.call('DEL', KEYS[4])
    redis.call('ZADD', KEYS[4], unpack(pairs_kept))
  end
end
return {'OK'}
