//! Questions that follow others: by the model, and by the rule where it fails.

use crate::house::{House, question};
use docent_core::follow_up::Method;
use docent_core::query::QueryRequest;
use docent_core::spending::{MicroDollars, Price};
use docent_core::{Prices, Spending};
use docent_engine::Settings;
use docent_engine::answer::Answered;
use docent_testkit::provider::{Rewriting, ScriptedGenerator};
use std::time::Duration;

const BEFORE: &str = "How many days of annual leave?";
const ASKED: &str = "And for how long is it requested ahead?";
const BY_MODEL: &str = "How many weeks ahead is annual leave requested?";
const BY_RULE: &str = "How many days of annual leave? And for how long is it requested ahead?";

fn follows() -> QueryRequest {
    QueryRequest { earlier: vec![BEFORE.to_owned()], ..question(ASKED) }
}

async fn answer(generator: ScriptedGenerator, request: &QueryRequest) -> Answered {
    let price = |input, output| Price { input: MicroDollars(input), output: MicroDollars(output) };
    let models = [("scripted", price(1_000_000, 1_000_000)), ("test/hashed-words", price(0, 0))];
    let models = models.map(|(name, price)| (name.to_owned(), price)).into();
    let settings = Settings { prices: Prices { as_of: "2026-11-05".to_owned(), models }, ..Settings::default() };
    let house = House::with_settings(generator, settings).furnished().await;
    house.engine.answer(request, Duration::from_secs(60), &mut |_| {}).await.expect("answered")
}

#[tokio::test]
async fn the_model_rewrites_and_what_that_costs_is_a_part_of_the_answer_s() {
    let generator = ScriptedGenerator::quoting_the_best_passage().rewriting(Rewriting::As(BY_MODEL, 50, 10));
    let answered = answer(generator, &follows()).await;
    let follow_up = answered.trace.follow_up.expect("it follows another");
    assert_eq!((answered.trace.question.as_str(), follow_up.asked.as_str()), (BY_MODEL, ASKED));
    assert_eq!((follow_up.method, follow_up.usage.total_tokens, follow_up.failure), (Method::Model, 60, None));
    assert_eq!(answered.answer.usage.total_tokens, 120 + 60);
    assert_eq!(answered.answer.cost.expect("a cost").money, Some(MicroDollars(180)));
    // Eight words were embedded.
    assert_eq!(answered.spent, Some(Spending { tokens: 188, money: MicroDollars(180) }));
}

#[tokio::test(start_paused = true)]
async fn the_rule_stands_in_for_a_model_that_fails_or_is_late() {
    for (rewriting, failure) in [
        (Rewriting::Fails("the model is away"), "the model is away"),
        (Rewriting::Hangs, "the model did not rewrite the question in time"),
    ] {
        let answered = answer(ScriptedGenerator::quoting_the_best_passage().rewriting(rewriting), &follows()).await;
        let follow_up = answered.trace.follow_up.expect("it follows another");
        assert_eq!((answered.trace.question.as_str(), follow_up.method), (BY_RULE, Method::Rule));
        assert_eq!(follow_up.failure.as_deref(), Some(failure));
        // Nobody knows what the failed call cost, so nothing is claimed.
        let cost = answered.answer.cost.expect("a cost");
        assert_eq!((answered.spent, cost.money), (None, None));
        assert_eq!(cost.note.as_deref(), Some("the endpoint did not count all tokens of scripted"));
    }
}

#[tokio::test]
async fn where_there_is_no_model_or_nothing_to_follow() {
    let answered = answer(ScriptedGenerator::quoting_the_best_passage(), &follows()).await;
    let follow_up = answered.trace.follow_up.expect("it follows another");
    assert_eq!((follow_up.method, follow_up.failure), (Method::Rule, None));
    assert_eq!(answered.trace.question, BY_RULE);
    assert!(answered.spent.is_some() && answered.answer.cost.is_some_and(|cost| cost.money.is_some()));

    let never = ScriptedGenerator::quoting_the_best_passage().rewriting(Rewriting::As("something else", 1, 1));
    let answered = answer(never, &question(BEFORE)).await;
    assert_eq!((answered.trace.question.as_str(), answered.trace.follow_up), (BEFORE, None));
    assert_eq!(answered.answer.usage.total_tokens, 120);
}
