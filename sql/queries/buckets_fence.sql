-- Begins a recovery: no step of an earlier epoch commits after this.
-- $1 epoch bigint, above every epoch met, $2 buckets smallint[]
update bucket
set epoch = $1, open = false
where epoch < $1 and bucket = any($2)
