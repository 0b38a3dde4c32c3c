//! Progress of long commands: a bar on a terminal, a plain line at the end elsewhere.

use indicatif::{ProgressBar, ProgressStyle};

pub struct Progress {
    what: &'static str,
    bar: ProgressBar,
}

pub fn progress(what: &'static str, total: usize) -> Progress {
    let style = ProgressStyle::with_template("{msg:>16} {wide_bar} {pos}/{len} {per_sec} ETA {eta}");
    let bar = ProgressBar::new(total as u64).with_message(what);
    Progress { what, bar: bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar())) }
}

impl Progress {
    pub fn inc(&self, count: u64) {
        self.bar.inc(count);
    }

    /// Where a count that is kept elsewhere stands.
    pub fn set(&self, position: u64) {
        self.bar.set_position(position);
    }

    /// Prints a line of progress where there is no bar.
    pub fn step(&self, line: &str) {
        if self.bar.is_hidden() {
            eprintln!("{}: {line}", self.what);
        }
    }

    /// Prints a line of the command's own output, without tearing the bar.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| println!("{line}"));
    }

    pub fn done(self) {
        self.bar.finish();
        if self.bar.is_hidden() {
            eprintln!("{}: {} in {:.1} s", self.what, self.bar.position(), self.bar.elapsed().as_secs_f64());
        }
    }
}
