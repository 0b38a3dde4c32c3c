-- Notes that some buckets stay closed in an epoch, to be loaded, and that what was lost of them lies below their bases.
-- Fewer rows than given: another recovery has begun.
-- $1 epoch bigint, $2 buckets smallint[], $3 bases bigint[]
update bucket
set seen = greatest(seen, base.id)
from unnest($2::smallint[], $3::bigint[]) as base (bucket, id)
where bucket.bucket = base.bucket and bucket.epoch = $1 and not bucket.open
