-- Likes by their keys, each by the index: of a small table Postgres would rather read all for a batch.
-- $1 from_ids bigint[], $2 to_ids bigint[]
select found.from_id, found.to_id, found.version, found.is_on
from unnest($1::bigint[], $2::bigint[]) as asked (from_id, to_id)
cross join lateral (
    select from_id, to_id, version, is_on
    from favorite
    where (to_id >> 5) & 255 = (asked.to_id >> 5) & 255 and to_id = asked.to_id and from_id = asked.from_id
    limit 1
) as found
