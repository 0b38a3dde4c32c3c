use futures_util::FutureExt;

use super::*;
use crate::id::Bucket;
use crate::store::NodeRun;

/// So long that nothing ages here.
const AGE_MAX: Duration = Duration::from_secs(60);
const ID: u64 = 8_192_001;

fn admission(nodes: usize) -> Admission {
    Admission::new(vec![NodeRun { address: String::new(), run_id: String::new() }; nodes], Vec::new())
}

/// When what is read now is old.
fn later() -> Instant {
    Instant::now() + AGE_MAX * 2
}

#[test]
fn a_change_through_this_process_is_seen_at_once() {
    let marks = Marks::new(AGE_MAX);
    let stamp = marks.stamp(ID, &admission(1));
    assert!(marks.judge(Instant::now()).is_good(ID, &stamp));
    marks.changed([ID, 7]);
    let judge = marks.judge(Instant::now());
    assert!(!judge.is_good(ID, &stamp));
    assert!(judge.is_good_at(Instant::now(), ID, &stamp), "it was good when the request had begun already");
}

#[test]
fn what_redis_tells_counts_for_what_is_old_only() {
    let marks = Marks::new(AGE_MAX);
    let admission = admission(1);
    let vigil = Arc::new(Vigil::begin(&admission));
    marks.watched_by(Some(vigil.clone()));
    let stamp = marks.stamp(ID, &admission);
    assert!(!marks.judge(later()).is_good(ID, &stamp), "nothing is confirmed");
    vigil.confirm(0, later());
    assert!(marks.judge(later()).is_good(ID, &stamp));
    marks.tell(ID);
    assert!(!marks.judge(later()).is_good(ID, &stamp));
    assert!(marks.judge(Instant::now()).is_good(ID, &stamp));
}

#[test]
fn what_anyone_changed_is_touched() {
    let (marks, admission) = (Marks::new(AGE_MAX), admission(1));
    let is_untouched = |stamp: &Stamp| marks.judge(later()).is_untouched(ID, stamp.generation());
    for change in [&(|| marks.tell(ID)) as &dyn Fn(), &|| marks.changed([ID])] {
        let stamp = marks.stamp(ID, &admission);
        assert!(is_untouched(&stamp));
        change();
        assert!(!is_untouched(&stamp));
    }
}

#[test]
fn a_watch_vouches_for_its_own_admission_and_its_own_time() {
    let marks = Marks::new(AGE_MAX);
    let (former, present) = (admission(1), admission(1));
    let early = marks.stamp(ID, &present);
    let vigil = Arc::new(Vigil::begin(&present));
    marks.watched_by(Some(vigil.clone()));
    let (stamp, of_former) = (marks.stamp(ID, &present), marks.stamp(ID, &former));
    vigil.confirm(0, later());
    let is_good = |stamp| marks.judge(later()).is_good(ID, stamp);
    assert_eq!([&early, &of_former, &stamp].map(is_good), [false, false, true]);
    let are_vouched_for = |stamps: &[Stamp]| {
        let common = Common::of(stamps.iter().copied());
        common.map(|common| marks.judge(later()).vouches_for(&common))
    };
    assert_eq!(are_vouched_for(&[stamp, marks.stamp(ID + 1, &present)]), Some(true));
    assert_eq!(are_vouched_for(&[stamp, early]), Some(false));
    assert_eq!([&[of_former][..], &[stamp, of_former], &[]].map(are_vouched_for), [Some(false), None, None]);
    assert!(!marks.judge(later() + AGE_MAX * 2).is_good(ID, &stamp), "the confirmation is old, too");
    marks.watched_by(None);
    assert!(!is_good(&stamp));
}

#[test]
fn what_was_read_before_something_was_missed_is_old() {
    let marks = Marks::new(AGE_MAX);
    let admission = admission(1);
    let vigil = Arc::new(Vigil::begin(&admission));
    marks.watched_by(Some(vigil.clone()));
    let before = marks.stamp(ID, &admission);
    vigil.missed();
    let after = marks.stamp(ID, &admission);
    vigil.confirm(0, later());
    let is_good = |stamp| marks.judge(later()).is_good(ID, stamp);
    assert_eq!([&before, &after].map(is_good), [false, true]);
}

#[test]
fn every_node_has_to_confirm_and_is_asked_only_when_somebody_looks() {
    let marks = Marks::new(AGE_MAX);
    let admission = admission(2);
    let vigil = Arc::new(Vigil::begin(&admission));
    marks.watched_by(Some(vigil.clone()));
    let stamp = marks.stamp(ID, &admission);
    assert_eq!([0, 1].map(|place| vigil.is_wanted(place)), [false, false]);
    vigil.confirm(0, later());
    assert!(!marks.judge(later()).is_good(ID, &stamp));
    assert_eq!([0, 1, 1].map(|place| vigil.is_wanted(place)), [true, true, false]);
    vigil.confirm(1, later());
    assert!(marks.judge(later()).is_good(ID, &stamp));
}

#[test]
fn who_finds_that_the_watch_has_lapsed_wakes_it() {
    let marks = Marks::new(AGE_MAX);
    let vigil = Arc::new(Vigil::begin(&admission(2)));
    marks.watched_by(Some(vigil.clone()));
    let are_woken = || [0, 1].map(|place| vigil.lapsed(place).now_or_never().is_some());
    assert_eq!(are_woken(), [false, false]);
    marks.judge(later());
    assert_eq!(are_woken(), [true, true]);
    assert_eq!(are_woken(), [false, false]);
    [0, 1].iter().for_each(|place| vigil.confirm(*place, later()));
    marks.judge(later());
    assert_eq!(are_woken(), [false, false]);
}

#[test]
fn neighbouring_ids_rarely_share_a_generation() {
    let generations = Generations::new();
    let ids = |ms: u64| (0..32).map(move |number| Bucket::new(number * 8).unwrap().id_at(ms));
    ids(60_000_000_000).for_each(|id| generations.raise(id, TOLD));
    let disturbed = ids(60_000_000_001).filter(|id| generations.get(*id).0 > 0).count();
    assert!(disturbed <= 4, "{disturbed} of 32");
}
