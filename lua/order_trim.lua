-- Removes members from an order whose places Postgres has: the older part of a list is read there. Members that were
-- placed anew since stay. What is left of a long order is written anew, or Redis would keep it in the form of a large one.
-- KEYS  1 head  2 long  3 user  4 order
-- ARGV  1 epoch  2 floor  3 field of the user: the highest place that was ever removed  4... place, member: two for each
-- Reply {'OK'} | {'NO_USER'} | {'EPOCH', head} | {'REWOUND'}
-- Example  liked {9 = 8192003, 8 = 8192004}, place 8192003 member 9 -> {'OK'}; liked {8}, user liked_floor = 8192003
local fields = redis.call('HMGET', KEYS[3], 'name', ARGV[3])
if not fields[1] then
  return {'NO_USER'}
end
redis.call('SCARD', KEYS[2])
local highest, doomed = fields[2] or '0', {}
for i = 4, #ARGV, 2 do
  local place = redis.call('ZSCORE', KEYS[4], ARGV[i + 1])
  if place and tonumber(place) == tonumber(ARGV[i]) then
    doomed[#doomed + 1] = ARGV[i + 1]
    if tonumber(ARGV[i]) > tonumber(highest) then
      highest = ARGV[i]
    end
  end
end
if #doomed > 0 then
  redis.call('ZREM', KEYS[4], unpack(doomed))
  redis.call('HSET', KEYS[3], ARGV[3], highest)
end
local size = redis.call('ZCARD', KEYS[4])
if size <= order_long then
  redis.call('SREM', KEYS[2], KEYS[4])
  local kept = redis.call('ZRANGE', KEYS[4], 0, -1, 'WITHSCORES')
  redis.call('DEL', KEYS[4])
  for i = 1, #kept, 2 do
    redis.call('ZADD', KEYS[4], kept[i + 1], kept[i])
  end
end
return {'OK'}
