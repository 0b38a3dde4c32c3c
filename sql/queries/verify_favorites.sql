-- Likes by their keys.
-- $1 from_ids bigint[], $2 to_ids bigint[]
select favorite.from_id, favorite.to_id, version, is_on
from favorite
join unnest($1::bigint[], $2::bigint[]) as asked (from_id, to_id)
    on favorite.from_id = asked.from_id and favorite.to_id = asked.to_id
