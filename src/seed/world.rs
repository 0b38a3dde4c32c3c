//! Plans the demo world: its users, and who publishes what.

use super::clips;
use super::dice::Dice;
use super::looks::LOOKS;
use super::ranking::Ranking;
use super::{names, titles};

/// The password of every demo user, so that anyone can look at the world through any pair of eyes.
pub const PASSWORD: &str = "riffle-demo";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct World {
    pub users: Vec<PlannedUser>,
    /// In the order in which they are to be published.
    pub videos: Vec<PlannedVideo>,
    /// How many clips the videos use: pass it to [`clips::render`].
    pub clips: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedUser {
    /// 1 to 32 characters, unique after folding of case.
    pub name: String,
    pub password: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedVideo {
    /// Index into [`World::users`].
    pub author: usize,
    /// 1 to 128 characters.
    pub title: String,
    /// Index into what [`clips::render`] answers, below [`World::clips`].
    pub clip: usize,
}

/// The same arguments give the same world, in every release. The number of users changes no title, the number of videos
/// no name. Without users there are no videos.
pub fn plan(seed: u64, users: usize, videos: usize) -> World {
    let planned = names::names(&mut Dice::new(seed, "names"), users);
    let authors = stars(seed, users);
    let videos = if users == 0 { 0 } else { videos };
    let clips = videos.min(clips::COUNT);
    let (mut author_dice, mut title_dice) = (Dice::new(seed, "videos"), Dice::new(seed, "titles"));
    let order = clip_order(Dice::new(seed, "clips"), videos, clips);
    World {
        users: planned.into_iter().map(|name| PlannedUser { name, password: PASSWORD.to_owned() }).collect(),
        videos: order
            .map(|clip| PlannedVideo {
                author: authors.pick(&mut author_dice),
                title: titles::title(&mut title_dice, LOOKS[clip].topic),
                clip,
            })
            .collect(),
        clips,
    }
}

/// Who is known how widely: who publishes much is also followed much.
pub(super) fn stars(seed: u64, users: usize) -> Ranking {
    Ranking::new(&mut Dice::new(seed, "authors"), users)
}

/// Every clip once in each round, each round in an order of its own: neighbours in the feed look different.
fn clip_order(mut dice: Dice, videos: usize, clips: usize) -> impl Iterator<Item = usize> {
    let mut round: Vec<usize> = (0..clips).collect();
    (0..videos).map(move |video| {
        if video % clips == 0 {
            let last = round.last().copied();
            dice.shuffle(&mut round);
            if round.first().copied() == last {
                round.rotate_left(1);
            }
        }
        round[video % clips]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use unicode_normalization::UnicodeNormalization;
    use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

    /// As the service compares names.
    fn folded(name: &str) -> String {
        let normal: String = name.nfkc().collect();
        caseless::default_case_fold_str(&normal).nfkc().collect()
    }

    /// No control, format (bidi, zero-width) or unassigned character, no variation selector.
    fn is_plain(text: &str) -> bool {
        text.chars().all(|c| {
            c.general_category_group() != GeneralCategoryGroup::Other && !('\u{fe00}'..='\u{fe0f}').contains(&c)
        })
    }

    fn check(users: usize, videos: usize) {
        let world = plan(9, users, videos);
        assert_eq!(world, plan(9, users, videos));
        assert_eq!((world.users.len(), world.videos.len()), (users, if users == 0 { 0 } else { videos }));
        let names: HashSet<String> = world.users.iter().map(|user| folded(&user.name)).collect();
        assert_eq!(names.len(), users);
        for PlannedUser { name, password } in &world.users {
            assert!((1..=32).contains(&name.chars().count()) && name.trim() == name && is_plain(name), "{name:?}");
            assert!((5..=72).contains(&password.len()));
        }
        for PlannedVideo { author, title, clip } in &world.videos {
            assert!(*author < users && *clip < world.clips);
            assert!(
                (1..=128).contains(&title.chars().count()) && title.trim() == title && is_plain(title),
                "{title:?}"
            );
            assert!(!title.contains(['{', '}']), "{title:?}");
        }
    }

    #[test]
    fn every_size_of_world_keeps_the_bounds_and_repeats() {
        for (users, videos) in [(0, 0), (0, 5), (1, 0), (1, 1), (1, 40), (50, 200), (20_000, 5_000)] {
            check(users, videos);
        }
    }

    #[test]
    fn names_stay_unique_for_a_hundred_thousand_users() {
        let world = plan(3, 100_000, 0);
        let names: HashSet<String> = world.users.iter().map(|user| folded(&user.name)).collect();
        assert_eq!(names.len(), 100_000);
    }

    #[test]
    fn a_few_authors_publish_much_and_most_a_little() {
        let mut works = vec![0_usize; 100];
        for video in plan(4, 100, 2_000).videos {
            works[video.author] += 1;
        }
        works.sort_unstable();
        assert!(works[90..].iter().sum::<usize>() > 900, "{works:?}");
        assert!(works[50] < 20, "{works:?}");
    }

    #[test]
    fn neighbours_in_the_feed_look_different() {
        let videos = plan(5, 50, 500).videos;
        assert!(videos.windows(2).all(|pair| pair[0].clip != pair[1].clip));
    }

    #[test]
    fn another_seed_is_another_world() {
        assert_ne!(plan(1, 50, 200), plan(2, 50, 200));
    }

    #[test]
    fn titles_rarely_repeat() {
        let titles: HashSet<String> = plan(6, 50, 200).videos.into_iter().map(|video| video.title).collect();
        assert!(titles.len() > 190, "{}", titles.len());
    }
}
