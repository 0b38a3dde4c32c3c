-- The epochs of all buckets, held against a fence until the transaction ends.
select epoch
from bucket
order by bucket
for share
