-- Forgets versions of edges that are flushed and confirmed: from here on what is not newer than the highest of them
-- is stale.
-- KEYS  1 head  2 recent
-- ARGV  1 epoch  2 floor  3... edge, version: two for each
-- Reply {'OK', id} | {'EPOCH', head} | {'REWOUND'}
-- Example  recent {favorite:7:9 = 8192003}, that edge -> {'OK', '8200192'}; recent {}, head forgotten = 8192003
local asked, edges = {}, {}
for i = 3, #ARGV, 2 do
  asked[#asked + 1] = ARGV[i]
end
local versions = #asked > 0 and redis.call('ZMSCORE', KEYS[2], unpack(asked)) or {}
for place, edge in ipairs(asked) do
  local version = ARGV[place * 2 + 2]
  if versions[place] == version then
    edges[#edges + 1] = edge
    if tonumber(version) > tonumber(forgotten) then
      forgotten = version
    end
  end
end
-- Above what is forgotten: a home that is asked for a version above our last one then answers one we believe.
local id = mint(forgotten)
if #edges > 0 then
  redis.call('ZREM', KEYS[2], unpack(edges))
end
return {'OK', id}
