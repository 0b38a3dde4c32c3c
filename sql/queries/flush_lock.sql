-- Whether this session is now the one that flushes; held until it ends.
select pg_try_advisory_lock(7230640411342)
