-- Deletes the comments of a batch: they stay as tombstones.
-- $1 ids bigint[], $2 versions bigint[]
update comment
set version = deleted.version, is_on = false
from unnest($1::bigint[], $2::bigint[]) as deleted (id, version)
where comment.id = deleted.id and comment.version < deleted.version
