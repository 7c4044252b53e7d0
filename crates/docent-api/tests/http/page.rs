//! What a browser gets at `/`, and what a program gets there.

use crate::client::{Reply, Site};
use docent_api::ApiSettings;
use docent_testkit::provider::ScriptedGenerator;
use serde_json::json;

/// What a first visit may weigh on the wire, fonts included.
const FIRST_LOAD_BYTES_MAX: usize = 100_000;

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

async fn page(site: &Site) -> Reply {
    site.call("GET", "/", &[("accept", BROWSER)], "").await
}

/// The files that a page or a style sheet names.
fn named(text: &str) -> Vec<String> {
    let is_name = |character: char| character.is_ascii_alphanumeric() || "-.".contains(character);
    let names = text.split(['"', '\'', '(', ')', '/']).filter(|piece| piece.len() > 16 && piece.chars().all(is_name));
    let is_file = |name: &&str| [".js", ".css", ".svg", ".woff2"].iter().any(|extension| name.ends_with(extension));
    names.filter(is_file).map(str::to_owned).collect()
}

#[tokio::test]
async fn a_browser_gets_the_page_and_a_program_json() {
    let site = Site::open().await;
    let rows = [
        (BROWSER, true),
        ("text/html", true),
        ("application/json;q=0.5, TEXT/HTML", true),
        ("application/json", false),
        ("application/json, text/plain, */*", false),
        ("application/json, text/html;q=0.9", false),
        ("text/html;q=0, */*", false),
        ("*/*", false),
        ("", false),
    ];
    for (accept, is_page) in rows {
        let reply = site.call("GET", "/", &[("accept", accept)], "").await;
        assert_eq!(reply.status, 200, "{accept}");
        assert_eq!(reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html")), is_page, "{accept}");
        assert!(reply.headers.get_all("vary").iter().any(|vary| vary == "Accept"), "{accept}");
        if !is_page {
            assert_eq!(reply.json(), json!({"Hello": "World"}));
        }
    }
}

#[tokio::test]
async fn its_files_may_be_kept_for_good_and_it_is_asked_for_again() {
    let site = Site::open().await;
    let index = page(&site).await;
    let mut files = named(&index.text);
    assert!(files.iter().any(|file| file.ends_with(".js")), "{files:?}");
    for at in 0.. {
        let Some(file) = files.get(at) else { break };
        let path = format!("/assets/{file}");
        let gzip = site.weigh(&path, "gzip").await;
        assert_eq!(gzip.headers["cache-control"], "public, max-age=31536000, immutable", "{file}");
        let plain = site.weigh(&path, "identity").await;
        assert!(plain.headers.get("content-encoding").is_none() && plain.bytes >= gzip.bytes, "{file}");
        files.extend(if file.ends_with(".css") { named(&plain.text) } else { Vec::new() });
    }
    assert_eq!(files.len(), 5, "script, style, two fonts and the icon: {files:?}");
    assert_eq!(site.get("/assets/app-0000000000000000.js").await.status, 404);

    let tag = index.header("etag").expect("a tag").to_owned();
    let again = site.call("GET", "/", &[("accept", BROWSER), ("if-none-match", &tag)], "").await;
    assert_eq!((again.status.as_u16(), again.text.as_str()), (304, ""));
}

#[tokio::test]
async fn a_first_visit_is_light() {
    let site = Site::open().await;
    let mut files = named(&page(&site).await.text);
    let style = files.iter().find(|file| file.ends_with(".css")).expect("a style sheet").clone();
    files.extend(named(&site.get(&format!("/assets/{style}")).await.text));
    let mut total = site.weigh("/", "gzip").await.bytes;
    for file in &files {
        total += site.weigh(&format!("/assets/{file}"), "gzip").await.bytes;
    }
    assert!(total <= FIRST_LOAD_BYTES_MAX, "{total} bytes on the wire");
}

#[tokio::test]
async fn it_may_load_from_here_and_nowhere_else() {
    let site = Site::open().await;
    let index = page(&site).await;
    let policy = index.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    assert_eq!(index.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(index.header("referrer-policy"), Some("no-referrer"));
    for inline in ["<style", "style=", "onclick", "://"] {
        assert!(!index.text.contains(inline), "{inline}");
    }
}

#[tokio::test]
async fn it_is_there_before_a_key_is_shown() {
    let settings = ApiSettings { api_keys: vec!["secret".to_owned()], ..ApiSettings::default() };
    let site = Site::with(ScriptedGenerator::quoting_the_best_passage(), settings).await;
    let index = page(&site).await;
    assert_eq!(index.status, 200);
    for file in named(&index.text) {
        assert_eq!(site.weigh(&format!("/assets/{file}"), "gzip").await.status, 200, "{file}");
    }
    assert_eq!(site.get("/v1/collections").await.status, 401);
}

#[test]
fn clients_can_be_generated_from_the_description() {
    let description = serde_json::to_value(docent_api::openapi()).expect("JSON");
    let mut names = std::collections::BTreeSet::new();
    for (path, methods) in description["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let name = operation["operationId"].as_str().unwrap_or_default();
            assert!(
                !name.is_empty() && names.insert(name.to_owned()),
                "{method} {path} has no name of its own: {name}"
            );
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for parameter in parameters.iter().filter(|parameter| parameter["in"] == "path") {
                let name = parameter["name"].as_str().expect("a name");
                assert!(path.contains(&format!("{{{name}}}")), "{name} is not a part of {path}");
            }
        }
    }
}

#[test]
fn its_types_are_made_from_the_description_in_force() {
    let checked_in: serde_json::Value =
        serde_json::from_str(include_str!("../../../../web/openapi.json")).expect("JSON");
    let in_force = serde_json::to_value(docent_api::openapi()).expect("JSON");
    assert!(checked_in == in_force, "web/openapi.json is not what the routes say: `make page-bundle` renews it");
}
