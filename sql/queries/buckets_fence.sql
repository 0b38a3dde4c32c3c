-- Begins a recovery: no step of an earlier epoch commits after this. Gives what the buckets were.
-- $1 epoch bigint, above every epoch met, $2 buckets smallint[]
with former as (
    select bucket, epoch, open
    from bucket
    where bucket = any($2)
    for update
)
update bucket
set epoch = $1, open = false
from former
where bucket.bucket = former.bucket and bucket.epoch < $1
returning former.bucket, former.epoch, former.open
