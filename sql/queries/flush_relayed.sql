-- Notes up to where both ends have everything. Fewer rows than given: a recovery has begun.
-- $1 buckets smallint[], $2 epochs bigint[], $3 relayed bigint[]
update bucket
set relayed = greatest(bucket.relayed, moved.relayed)
from unnest($1::smallint[], $2::bigint[], $3::bigint[]) as moved (bucket, epoch, relayed)
where bucket.bucket = moved.bucket and bucket.open and bucket.epoch = moved.epoch
