-- Put in front of every script by the loader (src/store/script.rs), which first sets `expected_state` and
-- `order_long`: from which length on an order is noted to be trimmed.
-- KEYS[1]  head of the bucket: "<epoch> <open|closed> <last> <forgotten>"
-- ARGV[1]  epoch the caller expects
-- ARGV[2]  floor: the highest id of this bucket that the caller had seen when it sent the call
-- Returns {'EPOCH', head or ''} or {'REWOUND'} before anything is written; else falls through to the script.
local head = redis.call('GET', KEYS[1]) or ''
local epoch, state, last, forgotten = string.match(head, '^(%d+) (%a+) (%d+) (%d+)$')
if epoch ~= ARGV[1] or state ~= expected_state then
  return {'EPOCH', head}
end
last = tonumber(last)
if last < tonumber(ARGV[2]) then
  return {'REWOUND'}
end

-- The next id of the bucket, as a string; above `at_least` where one is given (a Lamport clock: what was seen of
-- another bucket lies behind what is decided now). Ids are ms since 2023-01-01 * 8192 + bucket * 32 + sequence; without the
-- bucket bits they are a count of ticks, 32 to a millisecond, which only grows: also when the clock steps back.
local function mint(at_least)
  local clock = redis.call('TIME')
  local now_ms = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000) - 1672531200000
  local bucket = math.floor(last / 32) % 256
  local tick = math.max(now_ms * 32, math.floor(last / 8192) * 32 + last % 32 + 1)
  if at_least then
    -- A whole millisecond on: the bits of another bucket may be the higher ones.
    tick = math.max(tick, (math.floor(tonumber(at_least) / 8192) + 1) * 32)
  end
  last = math.floor(tick / 32) * 8192 + bucket * 32 + tick % 32
  if last > 9007199254740991 then
    error('no ids are left below 2^53')
  end
  local id = string.format('%.0f', last)
  redis.call('SET', KEYS[1], epoch .. ' ' .. state .. ' ' .. id .. ' ' .. forgotten)
  return id
end
