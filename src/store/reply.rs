//! What Redis answers.

use bytes::Bytes;

use crate::error::{Error, Result};

#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Nil,
    Integer(i64),
    Bytes(Bytes),
    Array(Vec<Reply>),
}

impl Reply {
    /// A reply whose shape is not what the command always answers: somebody else wrote to our keys, or a bug.
    fn unexpected(&self, wanted: &str) -> Error {
        Error::internal(format!("Redis answered {self:?} where {wanted} was expected"))
    }

    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Reply::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// A text, `None` when the key or field is absent.
    pub fn text(&self) -> Result<Option<&str>> {
        match self {
            Reply::Nil => Ok(None),
            Reply::Bytes(bytes) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(Some(text)),
                Err(_) => Err(self.unexpected("text")),
            },
            other => Err(other.unexpected("text")),
        }
    }

    /// A number, sent as one or as decimal text; `None` when the key or field is absent.
    pub fn number(&self) -> Result<Option<u64>> {
        match self {
            Reply::Integer(number) => {
                u64::try_from(*number).map(Some).map_err(|_| self.unexpected("a number of 0 or more"))
            }
            other => match other.text()? {
                None => Ok(None),
                Some(text) => text.parse().map(Some).map_err(|_| other.unexpected("a number of 0 or more")),
            },
        }
    }

    pub fn required_number(&self) -> Result<u64> {
        self.number()?.ok_or_else(|| self.unexpected("a number"))
    }

    pub fn array(&self) -> Result<&[Reply]> {
        match self {
            Reply::Array(items) => Ok(items),
            other => Err(other.unexpected("an array")),
        }
    }

    /// An array of numbers, such as the members of a timeline.
    pub fn numbers(&self) -> Result<Vec<u64>> {
        self.array()?.iter().map(Reply::required_number).collect()
    }
}
