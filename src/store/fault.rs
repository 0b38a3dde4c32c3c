//! How a call to Redis can fail, and what that means to a client of ours.

use crate::error::Error;

/// Why a call failed.
#[derive(Debug)]
pub enum Fault {
    /// Redis does not know the script (nothing ran).
    NoScript,
    /// Redis answered with an error (nothing, or with a wrong-typed key not all, ran).
    Refused(String),
    /// No answer: whether the command ran is not known. The connection has ended.
    Lost(String),
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Error {
        match fault {
            Fault::NoScript => Error::unavailable("Redis loses its scripts again and again"),
            Fault::Lost(detail) => Error::unavailable(format!("Redis: {detail}")),
            // What passes by itself or by an operator's hand, against what is a bug of ours.
            Fault::Refused(detail)
                if [
                    "OOM",
                    "MISCONF",
                    "READONLY",
                    "LOADING",
                    "BUSY",
                    "NOREPLICAS",
                    "CLUSTERDOWN",
                    "MOVED",
                    "ASK",
                    "TRYAGAIN",
                    "NOPERM",
                    "NOAUTH",
                ]
                .iter()
                .any(|prefix| detail.starts_with(prefix)) =>
            {
                Error::unavailable(format!("Redis: {detail}"))
            }
            Fault::Refused(detail) => Error::internal(format!("Redis: {detail}")),
        }
    }
}
