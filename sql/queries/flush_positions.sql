-- Moves the flushed positions, in the transaction of the rows. Fewer rows than given: another flusher was here, or a
-- recovery has begun, and all is rolled back.
-- $1 buckets smallint[], $2 epochs bigint[], $3 old positions bigint[], $4 new positions bigint[], $5 open boolean
update bucket
set position = moved.new, seen = greatest(seen, moved.new)
from unnest($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[]) as moved (bucket, epoch, old, new)
where bucket.bucket = moved.bucket and bucket.open = $5 and bucket.epoch = moved.epoch and position = moved.old
