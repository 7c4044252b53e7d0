//! Answers from a model behind an endpoint, on its good days and on its bad ones.

use crate::endpoint::{Endpoint, Mood, nobody};
use crate::snapshot;
use crate::terminal::{Ran, Terminal};

const ANSWER: &str = r#"{"statements":[
    {"text":"You have 25 days off.","quotes":[{"passage":1,"quote":"25 days of annual leave"}]},
    {"text":"There is a company car.","quotes":[{"passage":1,"quote":"everybody gets a company car"}]}],"missing":null}"#;

fn ask(url: &str) -> Ran {
    // More than all retries may take together.
    ask_within("20", url)
}

fn ask_within(seconds: &str, url: &str) -> Ran {
    let terminal = Terminal::new()
        .with("OPENAI_BASE_URL", url)
        .with("OPENAI_API_KEY", "sk-test-secret")
        .with("DOCENT_ANSWER_TIMEOUT_S", seconds)
        .file("leave.md", "# Leave policy\n\nEverybody has 25 days of annual leave in a calendar year.\n");
    terminal.docent(&["ingest", "leave.md"]).succeeded();
    let ran = terminal.docent(&["ask", "How many days of annual leave do we have?"]);
    assert!(!format!("{ran:?}").contains("sk-test-secret"), "the key leaked: {ran:?}");
    ran
}

#[test]
fn a_model_answers_and_what_it_made_up_is_left_out() {
    snapshot!(ask(&Endpoint::start(Mood::Says(ANSWER)).url()), @r"
    exit 0
    --- stdout
    You have 25 days off. [1]

    Part of the answer is left out, as the documents do not bear it out.

    [1] leave.md · Leave policy · verified
        “25 days of annual leave”
    --- stderr

    partly answered by openai/gpt-4o-mini in [N] ms ([TIMES]), 120 tokens, cost not known
    docent explain qry_[ID]
    ");
}

#[test]
fn a_busy_endpoint_is_asked_again() {
    let endpoint = Endpoint::start(Mood::BusyThenSays(1, ANSWER));
    assert!(ask(&endpoint.url()).succeeded().starts_with("You have 25 days off. [1]"));
    assert_eq!(endpoint.requests(), 2);
}

#[test]
fn the_endpoint_is_down() {
    let ran = ask(&nobody());
    assert_eq!(ran.status, Some(1));
    snapshot!(ran, @r"
    exit 1
    --- stdout
    --- stderr
    error: the model endpoint cannot be reached

    hint: check that a server is running at http://[ADDRESS]/v1 (OPENAI_BASE_URL) and that it is reachable from here
    ");
}

#[test]
fn the_key_is_refused() {
    snapshot!(ask(&Endpoint::start(Mood::Refuses(401, "Incorrect API key provided")).url()), @r"
    exit 1
    --- stdout
    --- stderr
    error: the model endpoint refused the key: Incorrect API key provided

    hint: check OPENAI_API_KEY: it must be valid for this endpoint and allowed to use this model
    ");
}

#[test]
fn the_model_does_not_exist() {
    snapshot!(ask(&Endpoint::start(Mood::Refuses(404, "The model does not exist")).url()), @r"
    exit 1
    --- stdout
    --- stderr
    error: the model endpoint does not know gpt-4o-mini: The model does not exist

    hint: check the model's name against http://[ADDRESS]/v1/models and the base URL http://[ADDRESS]/v1
    ");
}

#[test]
fn the_endpoint_stays_busy() {
    snapshot!(ask(&Endpoint::start(Mood::Refuses(429, "Rate limit reached")).url()), @r"
    exit 1
    --- stdout
    --- stderr
    error: the model endpoint asks for a pause: Rate limit reached

    hint: wait, or ask the provider for a higher rate limit
    ");
}

#[test]
fn the_endpoint_never_answers() {
    let ran = ask_within("2", &Endpoint::start(Mood::Silent).url());
    // The time limit is the engine's and the endpoint's; either may notice first.
    let says = ["no answer within 2 s", "the model endpoint did not answer in time"];
    assert!(says.iter().any(|says| ran.stderr.starts_with(&format!("error: {says}"))), "{}", ran.transcript());
    assert!(ran.status == Some(1) && ran.stderr.contains("\nhint: "), "{}", ran.transcript());
}

#[test]
fn the_stream_breaks_off() {
    snapshot!(ask(&Endpoint::start(Mood::BreaksOff(ANSWER)).url()), @r"
    exit 1
    --- stdout
    --- stderr
    error: the model endpoint sent an answer that broke off

    hint: check that OPENAI_BASE_URL is an OpenAI-compatible endpoint, or try again
    ");
}

#[test]
fn the_doctor_makes_one_tiny_call() {
    for (mood, status, says) in [
        (Mood::Says("OK"), 0, "answered in"),
        (Mood::Refuses(401, "Incorrect API key provided"), 1, "the model endpoint refused the key"),
    ] {
        let endpoint = Endpoint::start(mood);
        let terminal =
            Terminal::new().with("OPENAI_BASE_URL", &endpoint.url()).with("OPENAI_API_KEY", "sk-test-secret");
        let ran = terminal.docent(&["doctor", "--json"]);
        assert_eq!(ran.status, Some(status), "{}", ran.transcript());
        let checks = ran.json();
        let checks = checks.as_array().expect("checks");
        let answers = checks.iter().find(|check| check["name"] == "answers").expect("a check");
        assert!(answers["detail"].as_str().is_some_and(|detail| detail.contains(says)), "{answers}");
        assert!(endpoint.requests() >= 1);
    }
}
