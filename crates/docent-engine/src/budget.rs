//! What a day may cost, and how an answer is kept within it.
//!
//! Before a question is stored, and again before a model is asked, an estimate that an answer hardly ever exceeds is reserved in
//! the accounts of the key and of all; afterwards what was really spent takes its place. A reservation is named by query and
//! attempt, so doing either twice changes nothing, and one that is never settled, as its worker died, stays counted until the
//! day is over: the model may have been paid. Without caps nothing is counted.

use crate::Engine;
use crate::error::{Error, ErrorKind, Result};
use crate::ports::{Account, Reservation};
use docent_core::query::QueryRequest;
use docent_core::spending::Cap;
use docent_core::{Caps, Query, Spending, Timestamp};
use std::time::Duration;

/// The account of everybody; no key is called this.
pub const EVERYBODY: &str = "everybody";

/// Caps, and what one answer is expected to cost at most.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// For all callers together.
    pub all: Caps,
    /// For each key.
    pub per_key: Caps,
    /// What is reserved for an answer; nothing if answers cost nothing.
    pub estimate: Spending,
    /// What is reserved besides for a question that follows others, as a model is asked to rewrite it.
    pub follow_up: Spending,
}

impl Budget {
    fn estimate(&self, request: &QueryRequest) -> Spending {
        if request.earlier.is_empty() { self.estimate } else { self.estimate.plus(self.follow_up) }
    }

    /// The accounts that a caller's answer is counted in on a day, with their caps.
    fn accounts(&self, owner: Option<&str>, day: i64) -> Vec<(Account, Caps)> {
        if self.estimate.is_zero() {
            return Vec::new();
        }
        let account = |name: &str, caps| (Account { name: name.to_owned(), day }, caps);
        let of_key = owner.map(|owner| account(owner, self.per_key));
        let all = [of_key, Some(account(EVERYBODY, self.all))];
        all.into_iter().flatten().filter(|(_, caps)| !caps.is_none()).collect()
    }
}

/// What is put aside for one attempt at a query.
#[derive(Clone, Debug)]
pub(crate) struct Reserved {
    accounts: Vec<Account>,
    id: String,
}

impl Engine {
    /// Puts the cost of an attempt aside, or says why it cannot be. Doing it again changes nothing.
    ///
    /// # Errors
    /// `BudgetExceeded` if a cap would be passed; those of the meter.
    pub(crate) async fn reserve(&self, query: &Query, attempt: u32, now: Timestamp) -> Result<Reserved> {
        let budget = &self.settings.budget;
        let mut reserved = Reserved { accounts: Vec::new(), id: reservation(query, attempt) };
        for (account, caps) in budget.accounts(query.request.owner.as_deref(), now.day()) {
            match self.meter.reserve(&account, &reserved.id, budget.estimate(&query.request), caps).await {
                Ok(Reservation::Granted) => reserved.accounts.push(account),
                Ok(Reservation::Refused { cap, .. }) => {
                    self.give_back(&reserved).await;
                    return Err(exceeded(&account, cap, now));
                }
                Err(error) => {
                    self.give_back(&reserved).await;
                    return Err(error);
                }
            }
        }
        Ok(reserved)
    }

    /// Gives back what was put aside when the query came in, if nobody has begun to work on it.
    pub(crate) async fn give_back_unstarted(&self, query: &Query) {
        if query.attempt == 0 {
            let accounts = self.settings.budget.accounts(query.request.owner.as_deref(), query.created_at.day());
            let accounts = accounts.into_iter().map(|(account, _)| account).collect();
            self.give_back(&Reserved { accounts, id: reservation(query, 1) }).await;
        }
    }

    /// Nothing was spent.
    pub(crate) async fn give_back(&self, reserved: &Reserved) {
        self.settle(reserved, Spending::default()).await;
    }

    /// Puts what was spent in the place of what was put aside. If that fails the estimate stands.
    pub(crate) async fn settle(&self, reserved: &Reserved, real: Spending) {
        for account in &reserved.accounts {
            if let Err(error) = self.meter.settle(account, &reserved.id, real).await {
                tracing::warn!(reservation = reserved.id, %error, "not settled; the estimate stays counted");
            }
        }
    }
}

fn reservation(query: &Query, attempt: u32) -> String {
    format!("{}-{attempt}", query.id)
}

fn exceeded(account: &Account, cap: Cap, now: Timestamp) -> Error {
    let what = match cap {
        Cap::Tokens => "tokens",
        Cap::Money => "money",
    };
    let whose = if account.name == EVERYBODY { "this deployment" } else { "this API key" };
    let retry_after = Timestamp::start_of_day(account.day + 1).since(now).max(Duration::from_secs(1));
    Error::new(ErrorKind::BudgetExceeded { retry_after }, format!("the day's budget of {what} for {whose} is used up"))
        .hint("ask again after midnight UTC, or have the cap raised")
}
