-- Which of these edges the mirror side of a bucket does not have yet. Mints an id: who relied on the answer notes it,
-- and a bucket that is behind it was rewound.
-- KEYS  1 head  2 recent
-- ARGV  1 epoch  2 floor  3... edge, version: two for each
-- Reply {'OK', id, place of each missing edge, from 0...} | {'EPOCH', head} | {'REWOUND'}
-- Example  recent {favorite:7:9 = 8192003}, edges favorite:7:9 8192003 favorite:7:8 8192002 -> {'OK', '8192004', 1}
local edges = {}
for i = 3, #ARGV, 2 do
  edges[#edges + 1] = ARGV[i]
end
local versions = #edges > 0 and redis.call('ZMSCORE', KEYS[2], unpack(edges)) or {}
local reply = {'OK', mint()}
for place = 1, #versions do
  if not versions[place] or tonumber(versions[place]) < tonumber(ARGV[place * 2 + 2]) then
    reply[#reply + 1] = place - 1
  end
end
return reply
