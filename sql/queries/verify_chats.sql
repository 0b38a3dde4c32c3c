-- How many messages chats have.
-- $1 low_ids bigint[], $2 high_ids bigint[]
select
    low_id,
    high_id,
    (
        select count(*) from message
        where
            (message.low_id >> 5) & 255 = (asked.low_id >> 5) & 255
            and message.low_id = asked.low_id
            and message.high_id = asked.high_id
    )
from unnest($1::bigint[], $2::bigint[]) as asked (low_id, high_id)
