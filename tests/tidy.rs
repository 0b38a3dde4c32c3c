//! The few rules of the house that a person would otherwise have to watch over. Each failure names the fix.

// clippy.toml lets tests panic, and these helpers are all tests.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use riffle::config::SETTINGS;
use riffle::error::Code;
use riffle::store::script;

/// From the top down: a module imports from the lines below its own. In the lowest line they may import each other.
const LAYERS: &[&[&str]] = &[
    &["main"],
    &["cli"],
    &["server", "doctor", "healthcheck", "media_command"],
    &["api", "seed"],
    &["feed"],
    &["sync", "dev"],
    &["http", "store", "archive", "media", "auth"],
    &["config", "crash", "error", "id", "model", "progress"],
];

/// The words of the API. Within `api` and within `store` these never import each other.
const FEATURES: &[&str] = &["user", "video", "feed", "publish", "favorite", "comment", "relation", "message"];

/// A sign-in and the older part of a list are all that the API asks of Postgres by itself.
const ASK_THE_ARCHIVE: &[&str] = &["src/api/mod.rs", "src/api/list.rs", "src/api/user.rs"];

const SOURCE_LINES_MAX: usize = 400;

struct File {
    /// `src/api/user.rs`
    path: String,
    text: String,
}

impl File {
    fn lines_of_code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    /// `api` of `src/api/user.rs` and of `src/api.rs`; `user` one level down.
    fn module(&self, level: usize) -> Option<&str> {
        self.path.split('/').nth(level).map(|name| name.trim_end_matches(".rs"))
    }

    /// What follows each `prefix` in the code, up to the end of the word, with the number of its line.
    fn words_after(&self, prefix: &str) -> Vec<(usize, &str)> {
        let mut found = Vec::new();
        for (number, line) in self.lines_of_code() {
            for rest in line.split(prefix).skip(1) {
                let end = rest.find(|sign: char| !sign.is_alphanumeric() && sign != '_').unwrap_or(rest.len());
                found.push((number, &rest[..end]));
            }
        }
        found
    }
}

fn files(folder: &str, extension: &str) -> Vec<File> {
    let mut found = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), extension, &mut found);
    found.sort_by(|left, right| left.path.cmp(&right.path));
    assert!(!found.is_empty(), "{folder} holds no .{extension} files: tests/tidy.rs looks in the wrong place");
    found
}

fn collect(folder: &Path, extension: &str, found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, extension, found);
        } else if path.extension().is_some_and(|found| found == extension) {
            let text = fs::read_to_string(&path).unwrap();
            let path = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap().to_owned();
            found.push(File { path, text });
        }
    }
}

fn file(path: &str) -> Result<String, String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).map_err(|error| format!("{path}: {error}"))
}

#[track_caller]
fn none_of(problems: Vec<String>) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
fn imports_go_down_only() {
    let layer_of = |module: &str| LAYERS.iter().position(|layer| layer.contains(&module));
    let mut problems = Vec::new();
    for file in files("src", "rs").iter().filter(|file| file.path != "src/lib.rs") {
        let module = file.module(1).unwrap();
        let Some(layer) = layer_of(module) else {
            problems.push(format!("{}: give the module `{module}` a place in LAYERS of tests/tidy.rs", file.path));
            continue;
        };
        for (line, imported) in file.words_after("crate::") {
            let place = format!("{}:{line}", file.path);
            match layer_of(imported) {
                _ if imported == module => {}
                Some(other) if other > layer || (other == layer && layer == LAYERS.len() - 1) => {}
                Some(_) => problems.push(format!(
                    "{place}: `{module}` must not know `{imported}`, which lies beside or above it; pass in what is \
                     needed, or move it down to where both may reach it"
                )),
                None if imported.is_empty() => {
                    problems.push(format!("{place}: write one `use crate::…` for each module"))
                }
                None => problems.push(format!("{place}: `crate::{imported}` has no place in LAYERS of tests/tidy.rs")),
            }
        }
    }
    none_of(problems);
}

#[test]
fn the_api_asks_postgres_in_few_files_only() {
    let mut problems = Vec::new();
    for file in files("src/api", "rs").iter().filter(|file| !ASK_THE_ARCHIVE.contains(&file.path.as_str())) {
        for (line, _) in file.words_after("crate::").iter().filter(|(_, module)| *module == "archive") {
            problems.push(format!(
                "{}:{line}: only {} ask the archive; ask the store, or let sync do it",
                file.path,
                ASK_THE_ARCHIVE.join(", ")
            ));
        }
    }
    none_of(problems);
}

#[test]
fn features_never_import_each_other() {
    let mut problems = Vec::new();
    for folder in ["api", "store"] {
        for file in files(&format!("src/{folder}"), "rs") {
            let feature = file.module(2).unwrap();
            if !FEATURES.contains(&feature) {
                continue;
            }
            let full = format!("crate::{folder}::");
            for (line, other) in file.words_after("super::").into_iter().chain(file.words_after(&full)) {
                if other != feature && FEATURES.contains(&other) {
                    problems.push(format!(
                        "{}:{line}: `{feature}` imports `{other}`; move what both need to a file of its own in \
                         src/{folder}",
                        file.path
                    ));
                }
            }
        }
    }
    none_of(problems);
}

