//! Credentials, region, and the one HTTP client of all SDK clients.

use crate::dispatcher::LambdaDispatcher;
use crate::secret::SecretKey;
use crate::store::{DynamoQueryStore, DynamoSettings};
use crate::vector_index::{S3VectorsIndex, VectorSettings};
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, ConfigLoader, Region, SdkConfig};
use aws_sdk_dynamodb::config::retry::{RetryPartition, TokenBucket};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// Longest wait for the answer to one attempt. DynamoDB answers within milliseconds or is in trouble.
const ATTEMPT: Duration = Duration::from_secs(3);
/// The same for a vector bucket, whose requests carry megabytes.
const VECTORS_ATTEMPT: Duration = Duration::from_secs(20);
/// Attempts that one call may make within its patience.
const ATTEMPTS_MAX: u32 = 8;
/// All the time that a call to Lambda or Secrets Manager gets: its caller waits, and what fails is tried again later.
const PATIENCE: Duration = Duration::from_secs(6);

/// A connection to AWS, and what can be had through it.
#[derive(Clone, Debug)]
pub struct Aws {
    config: SdkConfig,
}

impl Aws {
    /// As the SDK finds it: from the environment, or from the role of the function or machine. Nothing is sent.
    pub async fn from_environment() -> Self {
        Self::load(aws_config::defaults(BehaviorVersion::latest())).await
    }

    /// As the loader says.
    pub async fn load(loader: ConfigLoader) -> Self {
        let http = Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let loader = loader.http_client(http).retry_config(retries()).timeout_config(times(ATTEMPT, PATIENCE));
        Self { config: loader.load().await }
    }

    pub(crate) const fn config(&self) -> &SdkConfig {
        &self.config
    }

    /// Queries in a table.
    pub fn queries(&self, settings: DynamoSettings) -> DynamoQueryStore {
        // The SDK would stop trying again after a hundred faults in a row; here patience alone is the limit.
        let partition = RetryPartition::custom("queries").token_bucket(TokenBucket::unlimited()).build();
        let config = aws_sdk_dynamodb::config::Builder::from(&self.config)
            .timeout_config(times(ATTEMPT, settings.patience))
            .retry_partition(partition);
        DynamoQueryStore::new(aws_sdk_dynamodb::Client::from_conf(config.build()), settings)
    }

    /// Chunks in a vector bucket.
    pub fn vectors(&self, settings: VectorSettings) -> S3VectorsIndex {
        let partition = RetryPartition::custom("vectors").token_bucket(TokenBucket::unlimited()).build();
        let config = aws_sdk_s3vectors::config::Builder::from(&self.config)
            .region(Region::new(settings.region.clone()))
            .timeout_config(times(VECTORS_ATTEMPT, settings.patience))
            .retry_partition(partition);
        S3VectorsIndex::new(aws_sdk_s3vectors::Client::from_conf(config.build()), settings)
    }

    /// Wakes the worker function of this name or ARN.
    pub fn dispatcher(&self, function: impl Into<String>) -> LambdaDispatcher {
        LambdaDispatcher::new(aws_sdk_lambda::Client::new(&self.config), function.into())
    }

    /// The secret of this name or ARN: in a JSON object the field of this name; `setting` is where the ARN was said.
    pub fn secret(&self, arn: impl Into<String>, field: &'static str, setting: &'static str) -> SecretKey {
        SecretKey::new(aws_sdk_secretsmanager::Client::new(&self.config), arn.into(), field, setting)
    }
}

/// Throttling and faults of the other side are tried again by the SDK, with exponential backoff and jitter.
fn retries() -> RetryConfig {
    RetryConfig::standard().with_max_attempts(ATTEMPTS_MAX).with_initial_backoff(Duration::from_millis(50))
}

fn times(attempt: Duration, patience: Duration) -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT.min(patience))
        .operation_attempt_timeout(attempt.min(patience))
        .operation_timeout(patience)
        .build()
}
