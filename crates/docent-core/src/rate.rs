//! A token bucket in one number: how many calls a caller may make, and when the next.
//!
//! The generic cell rate algorithm keeps, instead of a level and the time it was measured, the moment at which the bucket
//! will be full again. A call moves that moment on by one interval and is refused if it would then lie more than a whole
//! period ahead. One number changes by one rule, so a store needs one conditional write and no clean-up.

use crate::Timestamp;
use std::num::NonZeroU32;
use std::time::Duration;

/// So many calls a minute, all of them at once if they were saved up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    per_minute: NonZeroU32,
}

const MINUTE_MICROS: i64 = 60_000_000;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// True if it may go ahead.
    pub granted: bool,
    /// Calls that may follow at once.
    pub remaining: u32,
    /// How long until the next call may go ahead; zero if one may now.
    pub retry_after: Duration,
    /// How long until the bucket is full.
    pub full_in: Duration,
}

impl Rate {
    /// `per_minute` calls a minute.
    pub const fn per_minute(per_minute: NonZeroU32) -> Self {
        Self { per_minute }
    }

    /// Calls a minute, which is also how many may come at once.
    pub const fn limit(self) -> u32 {
        self.per_minute.get()
    }

    /// Microseconds that one call costs; at least one.
    pub fn interval_micros(self) -> i64 {
        (MINUTE_MICROS / i64::from(self.limit())).max(1)
    }

    /// Microseconds that all calls together cost.
    pub fn period_micros(self) -> i64 {
        self.interval_micros() * i64::from(self.limit())
    }

    /// Takes one call out of the bucket. `full_at` is the number that the store has for it, in microseconds since the Unix
    /// epoch, if it has one; the first value is the number to store, the same if the call is refused.
    pub fn take(self, full_at: Option<i64>, now: Timestamp) -> (i64, Taken) {
        let now = now.as_millis().saturating_mul(1_000);
        let before = full_at.unwrap_or(now).max(now);
        let after = before.saturating_add(self.interval_micros());
        let granted = after - now <= self.period_micros();
        let stored = if granted { after } else { full_at.unwrap_or(before) };
        (stored, self.taken(granted, stored.max(now) - now))
    }

    /// What a caller is told when the bucket will be full after `ahead` microseconds.
    fn taken(self, granted: bool, ahead: i64) -> Taken {
        let (interval, period) = (self.interval_micros(), self.period_micros());
        let remaining = ((period - ahead).max(0) / interval).try_into().unwrap_or(0);
        let wait = if remaining > 0 { 0 } else { ahead + interval - period };
        Taken { granted, remaining, retry_after: micros(wait), full_in: micros(ahead) }
    }
}

fn micros(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_minute: u32) -> Rate {
        Rate::per_minute(NonZeroU32::new(per_minute).unwrap())
    }

    /// What happens to calls at these milliseconds: for each whether it is granted, what remains, and the wait.
    fn calls(rate: Rate, at: &[i64]) -> Vec<(bool, u32, u64)> {
        let mut stored = None;
        let call = |millis: &i64| {
            let (after, taken) = rate.take(stored, Timestamp::from_millis(*millis));
            stored = Some(after);
            (taken.granted, taken.remaining, u64::try_from(taken.retry_after.as_millis()).unwrap())
        };
        at.iter().map(call).collect()
    }

    #[test]
    fn a_burst_then_the_steady_rate() {
        assert_eq!(
            calls(rate(3), &[0, 0, 0, 0, 19_999, 20_000, 20_000, 120_000]),
            [
                (true, 2, 0),
                (true, 1, 0),
                (true, 0, 20_000),
                (false, 0, 20_000),
                (false, 0, 1),
                (true, 0, 20_000),
                (false, 0, 20_000),
                (true, 2, 0),
            ]
        );
    }

    #[test]
    fn one_a_minute_and_very_many() {
        assert_eq!(calls(rate(1), &[0, 59_999, 60_000]), [(true, 0, 60_000), (false, 0, 1), (true, 0, 60_000)]);
        let many = calls(rate(60_000), &vec![0; 60_001]);
        assert_eq!(many.iter().filter(|call| call.0).count(), 60_000);
        let uneven = calls(rate(7), &[0; 8]);
        assert_eq!(uneven.iter().filter(|call| call.0).count(), 7);
    }

    #[test]
    fn a_clock_that_goes_back_gives_nothing_away() {
        assert_eq!(calls(rate(2), &[60_000, 60_000, 30_000]), [(true, 1, 0), (true, 0, 30_000), (false, 0, 60_000)]);
    }
}
