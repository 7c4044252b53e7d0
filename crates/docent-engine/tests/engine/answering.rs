//! What an answer is made of.

use crate::house::{House, question};
use docent_core::outcome::NOT_FOUND_TEXT;
use docent_core::{Outcome, Verification};
use docent_engine::progress::QueryEvent;
use docent_engine::{Error, ErrorKind};
use docent_testkit::provider::{ScriptedGenerator, Step};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(5);

async fn answer(house: &House, text: &str) -> (docent_engine::answer::Answered, Vec<QueryEvent>) {
    let mut events = Vec::new();
    let answered = house.engine.answer(&question(text), LIMIT, &mut |event| events.push(event)).await;
    (answered.expect("answered"), events)
}

#[tokio::test]
async fn evidence_is_checked_before_anybody_sees_a_statement() {
    let steps = vec![
        Step::statement("You have 25 days.", &[(1, "annual leave is 25 days")]),
        Step::statement("You also get a car.", &[(1, "a company car for everybody")]),
        Step::done(),
    ];
    let house = House::new(ScriptedGenerator::calls([steps])).furnished().await;
    let (answered, events) = answer(&house, "How many days of annual leave do we have?").await;
    let answer = answered.answer;
    assert_eq!((answer.outcome, answer.text.as_str()), (Outcome::Partial, "You have 25 days."));
    assert_eq!(answer.citations[0].cited_text, "Annual leave is 25 days");
    assert_eq!(answer.citations[0].verification, Verification::Verified);
    assert_eq!(answer.citations[0].filename, "docs/leave.txt");
    assert_eq!(answer.usage.total_tokens, 120);
    let shown = events.iter().filter(|event| matches!(event, QueryEvent::Statement { .. })).count();
    assert_eq!(shown, 1, "the invented statement was never shown");
    let kept: Vec<bool> = answered.trace.statements.iter().map(|statement| statement.kept).collect();
    assert_eq!(kept, [true, false]);
    assert_eq!(answered.trace.candidates[0].fate, "used");
}

#[tokio::test]
async fn not_found_names_the_nearest_passages() {
    let house = House::new(ScriptedGenerator::calls([vec![Step::done()]])).furnished().await;
    let (answered, _) = answer(&house, "Who may use the sauna on leave?").await;
    assert_eq!(answered.answer.outcome, Outcome::NotFound);
    assert_eq!(answered.answer.text, NOT_FOUND_TEXT);
    assert!(!answered.answer.sources.is_empty());
}

#[tokio::test]
async fn a_model_without_passages_is_not_asked() {
    let generator = ScriptedGenerator::calls([]);
    let house = House::new(generator);
    house.write("only.txt", "REFUSE me");
    house.ingest().await;
    let (answered, _) = answer(&house, "Anything?").await;
    assert_eq!((answered.answer.outcome, answered.answer.sources.len()), (Outcome::NotFound, 0));
}

#[tokio::test(start_paused = true)]
async fn trouble_with_the_model_is_an_error_with_its_kind() {
    let rows: Vec<(Vec<Step>, ErrorKind)> = vec![
        (vec![Step::Fail(Error::new(ErrorKind::Unauthorized, "no"))], ErrorKind::Unauthorized),
        (vec![Step::Hang], ErrorKind::Timeout),
        (vec![Step::statement("Annual leave is 25 days.", &[(1, "Annual leave is 25 days")])], ErrorKind::Unavailable),
    ];
    for (steps, kind) in rows {
        let house = House::new(ScriptedGenerator::calls([steps])).furnished().await;
        let result = house.engine.answer(&question("How many days?"), LIMIT, &mut |_| ()).await;
        assert_eq!(result.err().map(|error| error.kind()), Some(kind));
    }
}

#[tokio::test]
async fn an_unknown_collection_says_what_to_do() {
    let house = House::new(ScriptedGenerator::calls([]));
    let error = house.engine.answer(&question("Anything?"), LIMIT, &mut |_| ()).await.err().expect("nothing there");
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.hint_text().expect("a hint").contains("docent ingest"));
}
