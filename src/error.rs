//! The one table of status codes, and the error that every layer returns.
//!
//! An [`Error`] has a public half (code and message, what the client reads) and a private half (`detail`, what
//! the log reads). Nothing of the private half ever reaches a client.

use std::borrow::Cow;
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Declares [`Code`] together with the number, the HTTP status and the default message of each.
macro_rules! codes {
    ($($name:ident = $number:literal, $http:literal, $message:literal;)*) => {
        /// `status_code` of an answer. A refusal the API knows is HTTP 200 (the clients expect that); a fault is not.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($name),* }

        impl Code {
            pub const ALL: &'static [Code] = &[$(Code::$name),*];

            pub const fn number(self) -> u32 {
                match self { $(Code::$name => $number),* }
            }

            pub const fn http_status(self) -> u16 {
                match self { $(Code::$name => $http),* }
            }

            /// The `status_msg` where the error brings none of its own.
            pub const fn message(self) -> &'static str {
                match self { $(Code::$name => $message),* }
            }
        }
    };
}

codes! {
    Success = 0, 200, "success";
    Parameter = 100001, 200, "a parameter is missing or malformed";
    Relation = 100002, 200, "是否关注操作操作错误";
    NotSignedIn = 100003, 200, "not signed in";
    Credentials = 100004, 200, "user name or password wrong";
    NameTaken = 100005, 200, "user name taken";
    NoUser = 100006, 200, "no such user";
    NoVideo = 100007, 200, "no such video";
    NoComment = 100008, 200, "no such comment on this video";
    NotYours = 100009, 200, "not yours to do";
    NotFriends = 100010, 200, "not friends: only users who follow each other may chat";
    NotAVideo = 100011, 200, "the file is not a video this service takes";
    TooLarge = 100012, 413, "too large";
    TooMany = 100013, 429, "too many requests";
    Unavailable = 100014, 503, "temporarily unavailable, try again";
    Internal = 100015, 500, "internal error";
}

#[derive(Debug, Clone)]
pub struct Error {
    pub code: Code,
    pub message: Cow<'static, str>,
    /// For the log only.
    pub detail: Option<String>,
}

impl Error {
    /// A parameter that is missing or malformed; `what` names it: "title: 1 to 128 characters".
    pub fn parameter(what: impl Into<Cow<'static, str>>) -> Error {
        Error { code: Code::Parameter, message: what.into(), detail: None }
    }

    pub fn unavailable(detail: impl fmt::Display) -> Error {
        Error::from(Code::Unavailable).because(detail)
    }

    pub fn internal(detail: impl fmt::Display) -> Error {
        Error::from(Code::Internal).because(detail)
    }

    /// Adds what the log should say.
    pub fn because(mut self, detail: impl fmt::Display) -> Error {
        self.detail = Some(detail.to_string());
        self
    }
}

impl From<Code> for Error {
    fn from(code: Code) -> Error {
        Error { code, message: Cow::Borrowed(code.message()), detail: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.code.number(), self.message)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
