//! Reading a recording.

use serde_json::Value;

pub struct Recording {
    pub settings: Vec<(String, String)>,
    pub exchanges: Vec<Exchange>,
}

pub struct Exchange {
    pub title: String,
    /// With its empty line.
    pub head: String,
    pub body: String,
    pub status: u16,
    pub answer_headers: Vec<(String, String)>,
    pub answer: Body,
}

pub enum Body {
    Nothing,
    Bytes,
    Json(Value),
}

impl Recording {
    pub fn parse(text: &str) -> Recording {
        let mut parts = text.split("\n=== ");
        let preface = parts.next().unwrap().lines().filter_map(|line| line.strip_prefix("set "));
        Recording {
            settings: preface.map(|setting| pair(setting, " = ")).collect(),
            exchanges: parts.map(Exchange::parse).collect(),
        }
    }
}

impl Exchange {
    fn parse(text: &str) -> Exchange {
        let (title, text) = text.split_once('\n').unwrap();
        let (request, answer) = text.split_once("\n--- ").unwrap_or_else(|| panic!("{title}: no answer"));
        // A head without a body ends with its empty line, whose line end went with the split.
        let request = format!("{request}\n");
        let (head, body) = request.split_once("\n\n").unwrap_or_else(|| panic!("{title}: the head has no end"));
        let body = body.strip_suffix('\n').unwrap_or(body);

        let (status, mut answer) = answer.split_once('\n').unwrap();
        let mut answer_headers = Vec::new();
        while let Some((line, rest)) = answer.split_once('\n').filter(|_| !answer.starts_with(['{', '('])) {
            answer_headers.push(pair(line, ": "));
            answer = rest;
        }
        Exchange {
            title: title.to_owned(),
            head: format!("{head}\n\n").replace('\n', "\r\n"),
            body: body.replace('\n', "\r\n"),
            status: status.parse().unwrap(),
            answer_headers,
            answer: match answer.trim() {
                "(nothing)" => Body::Nothing,
                "(bytes)" => Body::Bytes,
                json => Body::Json(serde_json::from_str(json).unwrap_or_else(|error| panic!("{title}: {error}"))),
            },
        }
    }

    pub fn waits_to_be_asked(&self) -> bool {
        self.head.contains("\r\nExpect: 100-continue\r\n")
    }
}

fn pair(line: &str, between: &str) -> (String, String) {
    let (name, value) = line.split_once(between).unwrap_or_else(|| panic!("{line:?} has no {between:?}"));
    (name.to_owned(), value.trim().to_owned())
}
