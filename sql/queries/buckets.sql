-- All buckets. `seen` includes the newest rows: their ids were minted in Redis before they were written here.
select
    bucket,
    epoch,
    open,
    position,
    relayed,
    greatest(
        seen,
        (select max(id) from users where (id >> 5) & 255 = bucket),
        (select max(id) from videos where (id >> 5) & 255 = bucket)
    ) as seen
from bucket
order by bucket
