//! `riffle media copy`: moving from the data folder to an object store, or back.

use std::cell::Cell;

use clap::{Arg, ArgMatches, Command};

use crate::config::Config;
use crate::error::{Error, Result};
use crate::media::{Copied, Media};
use crate::progress::progress;

/// Its settings are for the caller to add.
pub fn command() -> Command {
    let place = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).required(true).value_parser(["folder", "s3"]).help(help)
    };
    Command::new("media")
        .about("Copy all videos and covers from the data folder to the object store, or back")
        .long_about(
            "`riffle media copy --from folder --to s3` copies every video and cover that the other store does not have, \
             reads each back and compares checksums (SHA-256). Nothing is removed. It may run beside servers, and be \
             interrupted and run again: what is there in the same form is only compared. Run it, start the servers with \
             the new store, and run it once more for what was published in between.",
        )
        .arg(Arg::new("action").required(true).value_parser(["copy"]).help("copy"))
        .arg(place("from", "Where the files are: folder (of the data folder), or s3 (the object store of the settings)"))
        .arg(place("to", "Where they are wanted"))
}

pub async fn run(config: &Config, matches: &ArgMatches) -> Result<()> {
    let place = |name: &str| matches.get_one::<String>(name).map(String::as_str).unwrap_or_default();
    if place("from") == place("to") {
        return Err(Error::unavailable("--from and --to name the same store"));
    }
    let (from, to) = (open(config, place("from"))?, open(config, place("to"))?);
    let bar = progress("files compared", from.count().await?);
    let (copied, before) = (Cell::new(0), Cell::new(0));
    from.copy_to(&to, |file| {
        let count = match file {
            Copied::Now => &copied,
            Copied::Before => &before,
            Copied::Gone => return,
        };
        count.set(count.get() + 1);
        bar.inc(1);
    })
    .await?;
    bar.done();
    println!("{} files copied, {} were there already; all have the same checksum", copied.get(), before.get());
    Ok(())
}

fn open(config: &Config, place: &str) -> Result<Media> {
    match place {
        "s3" if config.s3_endpoint.is_none() => Err(Error::unavailable("s3: set RIFFLE_S3_ENDPOINT")),
        "s3" => Media::of(config),
        _ => Media::of(&Config { s3_endpoint: None, ..config.clone() }),
    }
}
