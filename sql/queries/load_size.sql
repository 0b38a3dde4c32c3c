-- How many bytes all rows take that Redis is loaded from: about 100 each.
select (
    pg_table_size('users') + pg_table_size('videos') + pg_table_size('favorite') + pg_table_size('follow')
    + pg_table_size('comment') + pg_table_size('message')
)::bigint
