//! Webhooks: a query's ending, told to the address that its request names.
//!
//! **Stored with the query.** The write that ends a query makes its webhook pending, so there is no moment at which an answer is
//! there and the news of it is lost. Whoever delivers takes it by a conditional write that counts the attempt and moves the
//! moment at which it is due; who dies with it leaves it due again. So it is delivered at least once, and ends: as delivered,
//! or given up after [`ATTEMPTS_MAX`] attempts within a day.
//!
//! **Who delivers.** The process that ended a query has its id in the outbox and tries at once. Everything else is found by the
//! sweep, which puts what is due into the outbox of its process.
//!
//! **What is told** is which query ended and how, signed as the Standard Webhooks specification has it ([`secret`]): not the
//! answer, which is handed out to who shows the key (decision 0017).
//!
//! What is absent: HTTP, and the rules about addresses. Both are the [`Courier`]'s.

mod outbox;
pub mod secret;

use crate::Engine;
use crate::error::{Error, Result};
use crate::ports::{Courier, Letter, Undelivered, WebhookEnding};
use docent_core::query::WebhookStatus;
use docent_core::{Query, Timestamp};
use futures::future::BoxFuture;
use futures::{StreamExt, stream};
use outbox::Outbox;
use secret::SigningSecret;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Attempts before a webhook is given up.
pub const ATTEMPTS_MAX: u32 = 10;
/// All the time that a courier may take for one attempt.
pub const ATTEMPT_TIME: Duration = Duration::from_secs(15);
/// How long an attempt keeps others away: its time, and that of the writes around it.
const HOLD: Duration = Duration::from_secs(60);
/// The bound of the wait after the first attempt; each next one is four times as long, up to the longest.
const FIRST_WAIT: Duration = Duration::from_secs(5);
const LONGEST_WAIT: Duration = Duration::from_secs(6 * 60 * 60);
/// Deliveries at the same time.
const AT_ONCE: usize = 32;
/// Due webhooks that a sweep takes up.
const SWEPT_AT_ONCE: usize = 500;

/// Where the secrets come from, the one in use first.
pub type Secrets = Arc<dyn Fn() -> BoxFuture<'static, Result<Vec<SigningSecret>>> + Send + Sync>;

/// What it takes to tell somebody.
pub struct Means {
    /// Who goes.
    pub courier: Arc<dyn Courier>,
    /// What it is signed with.
    pub secrets: Secrets,
    /// What is said: JSON.
    pub body: fn(&Query) -> String,
}

/// Webhooks of a process: what it takes, if they are on, and what waits to be tried.
#[derive(Default)]
pub struct Webhooks {
    means: Option<Means>,
    outbox: Outbox,
}

impl Webhooks {
    /// On.
    pub fn on(means: Means) -> Self {
        Self { means: Some(means), outbox: Outbox::default() }
    }

    /// Says what is wrong with an address before anything is stored.
    pub(crate) fn check(&self, url: &str) -> Result<()> {
        match &self.means {
            Some(means) => means.courier.check(url),
            None => Err(Error::invalid("`webhook_url` is given, and this server has no secret to sign webhooks with")
                .hint("its operator sets DOCENT_WEBHOOK_SECRET; until then, ask again with `wait`")),
        }
    }

    /// Remembers that a query has ended, if somebody is to be told.
    pub(crate) fn ended(&self, query: &Query) {
        if query.webhook.as_ref().is_some_and(|webhook| webhook.status == WebhookStatus::Pending) {
            self.outbox.put(query.id.clone());
        }
    }
}

impl Engine {
    /// Delivers what comes into the outbox until told to stop; what is under way then is finished.
    pub async fn deliver_webhooks(&self, stop: impl Future<Output = ()>) {
        let waiting = stream::unfold((), |()| async { Some((self.webhooks.outbox.next().await, ())) });
        waiting.take_until(stop).for_each_concurrent(AT_ONCE, |id| async move { self.deliver(&id).await }).await;
    }

    /// Delivers what is in the outbox now, as far as `limit` leaves time for whole attempts; the sweep finds the rest.
    pub async fn deliver_waiting_webhooks(&self, limit: Duration) {
        let begun = Instant::now();
        let has_time = || begun.elapsed() + ATTEMPT_TIME <= limit;
        let waiting = std::iter::from_fn(|| if has_time() { self.webhooks.outbox.take() } else { None });
        stream::iter(waiting).for_each_concurrent(AT_ONCE, |id| async move { self.deliver(&id).await }).await;
    }

