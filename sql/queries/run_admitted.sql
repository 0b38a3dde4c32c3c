-- Whether a run of Redis was found in order before.
-- $1 run_id text
select 1
from admitted
where run_id = $1
