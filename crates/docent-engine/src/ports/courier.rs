//! Who carries a webhook to its receiver.

use crate::error::Result;
use async_trait::async_trait;

/// A webhook on its way: one POST, as the Standard Webhooks specification has it.
#[derive(Clone, Debug)]
pub struct Letter {
    /// Where to.
    pub url: String,
    /// The same for all attempts of one delivery, so that a receiver can tell what it has already.
    pub id: String,
    /// Seconds since the Unix epoch at which this attempt is made.
    pub timestamp: i64,
    /// `v1,` and the signature in base64, once for each secret, separated by spaces.
    pub signature: String,
    /// JSON, byte for byte as it was signed.
    pub body: String,
}

/// Why a letter did not arrive. The words are shown to whoever asked the question, so they hold nothing that it could not
/// find out by itself: no address of this network, no answer of the other side beyond its status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undelivered {
    /// A lower-case sentence.
    pub error: String,
    /// True where another attempt would be pointless or wrong.
    pub is_final: bool,
}

/// Carries letters to addresses that may be called.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Says what is wrong with a URL that can be seen without looking its host up.
    ///
    /// # Errors
    /// `Invalid`.
    fn check(&self, url: &str) -> Result<()>;

    /// Makes one attempt, in bounded time. It has arrived when the other side answers with a status of success.
    ///
    /// # Errors
    /// What happened instead.
    async fn carry(&self, letter: &Letter) -> std::result::Result<(), Undelivered>;
}
