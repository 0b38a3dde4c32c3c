//! As much of JSON Schema as the description uses. An unknown keyword is a fault of the description: what it says would
//! go unchecked.

use std::collections::BTreeSet;

use serde_json::Value;

/// What a `$ref` leads to, else the value itself.
pub fn resolve<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => {
            let pointer = reference.strip_prefix('#').unwrap();
            let found = document.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"));
            resolve(document, found)
        }
        None => value,
    }
}

/// Objects are closed: every field that is described has to be there, and no other.
pub fn check(document: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolve(document, schema);
    for (keyword, rule) in schema.as_object().unwrap() {
        check_keyword(document, keyword, rule, value)?;
    }
    if let Some(properties) = schema["properties"].as_object() {
        let described: BTreeSet<&str> = properties.keys().map(String::as_str).collect();
        let required: BTreeSet<&str> =
            schema["required"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
        assert_eq!(described, required, "an answer always has all of its fields");
        let given: BTreeSet<&str> =
            value.as_object().into_iter().flat_map(|object| object.keys()).map(String::as_str).collect();
        if given != described {
            return Err(format!("has the fields {given:?} and not {described:?}"));
        }
    }
    Ok(())
}

fn check_keyword(document: &Value, keyword: &str, rule: &Value, value: &Value) -> Result<(), String> {
    let is_met = match keyword {
        "type" => is_of_type(rule.as_str().unwrap(), value),
        "const" => value == rule,
        "enum" => rule.as_array().unwrap().contains(value),
        "minimum" => value.as_i64() >= rule.as_i64(),
        "maximum" => value.as_i64() <= rule.as_i64(),
        "maxItems" => value.as_array().unwrap().len() as u64 <= rule.as_u64().unwrap(),
        "anyOf" | "oneOf" => rule.as_array().unwrap().iter().any(|schema| check(document, schema, value).is_ok()),
        "properties" => {
            return rule.as_object().unwrap().iter().try_for_each(|(key, schema)| {
                let Some(found) = value.get(key) else { return Err(format!("{key} is missing")) };
                check(document, schema, found).map_err(|fault| format!("{key}: {fault}"))
            });
        }
        "items" => {
            return value.as_array().unwrap().iter().try_for_each(|item| check(document, rule, item));
        }
        "required" | "description" | "title" | "examples" => true,
        extension if extension.starts_with("x-") => true,
        other => panic!("the checker does not know {other}"),
    };
    if is_met { Ok(()) } else { Err(format!("{value} breaks {keyword} {rule}")) }
}

fn is_of_type(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "null" => value.is_null(),
        other => panic!("no type {other}"),
    }
}
