-- Follows by their keys.
-- $1 from_ids bigint[], $2 to_ids bigint[]
select follow.from_id, follow.to_id, version, is_on
from follow
join unnest($1::bigint[], $2::bigint[]) as asked (from_id, to_id)
    on follow.from_id = asked.from_id and follow.to_id = asked.to_id
