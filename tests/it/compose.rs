//! What can be said of `docker-compose.yml` and the `Dockerfile` without Docker. `topology.rs` runs the same pieces.

use std::collections::BTreeSet;

use riffle::config::{Config, SETTINGS};
use serde_json::Value;

pub mod file;

use file::{Variable, compose_file, environment, interpolated, secrets, text_of, texts};

const SERVERS: [&str; 2] = ["riffle-1", "riffle-2"];

fn services(file: &Value) -> impl Iterator<Item = (&str, &Value)> {
    file["services"].as_object().unwrap().iter().map(|(name, service)| (name.as_str(), service))
}

#[test]
fn the_file_obeys_the_schema_of_compose() {
    let schema: Value = serde_json::from_str(&text_of("tests/compose/compose-spec.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let file = compose_file();
    let problems: Vec<String> =
        validator.iter_errors(&file).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    // It would see what is wrong.
    let mut wrong = compose_file();
    wrong["services"]["redis"]["restarts"] = "always".into();
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn every_setting_is_known_to_the_program() {
    let known: BTreeSet<String> = SETTINGS.iter().map(|setting| setting.variable()).collect();
    for path in ["docker-compose.yml", "Dockerfile", ".env.example", "docs/operations.md"] {
        let text = text_of(path);
        for part in text.split("RIFFLE_").skip(1) {
            let word: String = part.chars().take_while(|sign| sign.is_ascii_alphanumeric() || *sign == '_').collect();
            // `RIFFLE_S3_*`, in words.
            let is_known = if part[word.len()..].starts_with('*') {
                known.iter().any(|name| name.starts_with(&format!("RIFFLE_{word}")))
            } else {
                known.contains(&format!("RIFFLE_{word}"))
            };
            assert!(is_known, "{path}: RIFFLE_{word} is no setting");
        }
    }
}

#[test]
fn the_settings_of_every_server_are_accepted() {
    let file = compose_file();
    for (name, service) in services(&file).filter(|(_, service)| {
        service["image"].as_str().unwrap().starts_with("riffle:") && service["image"] != "riffle:bench"
    }) {
        let environment = environment(service, &secrets()).into_iter();
        let config = Config::load(|_| None, environment.map(|(name, value)| (name.into(), value.into())));
        let config = config.unwrap_or_else(|problems| panic!("{name}: {problems}"));
        assert_eq!(config.media_url.unwrap(), "http://127.0.0.1:9000/riffle/media");
        assert_eq!(config.listen.port(), 8080);
    }
}

#[test]
fn there_are_no_default_passwords_and_the_example_names_them_all() {
    let file = compose_file();
    let mut used = BTreeSet::new();
    for text in texts(&file) {
        interpolated(text, &secrets(), &mut |variable| {
            used.insert(variable);
        });
    }
    let example = text_of(".env.example");
    let lines: Vec<&str> = example.lines().collect();
    for Variable { name, required } in &used {
        let line = if *required { format!("{name}=") } else { format!("#{name}=") };
        let named = lines.iter().any(|found| if *required { **found == line } else { found.starts_with(&line) });
        assert!(named, ".env.example lacks {line}");
    }
    for line in lines.iter().filter(|line| line.contains('=') && !line.starts_with("# ")) {
        let name = line.trim_start_matches('#').split('=').next().unwrap();
        assert!(used.iter().any(|variable| variable.name == name), ".env.example: nothing uses {name}");
    }
    for secret in secrets().keys() {
        let required = Variable { name: (*secret).to_owned(), required: true };
        assert!(used.contains(&required), "{secret} is not required");
    }
}

#[test]
fn ports_are_open_to_this_machine_only() {
    let file = compose_file();
    let ports: Vec<String> = services(&file)
        .flat_map(|(_, service)| texts(&service["ports"]))
        .map(|port| interpolated(port, &secrets(), &mut |_| {}))
        .collect();
    assert_eq!(ports, ["127.0.0.1:9000:9000", "127.0.0.1:8080:8080"]);
}

#[test]
fn every_image_is_pinned_and_named_in_one_place() {
    let file = compose_file();
    let named: BTreeSet<&str> = texts(&file["x-images"]).into_iter().collect();
    for (name, service) in services(&file) {
        let image = service["image"].as_str().unwrap();
        if service.get("build").is_some() {
            assert!(image.starts_with("riffle:"), "{name}");
            continue;
        }
        assert!(named.contains(image), "{name}: {image} is not of x-images");
        let tag = image.split('@').next().unwrap().split(':').nth(1).unwrap_or_default();
        let digits = tag.chars().filter(char::is_ascii_digit).count();
        assert!(digits >= 3 && tag != "latest", "{name}: {image} may become another one");
    }
    for image in text_of("Dockerfile").lines().filter_map(|line| line.strip_prefix("FROM ")) {
        let image = image.split(' ').next().unwrap();
        assert!(image == "scratch" || image.chars().filter(char::is_ascii_digit).count() >= 3, "{image}");
    }
}

#[test]
fn what_runs_on_is_started_again_and_looked_at() {
    let file = compose_file();
    for (name, service) in services(&file) {
        let runs_on = service["restart"] == "unless-stopped";
        let of_riffle = service["image"].as_str().unwrap().starts_with("riffle:");
        // The image of riffle looks at itself.
        let is_looked_at = service["healthcheck"]["test"].is_array() || (of_riffle && SERVERS.contains(&name));
        assert_eq!(runs_on, is_looked_at, "{name}");
        assert!(runs_on || service["restart"] == "no", "{name}: say whether it is started again");
    }
    let dockerfile = text_of("Dockerfile");
    assert_eq!(dockerfile.matches("HEALTHCHECK").count(), dockerfile.matches("ENTRYPOINT [\"/riffle\"]").count());
    for server in SERVERS {
        let service = &file["services"][server];
        assert_eq!((&service["read_only"], &service["cap_drop"][0]), (&Value::Bool(true), &Value::from("ALL")));
    }
}
