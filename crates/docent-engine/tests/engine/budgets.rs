//! What answers cost, and what keeps a day within its budget.

use crate::house::{House, question};
use docent_core::query::{Query, QueryStatus};
use docent_core::spending::{MicroDollars, Price};
use docent_core::{Caps, Prices, Spending};
use docent_engine::budget::{Budget, EVERYBODY};
use docent_engine::ports::Account;
use docent_engine::{Error, ErrorKind, Settings};
use docent_testkit::provider::{ScriptedGenerator, Step};
use std::time::Duration;

const ESTIMATE: Spending = Spending { tokens: 1_000, money: MicroDollars(5_000) };
const FOLLOW_UP: Spending = Spending { tokens: 300, money: MicroDollars(700) };
/// Of one answer: 120 tokens of the model, 6 words embedded.
const REAL: Spending = Spending { tokens: 126, money: MicroDollars(52) };

fn prices() -> Prices {
    let price = |input, output| Price { input: MicroDollars(input), output: MicroDollars(output) };
    let models = [("scripted", price(300_000, 1_000_000)), ("test/hashed-words", price(200_000, 0))];
    Prices { as_of: "2026-11-05".to_owned(), models: models.map(|(name, price)| (name.to_owned(), price)).into() }
}

fn settings(all: Option<u64>, per_key: Option<u64>) -> Settings {
    let caps = |tokens| Caps { tokens, money: None };
    let budget = Budget { all: caps(all), per_key: caps(per_key), estimate: ESTIMATE, follow_up: FOLLOW_UP };
    Settings { budget, prices: prices(), ..Settings::default() }
}

async fn house(generator: ScriptedGenerator, settings: Settings) -> House {
    House::with_settings(generator, settings).furnished().await
}

async fn submit(house: &House, owner: Option<&str>) -> Result<Query, Error> {
    let mut request = question("How many days of annual leave?");
    request.owner = owner.map(str::to_owned);
    house.engine.submit(request, None).await
}

async fn spent(house: &House, name: &str) -> Spending {
    let account = Account { name: name.to_owned(), day: house.now().day() };
    house.engine.meter.spent(&account).await.expect("read")
}

#[tokio::test]
async fn an_answer_says_what_it_cost() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), settings(None, None)).await;
    let query = submit(&house, None).await.expect("accepted");
    house.engine.run_query(&query.id, "w").await.expect("ran");
    let answer = house.engine.queries.get(&query.id).await.expect("read").and_then(|query| query.answer);
    let answer = answer.expect("answered");
    assert_eq!((answer.usage.total_tokens, answer.usage.embedding_tokens), (120, 6));
    let cost = answer.cost.expect("a cost");
    assert_eq!((cost.money, cost.model.as_str()), (Some(REAL.money), "scripted"));
    assert_eq!((cost.prices_as_of.as_deref(), cost.note), (Some("2026-11-05"), None));
    assert_eq!(spent(&house, EVERYBODY).await, Spending::default(), "nothing is counted without caps");
}

#[tokio::test]
async fn a_price_that_is_not_known_is_not_made_up() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), Settings::default()).await;
    let query = submit(&house, None).await.expect("accepted");
    house.engine.run_query(&query.id, "w").await.expect("ran");
    let answer = house.engine.queries.get(&query.id).await.expect("read").and_then(|query| query.answer);
    let cost = answer.and_then(|answer| answer.cost).expect("a cost");
    assert_eq!(cost.money, None);
    assert_eq!(cost.note.as_deref(), Some("the price of scripted is not known; `prices_file` can name it"));
}

#[tokio::test]
async fn what_is_put_aside_makes_room_for_what_was_spent() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), settings(Some(10_000), Some(5_000))).await;
    let query = submit(&house, Some("key_a")).await.expect("accepted");
    assert_eq!((spent(&house, EVERYBODY).await, spent(&house, "key_a").await), (ESTIMATE, ESTIMATE));
    house.engine.run_query(&query.id, "w").await.expect("ran");
    assert_eq!((spent(&house, EVERYBODY).await, spent(&house, "key_a").await), (REAL, REAL));
    submit(&house, None).await.expect("accepted");
    assert_eq!((spent(&house, EVERYBODY).await, spent(&house, "key_a").await), (REAL.plus(ESTIMATE), REAL));
}

#[tokio::test]
async fn a_question_that_follows_others_has_more_put_aside() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), settings(Some(10_000), None)).await;
    let mut request = question("And part-timers?");
    request.earlier = vec!["How many days of annual leave?".to_owned()];
    house.engine.submit(request, None).await.expect("accepted");
    assert_eq!(spent(&house, EVERYBODY).await, ESTIMATE.plus(FOLLOW_UP));
}

