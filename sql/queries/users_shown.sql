-- Notes the version at which Redis showed each user.
-- $1 ids bigint[], $2 versions bigint[]
update users
set version = shown.version
from unnest($1::bigint[], $2::bigint[]) as shown (id, version)
where users.id = shown.id and users.version < shown.version
