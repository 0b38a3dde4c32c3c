-- Forgets a warm-up that is finished.
-- $1 parts text
delete from warmup
where parts = $1
