//! API keys, from the terminal to the server; and what an answer cost.

use crate::endpoint::{Endpoint, Mood};
use crate::http::{get, request};
use crate::server::{Server, handbook};
use crate::snapshot;
use crate::terminal::Terminal;
use serde_json::{Value, json};

fn create(terminal: &Terminal, arguments: &[&str]) -> Value {
    terminal.docent(&[&["keys", "create", "--json"], arguments].concat()).json()
}

fn status(server: &Server, line: &str, key: &str) -> u16 {
    let bearer = format!("authorization: Bearer {key}");
    request(&server.address, line, &[&bearer], "").expect("answered").status
}

#[test]
fn a_key_is_shown_once_listed_and_revoked() {
    let terminal = Terminal::new();
    let made =
        terminal.docent(&["keys", "create", "ada's laptop", "--scope", "read", "--collection", "people,product"]);
    let secret = made.succeeded().trim().to_owned();
    assert!(secret.len() == 67 && secret.starts_with("dk_"), "{secret}");
    assert!(made.stderr.contains("may read · collections: people, product · until it is revoked"), "{}", made.stderr);

    let listed = terminal.docent(&["keys", "list", "--json"]).json();
    let id = listed["id"].as_str().expect("an id").to_owned();
    assert_eq!((&listed["state"], &listed["name"]), (&json!("active"), &json!("ada's laptop")));
    assert_eq!((&listed["scopes"], &listed["collections"]), (&json!(["read"]), &json!(["people", "product"])));
    assert_eq!((&listed["expires_at"], &listed["last_used_on"], listed.get("key")), (&Value::Null, &Value::Null, None));
    let table = terminal.docent(&["keys", "list"]);
    assert!(table.succeeded().lines().nth(1).is_some_and(|line| line.starts_with(&id) && line.contains("  active  ")));
    for ran in [&table, &terminal.docent(&["doctor"])] {
        assert!(!format!("{ran:?}").contains(&secret), "the secret is shown once");
    }
    let database = std::fs::read(terminal.path("data/queries.sqlite")).expect("read");
    assert!(!database.windows(secret.len()).any(|window| window == secret.as_bytes()), "and stored nowhere");

    let revoked = terminal.docent(&["keys", "revoke", &id]);
    assert_eq!(revoked.succeeded(), format!("  revoked  {id}  ada's laptop\n"));
    assert_eq!(terminal.docent(&["keys", "list", "--json"]).json()["state"], "revoked");
    let lasting = create(&terminal, &["robot", "--expires", "90d"]);
    assert!(lasting["expires_at"].is_string() && lasting["key"].as_str().is_some_and(|key| key.starts_with("dk_")));
}

#[test]
fn keys_that_make_no_sense() {
    let terminal = Terminal::new();
    snapshot!(terminal.docent(&["keys", "list"]), @r"
    exit 0
    --- stdout
    --- stderr
    there are no keys; `docent keys create NAME` makes one
    ");
    snapshot!(terminal.docent(&["keys", "create", "root", "--scope", "admin", "--collection", "people"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: a key with the scope `admin` cannot be bound to collections

    hint: it sees everything; leave out --collection, or give it other scopes
    ");
    snapshot!(terminal.docent(&["keys", "create", "robot", "--expires", "soon"]), @r"
    exit 2
    --- stdout
    --- stderr
    error: a key cannot last `soon`

    hint: say 90d for days, 12h for hours, at most 36500d
    ");
    snapshot!(terminal.docent(&["keys", "revoke", "key_0"]), @r"
    exit 1
    --- stdout
    --- stderr
    error: there is no API key `key_0`

    hint: `docent keys list` shows the ids of all keys
    ");
    let typo = terminal.docent(&["keys", "create", "robot", "--scope", "root"]);
    assert_eq!(typo.status, Some(2), "{}", typo.transcript());
}

#[test]
fn a_running_server_notices_keys_that_come_and_go() {
    let terminal = handbook();
    let server = Server::start(&terminal);
    assert_eq!(get(&server.address, "/v1/collections").expect("answered").status, 200, "open without keys");
    let reader = create(&terminal, &["reader", "--scope", "read"]);
    let secret = reader["key"].as_str().expect("a key");
    assert_eq!(get(&server.address, "/v1/collections").expect("answered").status, 401);
    assert_eq!(status(&server, "GET /v1/collections", secret), 200);
    assert_eq!(status(&server, "DELETE /v1/collections/default", secret), 403);
    terminal.docent(&["keys", "revoke", reader["id"].as_str().expect("an id")]).succeeded();
    assert_eq!(status(&server, "GET /v1/collections", secret), 401);
    assert_eq!(server.stop().code(), Some(0));
}

#[test]
fn beyond_this_machine_with_a_key_or_a_word() {
    for (terminal, makes_key) in [(Terminal::new(), true), (Terminal::new().with("DOCENT_PUBLIC", "read"), false)] {
        if makes_key {
            create(&terminal, &["somebody"]);
        }
        let server = Server::start_at(&terminal, "0.0.0.0:0");
        let port = server.address.rsplit(':').next().expect("a port").to_owned();
        let keyless = get(&format!("127.0.0.1:{port}"), "/v1/collections").expect("answered").status;
        assert_eq!(keyless, if makes_key { 401 } else { 200 });
        assert_eq!(server.stop().code(), Some(0));
    }
}

const ANSWER: &str =
    r#"{"statements":[{"text":"25 days.","quotes":[{"passage":1,"quote":"25 days of annual leave"}]}],"missing":null}"#;
const PRICES: &str = "as_of = \"2026-01-31\"\n[models]\ngpt-4o-mini = { input = \"0.15\", output = \"0.60\" }\n";

#[test]
fn an_answer_says_what_it_cost_and_a_cap_is_kept() {
    let endpoint = Endpoint::start(Mood::Says(ANSWER));
    let terminal = handbook()
        .with("OPENAI_BASE_URL", &endpoint.url())
        .with("OPENAI_API_KEY", "sk-test-secret")
        .with("DOCENT_PRICES_FILE", "prices.toml")
        .with("DOCENT_DAILY_COST_CAP_USD", "0.0028")
        .file("prices.toml", PRICES);
    let question = "How many days of annual leave do we have?";
    let answered = terminal.docent(&["ask", question, "--json"]).json();
    assert_eq!(answered["usage"]["total_tokens"], 120, "{answered}");
    let cost = &answered["cost"];
    assert_eq!((&cost["usd"], &cost["model"]), (&json!(0.000027), &json!("openai/gpt-4o-mini")));
    assert_eq!((&cost["prices_as_of"], &cost["note"]), (&json!("2026-01-31"), &Value::Null));
    let shown = terminal.docent(&["ask", question]);
    assert!(shown.stderr.contains(", 120 tokens, about $0.000027\n"), "{}", shown.transcript());
    for _ in 0..2 {
        terminal.docent(&["ask", question]).succeeded();
    }
    snapshot!(terminal.docent(&["ask", question]), @r"
    exit 1
    --- stdout
    --- stderr
    error: the day's budget of money for this deployment is used up

    hint: ask again after midnight UTC, or have the cap raised
    ");
    assert_eq!(endpoint.requests(), 4, "the model is not asked any more");
}

#[test]
fn what_no_model_wrote_costs_nothing() {
    let terminal = handbook();
    let answered = terminal.docent(&["ask", "How many days of annual leave do we have?", "--json"]).json();
    assert_eq!(answered["cost"], json!({"usd": 0.0, "model": "quoting", "prices_as_of": null, "note": null}));
}
