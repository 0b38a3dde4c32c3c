-- Notes the version at which Redis showed each video.
-- $1 ids bigint[], $2 versions bigint[]
update videos
set version = shown.version
from unnest($1::bigint[], $2::bigint[]) as shown (id, version)
where videos.id = shown.id and videos.version < shown.version