    /// Puts what is due into the outbox.
    pub(crate) async fn collect_due_webhooks(&self, now: Timestamp) -> Result<()> {
        let due = self.queries.due_webhooks(now, SWEPT_AT_ONCE).await?;
        due.into_iter().for_each(|id| self.webhooks.outbox.put(id));
        Ok(())
    }

    async fn deliver(&self, id: &str) {
        if let Err(error) = self.attempt_delivery(id).await {
            // It is due again when its hold is over.
            tracing::error!(query_id = id, %error, "the query store failed a webhook");
        }
    }

    async fn attempt_delivery(&self, id: &str) -> Result<()> {
        let now = (self.clock)();
        let Some(query) = self.queries.claim_webhook(id, now, now.plus(HOLD)).await? else { return Ok(()) };
        let attempt = query.webhook.as_ref().map_or(0, |webhook| webhook.attempts);
        let ending = match self.tell(&query, attempt).await {
            Ok(()) => WebhookEnding::Delivered,
            Err(Undelivered { error, is_final }) if is_final || attempt >= ATTEMPTS_MAX => {
                WebhookEnding::GivenUp { error }
            }
            Err(Undelivered { error, .. }) => {
                WebhookEnding::Again { due: (self.clock)().plus(wait_after(id, attempt)), error }
            }
        };
        log(id, attempt, &ending);
        self.queries.end_webhook(id, attempt, &ending).await.map(drop)
    }

    async fn tell(&self, query: &Query, attempt: u32) -> std::result::Result<(), Undelivered> {
        let again = |error: &str| Undelivered { error: error.to_owned(), is_final: false };
        if attempt > ATTEMPTS_MAX {
            return Err(again("the last attempt was cut off before it could end"));
        }
        let (Some(means), Some(url)) = (&self.webhooks.means, &query.request.webhook_url) else {
            return Err(again("the server has no secret to sign webhooks with any more"));
        };
        let secrets = (means.secrets)().await.map_err(|error| {
            tracing::error!(%error, hint = error.hint_text(), "the secret that signs webhooks cannot be read");
            again("the server cannot read the secret that signs webhooks")
        })?;
        let (id, timestamp, body) = (format!("msg_{}", query.id), (self.clock)().as_secs(), (means.body)(query));
        let signature = secret::sign(&secrets, &id, timestamp, &body);
        means.courier.carry(&Letter { url: url.clone(), id, timestamp, signature, body }).await
    }
}

fn log(query_id: &str, attempt: u32, ending: &WebhookEnding) {
    match ending {
        WebhookEnding::Delivered => tracing::info!(query_id, attempt, "webhook delivered"),
        WebhookEnding::Again { error, .. } => tracing::info!(query_id, attempt, error, "webhook not delivered yet"),
        WebhookEnding::GivenUp { error } => tracing::warn!(query_id, attempt, error, "webhook given up"),
    }
}

/// How long to wait after an attempt (from 1): between half of the bound and all of it, another part for each query and attempt,
/// so that what failed together does not come back together.
fn wait_after(id: &str, attempt: u32) -> Duration {
    let bound = FIRST_WAIT.saturating_mul(4_u32.saturating_pow(attempt.saturating_sub(1))).min(LONGEST_WAIT);
    let hash = blake3::hash(format!("{id}/{attempt}").as_bytes());
    let draw = f64::from(u16::from_le_bytes([hash.as_bytes()[0], hash.as_bytes()[1]])) / f64::from(u16::MAX);
    bound.mul_f64(0.5 + draw / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_fourfold_to_six_hours_and_ten_attempts_fit_into_a_day() {
        let bounds = [5, 20, 80, 320, 1_280, 5_120, 20_480, 21_600, 21_600].map(Duration::from_secs);
        for id in ["0192", "0193", "0194"] {
            let waits: Vec<_> = (1..ATTEMPTS_MAX).map(|attempt| wait_after(id, attempt)).collect();
            for (wait, bound) in waits.iter().zip(bounds) {
                assert!((bound / 2..=bound).contains(wait), "{wait:?} of {bound:?}");
            }
            assert!(waits.iter().sum::<Duration>() < Duration::from_secs(24 * 60 * 60));
        }
        assert_eq!(wait_after("0192", 1), wait_after("0192", 1));
        let firsts: std::collections::BTreeSet<_> = (0..100).map(|n| wait_after(&n.to_string(), 1)).collect();
        assert!(firsts.len() > 90, "they come back one by one");
    }
}
