-- Adds the messages of a batch; one that is there stays as it is.
-- $1 ids bigint[], $2 low_ids bigint[], $3 high_ids bigint[], $4 from_ids bigint[], $5 sent_ms bigint[], $6 contents text[]
insert into message (id, low_id, high_id, from_id, sent_ms, content)
select *
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[])
on conflict (id) do nothing
