-- How many rows there are to compare, for showing progress.
select
    (select count(*) from users),
    (select count(*) from videos),
    (select count(*) from favorite where is_on),
    (select count(*) from follow where is_on),
    (select count(*) from comment where is_on),
    (select count(*) from message)