#[test]
fn the_libraries_of_the_stores_are_named_in_one_file_each() {
    for library in ["fred", "minio"] {
        let naming: BTreeSet<String> = ["src", "tests"]
            .iter()
            .flat_map(|folder| files(folder, "rs"))
            .filter(|file| {
                file.text.contains(&format!("use {library}::")) || file.text.contains(&format!(" {library}::"))
            })
            .map(|file| file.path)
            .collect();
        assert!(naming.len() <= 1, "{library} is named in {naming:?}: go through the types of the first of them");
        if library == "fred" {
            assert_eq!(naming.first().map(String::as_str), Some("src/store/client.rs"));
        }
    }
}

#[test]
fn every_query_is_used_once_and_says_what_it_is_for() {
    let sources = files("src", "rs");
    let mut problems = Vec::new();
    for query in files("sql/queries", "sql") {
        let uses: usize = sources.iter().map(|file| file.text.matches(&format!("{}\"", query.path)).count()).sum();
        if uses != 1 {
            problems.push(format!("{}: used {uses} times; give it one function in src/archive", query.path));
        }
        let (comment, statement): (Vec<&str>, Vec<&str>) = query.text.lines().partition(|line| line.starts_with("--"));
        if comment.first().is_none_or(|first| first.starts_with("-- $")) || !query.text.starts_with("--") {
            problems.push(format!("{}: begin with a comment that says what it is for", query.path));
        }
        let (comment, statement) = (comment.join("\n"), statement.join("\n"));
        for number in numbers_after(&statement, '$') {
            if !described(&comment, number) {
                problems.push(format!("{}: say what ${number} is: `-- ${number} name type`", query.path));
            }
        }
        for number in numbers_after(&comment, '$').difference(&numbers_after(&statement, '$')) {
            problems.push(format!("{}: the comment speaks of ${number}, which is not there", query.path));
        }
    }
    none_of(problems);
}

fn numbers_after(text: &str, sign: char) -> BTreeSet<usize> {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    text.split(sign).skip(1).filter_map(|rest| digits(rest).parse().ok()).collect()
}

/// `$2 count bigint`
fn described(comment: &str, number: usize) -> bool {
    let after = comment.split(&format!("${number} ")).nth(1).unwrap_or_default();
    after.split([',', '\n', '$']).next().unwrap_or_default().split_whitespace().count() >= 2
}

#[test]
fn every_script_has_one_wrapper() {
    let sources = files("src/store", "rs");
    let mut problems = Vec::new();
    for script in script::ALL {
        let constant = script.name.to_uppercase();
        let uses = sources.iter().flat_map(|file| file.words_after("script::")).filter(|(_, name)| *name == constant);
        match uses.count() {
            1 => {}
            0 => problems.push(format!("lua/{}.lua: write its typed wrapper in src/store", script.name)),
            more => {
                problems.push(format!("lua/{}.lua: called in {more} places; let them share a wrapper", script.name))
            }
        }
    }
    none_of(problems);
}

#[test]
fn the_readme_has_every_setting() {
    let cell = |text: &str| if text.is_empty() { String::new() } else { format!("`{text}`") };
    let wanted: Vec<String> = SETTINGS
        .iter()
        .map(|setting| row(&[&cell(&setting.variable()), &cell(setting.default), &markdown(setting.help)]))
        .collect();
    compare_with_readme(&["Setting", "Default", "Meaning"], wanted, |row| row.starts_with("| `RIFFLE_"));
}

#[test]
fn the_readme_has_every_status_code() {
    let wanted = Code::ALL.iter().map(|code| row(&[&code.number().to_string(), code.message()])).collect();
    compare_with_readme(&["status_code", "Meaning"], wanted, |row| {
        row.starts_with("| 1000") || *row == format!("| 0 | {} |", Code::Success.message())
    });
}

/// A text that a table would break at, or that would pass for HTML.
fn markdown(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

fn row(cells: &[&str]) -> String {
    format!("| {} |", cells.join(" | "))
}

/// The rows of README.md of one kind must be the wanted ones, in their order. The failure prints the whole table.
fn compare_with_readme(heading: &[&str], wanted: Vec<String>, is_of_this_kind: impl Fn(&String) -> bool) {
    let readme = file("README.md").unwrap_or_else(|missing| missing);
    let squeezed = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let found: Vec<String> = readme.lines().map(squeezed).filter(is_of_this_kind).collect();
    let same = found.iter().eq(wanted.iter().map(|row| squeezed(row)).collect::<Vec<_>>().iter());
    let rule = row(&vec!["---"; heading.len()]);
    assert!(
        same,
        "\nREADME.md does not have this table, exactly:\n\n{}\n{rule}\n{}\n\nits rows are:\n\n{}\n",
        row(heading),
        wanted.join("\n"),
        found.join("\n")
    );
}

#[test]
fn no_source_file_is_long() {
    let long = files("src", "rs").into_iter().map(|file| (file.text.lines().count(), file.path));
    let long = long.filter(|(lines, _)| *lines > SOURCE_LINES_MAX);
    none_of(
        long.map(|(lines, path)| format!("{path}: {lines} lines; give one of its nouns a file of its own")).collect(),
    );
}

#[test]
fn tests_wait_for_what_they_want() {
    // In two pieces, since this file is looked at too.
    let sleep = concat!("sleep", "(");
    let mut problems = Vec::new();
    for file in files("tests", "rs").iter().filter(|file| file.path != "tests/it/harness/eventually.rs") {
        for (line, _) in file.lines_of_code().filter(|(_, line)| line.contains(sleep)) {
            problems.push(format!("{}:{line}: wait for what you want with `eventually`, not for a time", file.path));
        }
    }
    none_of(problems);
}
