//! Which call a piece of work belongs to, across processes: the W3C Trace Context (`traceparent`, version 00).
//!
//! The API takes a caller's context over or begins one, a dispatcher sends it to the worker, and the log lines of both
//! carry its trace id. It travels with the task that does the work, not through every signature.

use std::fmt;
use std::future::Future;

tokio::task_local! {
    static CURRENT: Correlation;
}

/// A place in a trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Correlation {
    trace_id: String,
    span_id: String,
    flags: String,
}

impl Correlation {
    /// From the value of a `traceparent` header; none if it is not one. What a later version adds behind is ignored.
    pub fn parse(header: &str) -> Option<Self> {
        let mut parts = header.trim().split('-');
        let (version, trace_id, span_id, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let is_known =
            version == "00" && parts.next().is_none() || is_hex(version, 2) && !matches!(version, "00" | "ff");
        let is_sane = is_hex(trace_id, 32) && is_hex(span_id, 16) && is_hex(flags, 2);
        let is_set = |id: &str| id.bytes().any(|byte| byte != b'0');
        (is_known && is_sane && is_set(trace_id) && is_set(span_id)).then(|| Self {
            trace_id: trace_id.to_owned(),
            span_id: span_id.to_owned(),
            flags: flags.to_owned(),
        })
    }

    /// The next place in the caller's trace, or the first in a new one, made from a random number.
    pub fn continued(caller: Option<Self>, random: u128) -> Self {
        // An id of zeros means none.
        let span_id = format!("{:016x}", (random as u64).max(1));
        match caller {
            Some(caller) => Self { span_id, ..caller },
            None => Self { trace_id: format!("{:032x}", random.max(1)), span_id, flags: "01".to_owned() },
        }
    }

    /// The trace's id, as log lines carry it.
    pub fn trace_id(&self) -> &str {
        &self.trace_id
    }

    /// The value of a `traceparent` header.
    pub fn traceparent(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Correlation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{}-{}-{}", self.trace_id, self.span_id, self.flags)
    }
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// That of the work this task does.
pub fn current() -> Option<Correlation> {
    CURRENT.try_with(Clone::clone).ok()
}

/// Does work under a correlation.
pub async fn within<F: Future>(correlation: Correlation, work: F) -> F::Output {
    CURRENT.scope(correlation, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn headers_are_read_as_the_recommendation_says() {
        for (header, is_one) in [
            (PARENT, true),
            ("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-what-the-future-brings", true),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", false),
            ("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", false),
            ("00-00000000000000000000000000000000-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false),
            ("00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01", false),
            ("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331", false),
            ("", false),
        ] {
            assert_eq!(Correlation::parse(header).is_some(), is_one, "{header}");
        }
    }

    #[tokio::test]
    async fn a_trace_goes_on_with_a_span_of_its_own() {
        let caller = Correlation::parse(PARENT);
        let next = Correlation::continued(caller, 7);
        assert_eq!(next.traceparent(), "00-0af7651916cd43dd8448eb211c80319c-0000000000000007-01");
        let first = Correlation::continued(None, u128::MAX);
        assert_eq!(Correlation::parse(&first.traceparent()), Some(first.clone()));
        assert_eq!(current(), None);
        assert_eq!(within(first.clone(), async { current() }).await, Some(first));
    }
}
