-- How far each bucket's outbox is flushed and relayed.
select bucket, epoch, open, position, relayed, seen
from bucket
order by bucket
