-- Put in front of the scripts that touch an order: whom a user likes or follows, and who follows him. A member stands in
-- the order, at its place, or was trimmed from it into the set of older ones; never in both (src/store/order.rs).

-- '1' where the member is in either, '0' where it is in none.
local function state_of(order, older, id)
  return (redis.call('ZSCORE', order, id) or redis.call('SISMEMBER', older, id) == 1) and '1' or '0'
end

-- Whether one more makes the order so long that it is to be noted. To be asked before anything is written.
local function grows_long(order, long)
  return redis.call('ZCARD', order) >= order_long and redis.call('SCARD', long)
end

-- Takes a member from where it is.
local function leave(order, older, id)
  if redis.call('ZREM', order, id) == 0 then
    redis.call('SREM', older, id)
  end
end
