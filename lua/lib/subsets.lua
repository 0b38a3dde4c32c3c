-- Put in front of the scripts that touch a set which may become large: who likes a video, the older followers of a user. Past
-- some hundred members Redis would spend 70 bytes on each, in a hash table; small sets of numbers take 8. So a large set lies
-- in sub-sets `<key>`, `<key>:1`, `<key>:2`..., as many as its owner's hash says (absent: one), and grows by one at a time:
-- linear hashing (Litwin 1980). The same rule, in Rust: `subset` in src/store/keys.rs.

-- The place of a member among `size` sub-sets, a power of two: the bucket's bits of its id first, then the milliseconds.
local function hash(id, size)
  return math.floor(tonumber(id) / 32) % size
end

local function numbered(key, place)
  return place == 0 and key or key .. ':' .. string.format('%d', place)
end

-- The sub-set of `count` in which a member lies if it is there.
local function subset(key, count, id)
  if count == 1 then
    return key
  end
  local size = 1
  while size < count do
    size = size * 2
  end
  local place = hash(id, size)
  return numbered(key, place < count and place or place - size / 2)
end

-- SADD or SREM of many members; gives how many changed.
local function change(command, key, count, ids)
  local parts = {}
  for _, id in ipairs(ids) do
    local part = subset(key, count, id)
    parts[part] = parts[part] or {}
    table.insert(parts[part], id)
  end
  local changed = 0
  for part, members in pairs(parts) do
    changed = changed + redis.call(command, part, unpack(members))
  end
  return changed
end

local function add(key, ids)
  for first = 1, #ids, 1000 do
    redis.call('SADD', key, unpack(ids, first, math.min(first + 999, #ids)))
  end
end

-- Splits sub-sets, one after the other, while there are more than 200 members for each: none then has over 512, where
-- Redis gives up the compact form. At most some in one call.
local function split(key, owner, field, count, members)
  for _ = 1, 8 do
    if members <= count * 200 then
      return
    end
    local size = 1
    while size * 2 <= count do
      size = size * 2
    end
    local source, target = numbered(key, count - size), numbered(key, count)
    redis.call('SCARD', target)
    local stay, go = {}, {}
    for _, id in ipairs(redis.call('SMEMBERS', source)) do
      table.insert(hash(id, size * 2) == count and go or stay, id)
    end
    -- Both anew: a set that was large keeps the costly form when it shrinks.
    redis.call('DEL', source)
    add(source, stay)
    add(target, go)
    count = count + 1
    redis.call('HSET', owner, field, count)
  end
end
