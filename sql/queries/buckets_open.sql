-- Ends a recovery, unless another one has begun: then fewer rows than given change.
-- $1 epoch bigint, $2 buckets smallint[], $3 bases bigint[]
update bucket
set open = true, position = base.id, relayed = base.id, seen = greatest(seen, base.id)
from unnest($2::smallint[], $3::bigint[]) as base (bucket, id)
where bucket.bucket = base.bucket and bucket.epoch = $1 and not bucket.open
