-- Users, with the sizes that their sets should have.
-- $1 ids bigint[]
select
    id,
    name,
    version,
    (
        select count(*) from favorite
        where (from_id >> 5) & 255 = (users.id >> 5) & 255 and from_id = users.id and is_on
    ),
    (select count(*) from follow where (from_id >> 5) & 255 = (users.id >> 5) & 255 and from_id = users.id and is_on),
    (select count(*) from follow where (to_id >> 5) & 255 = (users.id >> 5) & 255 and to_id = users.id and is_on),
    (
        select count(*) from follow
        join follow as back on back.from_id = follow.to_id and back.to_id = follow.from_id and back.is_on
        where (follow.from_id >> 5) & 255 = (users.id >> 5) & 255 and follow.from_id = users.id and follow.is_on
    )
from users
where id = any($1::bigint[])
