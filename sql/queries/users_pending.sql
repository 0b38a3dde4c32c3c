-- Users whose registration may have died before Redis showed them.
-- $1 age in seconds double precision: only older ones, $2 count bigint
select id, name, name_key, password_hash
from users
where version = 0 and written_at < now() - make_interval(secs => $1)
order by id
limit $2
