//! New users and videos. They come into the world while the others act, and take part from the next round on.

use futures_util::future::join;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

use super::state::{Cast, Clock, Moment, Person, Video};
use crate::harness::{Account, Client, clip, code};

pub async fn round(
    client: &Client,
    cast: &Cast,
    clock: &Clock,
    seed: u64,
    round: usize,
    people: usize,
    videos: usize,
) -> Arc<Cast> {
    let mut random = StdRng::seed_from_u64(seed.wrapping_add(round as u64));
    let mut cast = cast.clone();
    for number in 0..people {
        let name = format!("Person {round}-{number}");
        let person = if random.random_bool(0.2) {
            raced(client, &name).await
        } else {
            Person { account: client.register(&name).await, name }
        };
        cast.people.push(person);
    }
    let broken = client.try_publish(&cast.people[0].account, "no video", b"these bytes are no video").await.json();
    assert_eq!(code(&broken), 100011, "{broken}");
    for _ in 0..videos {
        let author = random.random_range(0..cast.people.len());
        let title = format!("video {}", clock.tick());
        let account = &cast.people[author].account;
        let sent = clock.tick();
        let published = client.try_publish(account, &title, clip()).await.json();
        assert_eq!(code(&published), 0, "{published}");
        let published = Moment { sent, answered: clock.tick() };
        let list = client.get_json(&format!("/douyin/publish/list/?limit=1&token={}", account.token)).await;
        let shown = list["video_list"][0].clone();
        assert_eq!(shown["title"], title.as_str(), "the newest of the list is not what was just published: {list}");
        cast.videos.push(Video { id: shown["id"].as_u64().unwrap(), author, title, published, shown });
    }
    Arc::new(cast)
}

/// One name, twice at the same moment: one of the two gets it, and keeps it.
async fn raced(client: &Client, name: &str) -> Person {
    let path = "/douyin/user/register/";
    let names = [name.to_owned(), name.to_lowercase()];
    let [first, second] = names.each_ref().map(|name| [("username", name.as_str()), ("password", "secret")]);
    let (first, second) = join(client.post_form(path, &first), client.post_form(path, &second)).await;
    let answers = [first.json(), second.json()];
    let won = usize::from(code(&answers[0]) != 0);
    assert_eq!([code(&answers[won]), code(&answers[1 - won])], [0, 100005], "{answers:?}");
    let (id, token) = (answers[won]["user_id"].as_u64().unwrap(), answers[won]["token"].as_str().unwrap().to_owned());
    Person { account: Account { id, token }, name: names[won].clone() }
}
