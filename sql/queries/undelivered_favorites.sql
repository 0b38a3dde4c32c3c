-- Favorites of some buckets whose other end may not have them yet and lies in a bucket that is open.
-- $1 buckets bigint[]: the homes; their own mirrors are left out
select from_id, to_id, favorite.version, is_on
from favorite
join bucket as home on home.bucket = (to_id >> 5) & 255
join bucket as mirror on mirror.bucket = (from_id >> 5) & 255
where
    (to_id >> 5) & 255 = any($1)
    and favorite.version > home.relayed
    and not (from_id >> 5) & 255 = any($1)
    and mirror.open
order by (from_id >> 5) & 255, favorite.version
