-- Forgets versions of edges that are flushed and confirmed: from here on what is not newer than the highest of them
-- is stale.
-- KEYS  1 head  2 recent
-- ARGV  1 epoch  2 floor  3... edge, version: two for each
-- Reply {'OK', id} | {'EPOCH', head} | {'REWOUND'}
-- Example  recent {favorite:7:9 = 8192003}, that edge -> {'OK', '8200192'}; recent {}, head forgotten = 8192003
local edges = {}
for i = 3, #ARGV, 2 do
  if redis.call('ZSCORE', KEYS[2], ARGV[i]) == ARGV[i + 1] then
    edges[#edges + 1] = ARGV[i]
    if tonumber(ARGV[i + 1]) > tonumber(forgotten) then
      forgotten = ARGV[i + 1]
    end
  end
end
-- Above what is forgotten: a home that is asked for a version above our last one then answers one we believe.
local id = mint(forgotten)
for _, edge in ipairs(edges) do
  redis.call('ZREM', KEYS[2], edge)
end
return {'OK', id}
