-- Moves members whose places Postgres has from an order to the set of older ones: where these stand in the list is read
-- there. Members that were placed anew since stay. What is left of a long order is written anew, or Redis would keep it in
-- the form of a large one.
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
local highest, doomed = user[2] or '0', {}
for i = 4, #ARGV, 2 do
  local place = redis.call('ZSCORE', KEYS[4], ARGV[i + 1])
  if place and tonumber(place) == tonumber(ARGV[i]) then
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
  redis.call('ZREM', KEYS[4], unpack(doomed))
  change('SADD', KEYS[5], count, doomed)
  redis.call('HSET', KEYS[3], floor_field, highest)
  if has_sets then
    split(KEYS[5], KEYS[3], 'followed_by_sets', count, (tonumber(user[4]) or 0) - size)
  end
end
if size <= order_long then
  redis.call('SREM', KEYS[2], KEYS[4])
  local kept = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
  redis.call('DEL', KEYS[4])
  for i = 1, #kept, 2 do
    redis.call('ZADD', KEYS[4], kept[i + 1], kept[i])
  end
end
return {'OK'}
