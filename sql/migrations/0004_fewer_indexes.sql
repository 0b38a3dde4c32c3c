-- One index of favorites less for the flush to keep: the one by home finds a single favorite, too, and is as unique as the
-- key was. And the version of a comment is its id, unless it was deleted.

drop index favorite_home;
create unique index favorite_home on favorite (((to_id >> 5) & 255), to_id, from_id);
alter table favorite drop constraint favorite_pkey;

drop index comment_version;
create index comment_version on comment (version) where not is_on;
