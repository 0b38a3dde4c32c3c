-- Notes the ids that a committed step relied on, unless an epoch has changed: then fewer than all rows change.
-- $1 buckets smallint[], $2 epochs bigint[], $3 ids bigint[]
update bucket
set seen = greatest(seen, relied.id)
from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as relied (bucket, epoch, id)
where bucket.bucket = relied.bucket and bucket.epoch = relied.epoch and bucket.open
