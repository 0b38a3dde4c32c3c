-- Who follows a user, the last one first.
-- $1 user id bigint, $2 version bigint: only older ones, $3 count bigint
select from_id, version
from follow
where (to_id >> 5) & 255 = ($1::bigint >> 5) & 255 and to_id = $1::bigint and version < $2::bigint and is_on
order by version desc
limit $3::bigint
