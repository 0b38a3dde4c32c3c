-- Loads comments of a closed bucket, after its videos. Calling it again changes nothing.
-- KEYS  1 head (closed)  2... video, comments: two for each comment
-- ARGV  1 epoch  2 floor (0)  3... comment id, "<id> <user id> <text>", state: three for each comment
-- Reply {'OK'} | {'EPOCH', head}
-- Example  comments {}, 8192003 "8192003 7 hello" 1 -> {'OK'}; comments {"8192003 7 hello"}, video comments = 1
local row, rows = 0, (#KEYS - 1) / 2
while row < rows do
  local video, comments = KEYS[row * 2 + 2], KEYS[row * 2 + 3]
  local on, step = {}, 0
  repeat -- rows of one video come one after the other: one call for all of them
    local id = ARGV[row * 3 + 3]
    if ARGV[row * 3 + 5] == '1' then
      on[#on + 1] = id
      on[#on + 1] = ARGV[row * 3 + 4]
    else
      step = step - redis.call('ZREMRANGEBYSCORE', comments, id, id)
    end
    row = row + 1
  until KEYS[row * 2 + 3] ~= comments
  if #on > 0 then
    step = step + redis.call('ZADD', comments, unpack(on))
  end
  if step ~= 0 then
    redis.call('HINCRBY', video, 'comments', step)
  end
end
return {'OK'}
