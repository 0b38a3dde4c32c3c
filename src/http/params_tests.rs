use hyper::Request as Head;
use proptest::prelude::*;
use time::macros::offset;

use super::*;

fn query(query: &str) -> Params {
    Params::from_query(&Head::get(format!("/?{query}")).body(()).unwrap().into_parts().0)
}

fn json(text: &str) -> Params {
    let mut params = Params::default();
    params.add_json(&mut text.as_bytes().to_vec());
    params
}

fn message<T: fmt::Debug>(result: Result<T>) -> String {
    result.unwrap_err().message.into_owned()
}

#[test]
fn the_first_value_that_is_not_empty_wins() {
    let params = query("a=&a=1&a=2&b&=x&c=%20");
    assert_eq!(params.text("a").unwrap(), Some("1"));
    assert_eq!(params.text("b").unwrap(), None);
    assert_eq!(params.text("c").unwrap(), Some(" "));
    assert_eq!(message(params.required_text("b")), "b: missing");
}

#[test]
fn a_broken_value_is_an_error_only_for_who_asks() {
    let params = query("title=%ff&name=100%&%zz=1&user_id=7");
    assert_eq!(params.id("user_id").unwrap(), Some(7));
    assert!(message(params.text("title")).starts_with("title: "));
    assert!(message(params.text("name")).starts_with("name: "));
    assert_eq!(params.text("%zz").unwrap(), None);
}

#[test]
fn parameters_past_the_bound_are_ignored() {
    let many: Vec<String> = (0..10_000).map(|number| format!("k{number}=v")).collect();
    let params = query(&many.join("&")[..60_000]);
    assert_eq!(params.text("k127").unwrap(), Some("v"));
    assert_eq!(params.text("k128").unwrap(), None);
}

#[test]
fn ids_name_their_key_when_refused() {
    let id = |text: &str| query(&format!("id={text}")).id("id");
    assert_eq!(id("").unwrap(), None);
    assert_eq!(id("1").unwrap(), Some(1));
    assert_eq!(id("1.680703713e%2B09").unwrap(), Some(1_680_703_713));
    assert_eq!(id("9007199254740991").unwrap(), Some(ID_MAX));
    for text in ["0", "-1", "9007199254740992", "1.5", "abc", "%00", "1%20", "%ff"] {
        assert_eq!(message(id(text)), "id: a whole number from 1 to 9007199254740991", "{text}");
    }
    assert_eq!(message(query("").required_id("id")), "id: missing");
}

#[test]
fn a_negative_optional_id_is_an_absent_one() {
    assert_eq!(query("id=-1").optional_id("id").unwrap(), None);
    assert_eq!(query("id=5").optional_id("id").unwrap(), Some(5));
    assert!(query("id=0").optional_id("id").is_err());
    assert!(query("id=x").optional_id("id").is_err());
}

#[test]
fn small_integers_are_read() {
    assert_eq!(query("action_type=1").integer("action_type").unwrap(), Some(1));
    assert_eq!(query("action_type=2.0").integer("action_type").unwrap(), Some(2));
    assert_eq!(message(query("limit=ten").integer("limit")), "limit: a whole number");
}

#[test]
fn json_gives_its_outermost_scalars() {
    let params = json(r#"{"a":1,"b":"x","c":true,"d":null,"e":{"a":2},"f":[1],"g":1.680703713e+09,"h":-1,"i":""}"#);
    assert_eq!(params.id("a").unwrap(), Some(1));
    assert_eq!(params.text("b").unwrap(), Some("x"));
    assert_eq!(params.text("c").unwrap(), Some("true"));
    assert_eq!(params.id("g").unwrap(), Some(1_680_703_713));
    assert_eq!(params.optional_id("h").unwrap(), None);
    for key in ["d", "e", "f", "i"] {
        assert_eq!(params.text(key).unwrap(), None, "{key}");
    }
}

#[test]
fn broken_and_deep_json_gives_nothing() {
    for text in ["", "{", "[1]", "{\"a\":1", "nul", &"[".repeat(500_000), &"{\"a\":".repeat(200_000)] {
        assert_eq!(json(text).text("a").unwrap(), None);
    }
    let deep = format!("{{\"x\":{}{},\"a\":1}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(json(&deep).text("a").unwrap(), Some("1"));
}

#[test]
fn the_token_comes_from_the_query_or_the_head() {
    let read = |query: &str, authorization: &str| {
        let head = Head::get(format!("/?{query}")).header(AUTHORIZATION, authorization).body(()).unwrap();
        Params::from_query(&head.into_parts().0).token().map(str::to_owned)
    };
    assert_eq!(read("token=a", "Bearer b").as_deref(), Some("a"));
    assert_eq!(read("token=", "bearer b").as_deref(), Some("b"));
    assert_eq!(read("token=%ff", "Bearer b").as_deref(), Some("b"));
    assert_eq!(read("", "Basic b"), None);
    assert_eq!(read("", "Bearer "), None);
    assert_eq!(read("", "Bearer"), None);
}

#[test]
fn times_are_lenient() {
    let params = query("a=1680703713&b=2023-04-05+22:08:33&c=%ff&d=soon");
    let expect = Some(FeedTime::Ms(1_680_703_713_000));
    assert_eq!(params.latest_time("a", offset!(+8)), expect);
    assert_eq!(params.latest_time("b", offset!(+8)), expect);
    assert_eq!(params.time_ms("b", offset!(+8)), Some(1_680_703_713_000));
    for key in ["c", "d", "e"] {
        assert_eq!(params.latest_time(key, offset!(+8)), None);
    }
}

#[test]
fn values_stay_out_of_logs() {
    let shown = format!("{:?}", query("password=hunter2"));
    assert!(shown.contains("password") && !shown.contains("hunter2"), "{shown}");
}

proptest! {
    #[test]
    fn any_form_is_read_without_panicking(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut params = Params::default();
        params.add_urlencoded(&bytes);
        params.add_json(&mut bytes.clone());
        let _ = (params.token(), params.id("a"), params.integer("b"));
    }

    #[test]
    fn what_a_client_encodes_arrives(text in "\\PC{1,40}") {
        let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let params = query(&format!("title={encoded}"));
        prop_assert_eq!(params.required_text("title").unwrap(), text);
    }
}
