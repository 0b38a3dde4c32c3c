//! Bodies of forms.

pub enum Part<'a> {
    Field { name: &'a str, value: &'a str },
    File { name: &'a str, file_name: &'a str, bytes: &'a [u8] },
}

pub const BOUNDARY: &str = "riffle-test-boundary-7d1f";

/// `a=1&b=%E4%BD%A0`
pub fn urlencoded(fields: &[(&str, &str)]) -> String {
    let escape = |text| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
    pairs.join("&")
}

/// The parts in the order given, between lines of [`BOUNDARY`].
pub fn multipart(parts: &[Part<'_>]) -> Vec<u8> {
    let mut body = Vec::new();
    for part in parts {
        let (name, rest, bytes) = match part {
            Part::Field { name, value } => (name, String::new(), value.as_bytes()),
            Part::File { name, file_name, bytes } => {
                (name, format!("; filename=\"{file_name}\"\r\nContent-Type: application/octet-stream"), *bytes)
            }
        };
        let head = format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"{rest}\r\n\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    body
}

/// The content type, and the body.
pub fn multipart_body(parts: &[Part<'_>]) -> (String, Vec<u8>) {
    (format!("multipart/form-data; boundary={BOUNDARY}"), multipart(parts))
}
