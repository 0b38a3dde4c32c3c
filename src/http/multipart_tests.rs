use futures_util::stream;
use proptest::prelude::*;

use super::*;

/// What a reader of `publish/action` gets: the fields, and the file with the parameters known before it.
#[derive(Debug, Default)]
struct Seen {
    file: Option<Vec<u8>>,
    token_before_file: Option<String>,
}

impl FileSink for Seen {
    async fn begin(&mut self, params: &Params) -> Result<()> {
        assert!(self.file.is_none(), "a second file");
        self.token_before_file = params.token().map(str::to_owned);
        self.file = Some(Vec::new());
        Ok(())
    }

    async fn write(&mut self, chunk: Bytes) -> Result<()> {
        assert!(!chunk.is_empty());
        self.file.as_mut().unwrap().extend_from_slice(&chunk);
        Ok(())
    }
}

fn read(body: &[u8], chunk_bytes: usize) -> (Result<(), String>, Params, Seen) {
    let (mut params, mut seen) = (Params::default(), Seen::default());
    let chunks: Vec<Result<Bytes>> = body.chunks(chunk_bytes).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    let reading = read_parts(stream::iter(chunks), "XX".to_owned(), &mut params, Some(("data", &mut seen)));
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let result = runtime.block_on(reading).map_err(|fault| fault.into_error().message.into_owned());
    (result, params, seen)
}

fn part(disposition: &str, value: &str) -> String {
    format!("--XX\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n")
}

#[test]
fn the_file_may_come_before_the_token() {
    let body = part(r#"name="data"; filename="../../a.mp4""#, "bytes\r\n--X")
        + &part(r#"name="token""#, "t")
        + &part(r#"name="title""#, "关注")
        + "--XX--\r\n";
    for chunk_bytes in [1, 2, 3, 7, 50, 4096] {
        let (result, params, seen) = read(body.as_bytes(), chunk_bytes);
        assert_eq!(result, Ok(()));
        assert_eq!(seen.file.as_deref(), Some(&b"bytes\r\n--X"[..]), "{chunk_bytes}");
        assert_eq!(seen.token_before_file, None);
        assert_eq!((params.token(), params.text("title").unwrap()), (Some("t"), Some("关注")));
    }
}

#[test]
fn a_token_before_the_file_is_known_to_its_sink() {
    let body = part(r#"name="token""#, "t") + &part(r#"name="data""#, "no file name") + "--XX--";
    let (result, _, seen) = read(body.as_bytes(), 10);
    assert_eq!(result, Ok(()));
    assert_eq!(seen.token_before_file.as_deref(), Some("t"));
    assert_eq!(seen.file.as_deref(), Some(&b"no file name"[..]));
}

#[test]
fn other_files_are_skipped_and_an_empty_file_is_a_file() {
    let body = part(r#"name="cover"; filename="c.jpg""#, &"x".repeat(100_000))
        + &part(r#"name="data"; filename="""#, "")
        + &part(r#"name="data"; filename="second""#, "second")
        + "--XX--";
    let (result, params, seen) = read(body.as_bytes(), 4096);
    assert_eq!(result, Ok(()));
    assert_eq!(seen.file.as_deref(), Some(&b""[..]));
    assert_eq!(params.text("cover").unwrap(), None);
}

#[test]
fn a_large_chunk_that_holds_a_whole_part_is_not_an_endless_head() {
    let body = part(r#"name="data""#, &"v".repeat(200_000)) + &part(r#"name="title""#, "t") + "--XX--";
    for chunk_bytes in [1 << 20, 64 << 10, 20 << 10] {
        let (result, params, seen) = read(body.as_bytes(), chunk_bytes);
        assert_eq!(result, Ok(()));
        assert_eq!(seen.file.unwrap().len(), 200_000);
        assert_eq!(params.text("title").unwrap(), Some("t"));
    }
}

#[test]
fn a_body_cut_short_is_an_error() {
    let whole = part(r#"name="token""#, "t") + &part(r#"name="data""#, "bytes") + "--XX--";
    for end in 0..whole.len() {
        assert!(read(&whole.as_bytes()[..end], 8).0.is_err(), "cut at {end}");
    }
}

#[test]
fn endless_heads_preambles_and_paddings_are_refused() {
    let endless = "x".repeat(64 << 10);
    for body in [
        endless.clone(),
        format!("--XX\r\nContent-Disposition: {endless}"),
        format!("--XX{}", " ".repeat(64 << 10)),
        part(r#"name="a""#, "1") + "--XX\r\nX-Header: " + &endless,
    ] {
        let (result, ..) = read(body.as_bytes(), 1000);
        assert_eq!(result, Err("body: no multipart boundary or an endless part head".to_owned()));
    }
}

#[test]
fn too_many_parts_and_too_long_fields_are_refused() {
    let body = part(r#"name="a""#, "1").repeat(101) + "--XX--";
    assert_eq!(read(body.as_bytes(), 1000).0, Err("body: more than 100 parts".to_owned()));
    let body = part(r#"name="a""#, &"1".repeat(65_537)) + "--XX--";
    assert_eq!(read(body.as_bytes(), 1000).0, Err("body: a text field is over 65536 bytes".to_owned()));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panicking(bytes in proptest::collection::vec(any::<u8>(), 0..400), chunk in 1..50_usize) {
        let _ = read(&bytes, chunk);
        let framed = [part(r#"name="data""#, "").as_bytes(), &bytes, b"\r\n--XX--"].concat();
        let _ = read(&framed, chunk);
        let head = [b"--XX\r\n", &bytes[..], b"\r\n\r\nvalue\r\n--XX--"].concat();
        let _ = read(&head, chunk);
    }

    #[test]
    fn a_file_arrives_as_it_was_sent(file in "[-X\r\na]{0,200}", chunk in 1..50_usize) {
        prop_assume!(!file.contains("\r\n--XX") && !file.starts_with("--XX"));
        let body = part(r#"name="data""#, &file) + "--XX--";
        let (result, _, seen) = read(body.as_bytes(), chunk);
        prop_assert_eq!(result, Ok(()));
        prop_assert_eq!(seen.file.unwrap(), file.as_bytes());
    }
}
