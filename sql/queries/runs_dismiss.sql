-- Runs of Redis that have to be compared again.
-- $1 run_ids text[]
delete from admitted
where run_id = any($1)
