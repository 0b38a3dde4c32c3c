-- Notes the covers of a batch as made.
-- $1 ids bigint[], $2 versions bigint[]
update videos
set cover = 1, version = greatest(videos.version, made.version)
from unnest($1::bigint[], $2::bigint[]) as made (id, version)
where videos.id = made.id
