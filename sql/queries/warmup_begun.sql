-- What a warm-up of the same parts has done that was interrupted a while ago.
-- $1 parts text
select done
from warmup
where parts = $1 and touched_at > now() - interval '1 hour'