#[tokio::test]
async fn over_the_cap_nothing_is_stored_until_the_next_day() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), settings(Some(2_500), Some(1_500))).await;
    submit(&house, Some("key_a")).await.expect("accepted");
    let error = submit(&house, Some("key_a")).await.expect_err("refused");
    // The house's clock stands at 08:00 UTC.
    let until_midnight = Duration::from_secs(16 * 3_600);
    assert_eq!(error.kind(), ErrorKind::BudgetExceeded { retry_after: until_midnight });
    assert_eq!(error.to_string(), "the day's budget of tokens for this API key is used up");
    submit(&house, Some("key_b")).await.expect("another key has its own");
    let error = submit(&house, Some("key_c")).await.expect_err("refused");
    assert_eq!(error.to_string(), "the day's budget of tokens for this deployment is used up");
    assert_eq!(spent(&house, "key_c").await, Spending::default(), "what the key had put aside is given back");
    for owner in ["key_a", "key_b", "key_c"] {
        let stored = house.engine.queries.list(Some(owner), "nobody", 10, None).await.expect("read");
        assert_eq!(stored.len(), usize::from(owner != "key_c"));
    }
    house.pass(until_midnight);
    submit(&house, Some("key_a")).await.expect("accepted");
}

#[tokio::test]
async fn many_at_once_do_not_pass_the_cap() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), settings(Some(5_000), None)).await;
    let accepted = futures::future::join_all((0..20).map(|_| submit(&house, Some("key_a")))).await;
    assert_eq!(accepted.iter().filter(|one| one.is_ok()).count(), 5);
    assert_eq!(spent(&house, EVERYBODY).await.tokens, 5_000);
}

#[tokio::test]
async fn a_worker_that_died_may_have_spent_it() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), settings(Some(2_500), None)).await;
    let query = submit(&house, None).await.expect("accepted");
    let lease =
        docent_core::query::Lease { worker: "dead".to_owned(), until: house.now().plus(Duration::from_secs(30)) };
    house.engine.queries.claim(&query.id, &lease, house.now(), 3).await.expect("claimed");
    house.pass(Duration::from_secs(31));
    house.engine.run_query(&query.id, "alive").await.expect("ran");
    assert_eq!(spent(&house, EVERYBODY).await, ESTIMATE.plus(REAL), "the first attempt's estimate stands");
}

#[tokio::test]
async fn a_second_attempt_that_the_budget_forbids_is_not_made() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), settings(Some(1_500), None)).await;
    let query = submit(&house, None).await.expect("accepted");
    let lease =
        docent_core::query::Lease { worker: "dead".to_owned(), until: house.now().plus(Duration::from_secs(30)) };
    house.engine.queries.claim(&query.id, &lease, house.now(), 3).await.expect("claimed");
    house.pass(Duration::from_secs(31));
    house.engine.run_query(&query.id, "alive").await.expect("ran");
    let query = house.engine.queries.get(&query.id).await.expect("read").expect("there");
    assert_eq!(query.status, QueryStatus::Failed);
    assert_eq!(query.failure.map(|failure| failure.code).as_deref(), Some("budget_exceeded"));
}

#[tokio::test]
async fn a_refusal_is_free_and_a_broken_answer_is_not() {
    for (kind, counted) in [
        (ErrorKind::Unauthorized, Spending::default()),
        (ErrorKind::RateLimited { retry_after: None }, Spending::default()),
        (ErrorKind::Unavailable, ESTIMATE),
        (ErrorKind::Timeout, ESTIMATE),
    ] {
        let generator = ScriptedGenerator::new(move |_, _| vec![Step::Fail(Error::new(kind, "it says no"))]);
        let house = house(generator, settings(Some(10_000), None)).await;
        let query = submit(&house, None).await.expect("accepted");
        house.engine.run_query(&query.id, "w").await.expect("ran");
        assert_eq!(spent(&house, EVERYBODY).await, counted, "{kind:?}");
    }
}

#[tokio::test]
async fn what_nobody_began_costs_nothing() {
    let house = house(ScriptedGenerator::quoting_the_best_passage(), settings(Some(10_000), None)).await;
    let cancelled = submit(&house, None).await.expect("accepted");
    let overdue = submit(&house, None).await.expect("accepted");
    assert_eq!(spent(&house, EVERYBODY).await.tokens, 2_000);
    house.engine.cancel(&cancelled.id).await.expect("cancelled");
    house.engine.cancel(&cancelled.id).await.expect("cancelled twice");
    assert_eq!(spent(&house, EVERYBODY).await.tokens, 1_000);
    house.pass(Duration::from_secs(601));
    house.engine.sweep(Duration::ZERO).await.expect("swept");
    let overdue = house.engine.queries.get(&overdue.id).await.expect("read").expect("there");
    assert_eq!((overdue.status, spent(&house, EVERYBODY).await), (QueryStatus::Failed, Spending::default()));
}
