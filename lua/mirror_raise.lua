-- Has the mirror side of a bucket believe nothing any more that is not newer than `forgotten`: a history that was lost
-- elsewhere ends there.
-- KEYS  1 head
-- ARGV  1 epoch  2 floor  3 forgotten
-- Reply {'OK', id} | {'EPOCH', head} | {'REWOUND'}
-- Example  head "7 open 8192000 0", forgotten 8192003 -> {'OK', '8200192'}; head "7 open 8200192 8192003"
if tonumber(ARGV[3]) > tonumber(forgotten) then
  forgotten = ARGV[3]
end
return {'OK', mint(forgotten)}
