//! Who is asking: tokens, passwords, and what makes two user names the same.

pub mod name;
pub mod password;
pub mod token;
