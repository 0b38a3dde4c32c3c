-- Closes a bucket for recovery, unless another recovery with the same or a higher epoch was here before.
-- Loaded without lib/head.lua: it must run whatever the head says.
-- KEYS  1 head  2 installation
-- ARGV  1 new epoch  2 lowest id of the bucket, for a head that is absent  3 name of the installation, and layout
-- Reply {'OK', former head or ''} | {'EPOCH'}
-- Example  head "7 open 8192000 0", epoch 8 -> {'OK', '7 open 8192000 0'}, head "8 closed 8192000 0"
local former = redis.call('GET', KEYS[1]) or ''
local epoch, last, forgotten = string.match(former, '^(%d+) %a+ (%d+) (%d+)$')
if epoch and tonumber(epoch) >= tonumber(ARGV[1]) then
  return {'EPOCH'}
end
redis.call('SET', KEYS[1], ARGV[1] .. ' closed ' .. (last or ARGV[2]) .. ' ' .. (forgotten or '0'))
redis.call('SET', KEYS[2], ARGV[3])
return {'OK', former}
