-- Messages by their ids.
-- $1 ids bigint[]
select id, low_id, high_id, from_id, sent_ms, content
from message
where id = any($1::bigint[])
