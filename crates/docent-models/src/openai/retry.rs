//! When to try again, and how long nothing may take longer than.

use super::failure::Failure;
use docent_engine::{Error, ErrorKind, Result};
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// How transient faults are tried again: exponential backoff with full jitter (the wait is drawn evenly between nothing
/// and the bound of the attempt, so that many clients do not return at once).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retries {
    /// Attempts in all, the first included.
    pub attempts: u32,
    /// Bound of the first wait; it doubles with each attempt.
    pub base: Duration,
    /// The bound never exceeds this.
    pub cap: Duration,
    /// Where the jitter's sequence starts; give each process another.
    pub seed: u64,
}

impl Default for Retries {
    fn default() -> Self {
        Self { attempts: 4, base: Duration::from_millis(500), cap: Duration::from_secs(20), seed: 0 }
    }
}

impl Retries {
    /// How long to wait after `failure` ended attempt number `attempt` (from 1), or none if it is final: not retryable, out
    /// of attempts, or over the time that `remains`. `share` between 0 and 1 is the draw.
    pub(crate) fn delay(&self, failure: &Failure, attempt: u32, share: f64, remains: Duration) -> Option<Duration> {
        if !failure.error.is_retryable() || attempt >= self.attempts {
            return None;
        }
        let bound = self.base.saturating_mul(1 << (attempt - 1).min(16)).min(self.cap);
        let wait = failure.pause.unwrap_or_default().saturating_add(bound.mul_f64(share));
        (wait < remains).then_some(wait)
    }
}

/// A sequence of draws between 0 and 1, the same for the same seed (SplitMix64: Steele, Lea and Flood, OOPSLA 2014).
#[derive(Debug)]
pub(crate) struct Jitter {
    state: AtomicU64,
}

impl Jitter {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }

    pub(crate) fn draw(&self) -> f64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut mixed = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// The moment after which nothing is waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline(Instant);

impl Deadline {
    pub(crate) fn after(time: Duration) -> Self {
        let now = Instant::now();
        let far = Duration::from_secs(365 * 86_400);
        Self(now.checked_add(time.min(far)).unwrap_or(now))
    }

    pub(crate) fn remains(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    pub(crate) fn earlier(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// Waits for `work`, but neither beyond the deadline nor longer than `silence`.
    pub(crate) async fn bound<T>(self, silence: Duration, work: impl Future<Output = T>) -> Result<T> {
        let until = self.earlier(Self::after(silence)).0;
        tokio::time::timeout_at(until, work).await.map_err(|_| timed_out())
    }
}

pub(crate) fn timed_out() -> Error {
    Error::new(ErrorKind::Timeout, "the model endpoint did not answer in time")
        .hint("try again, choose a faster model, or raise the time limit")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn down() -> Failure {
        Error::unavailable("down").into()
    }

    #[test]
    fn waits_double_up_to_the_cap_and_end_with_the_attempts() {
        let retries = Retries { attempts: 9, ..Retries::default() };
        let waits: Vec<Option<u128>> =
            (1..=9).map(|attempt| retries.delay(&down(), attempt, 1.0, MINUTE).map(|wait| wait.as_millis())).collect();
        let expected = [500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000];
        assert_eq!(waits[..8], expected.map(Some));
        assert_eq!(waits[8], None);
    }

    #[test]
    fn jitter_is_full() {
        let retries = Retries::default();
        for (share, wait) in [(0.0, 0), (0.25, 125), (0.5, 250), (1.0, 500)] {
            let delay = retries.delay(&down(), 1, share, MINUTE);
            assert_eq!(delay, Some(Duration::from_millis(wait)));
        }
    }

    #[test]
    fn retry_after_is_honoured_but_never_beyond_the_time_limit() {
        let retries = Retries::default();
        // (Retry-After in seconds, what remains, draw, wait in milliseconds)
        for (after, remains, share, wait) in [
            (Some(2), 60, 0.0, Some(2000)),
            (Some(2), 60, 1.0, Some(2500)),
            (Some(0), 60, 1.0, Some(500)),
            (Some(30), 60, 0.0, Some(30_000)),
            (Some(60), 60, 0.0, None),
            (Some(u64::MAX), 60, 1.0, None),
            (None, 60, 1.0, Some(500)),
            (None, 0, 0.0, None),
        ] {
            let failure = Failure { pause: after.map(Duration::from_secs), ..down() };
            let delay = retries.delay(&failure, 1, share, Duration::from_secs(remains));
            assert_eq!(delay, wait.map(Duration::from_millis), "{after:?} {remains} {share}");
        }
    }

    #[test]
    fn only_transient_faults_are_tried_again() {
        for (kind, again) in [
            (ErrorKind::Unavailable, true),
            (ErrorKind::Timeout, true),
            (ErrorKind::RateLimited { retry_after: None }, true),
            (ErrorKind::Unauthorized, false),
            (ErrorKind::Invalid, false),
            (ErrorKind::NotFound, false),
            (ErrorKind::Internal, false),
        ] {
            let delay = Retries::default().delay(&Error::new(kind, "x").into(), 1, 0.5, MINUTE);
            assert_eq!(delay.is_some(), again, "{kind:?}");
        }
    }

    #[test]
    fn the_same_seed_draws_the_same_spread() {
        let draws = |seed| -> Vec<f64> {
            let jitter = Jitter::new(seed);
            (0..1000).map(|_| jitter.draw()).collect()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
        let mean = draws(7).iter().sum::<f64>() / 1000.0;
        assert!((0.45..0.55).contains(&mean), "{mean}");
        assert!(draws(7).iter().all(|draw| (0.0..1.0).contains(draw)));
    }
}
