-- Removes keys of a closed bucket before it is loaded anew.
-- KEYS  1 head (closed)  2... keys to remove
-- ARGV  1 epoch  2 floor (0)
-- Reply {'OK'} | {'EPOCH', head}
-- Example  user, works present -> {'OK'}; both gone
for i = 2, #KEYS do
  redis.call('UNLINK', KEYS[i])
end
return {'OK'}
