-- Chats of some buckets.
-- $1 buckets bigint[]
select distinct low_id, high_id
from message
where (low_id >> 5) & 255 = any($1)
order by low_id, high_id
