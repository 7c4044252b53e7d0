//! Everything that names an AWS SDK: queries in DynamoDB, workers in Lambda, a key in Secrets
//! Manager, chunks in S3 Vectors.
//!
//! **One connection to AWS** ([`Aws`]): credentials, region and endpoints are found by the SDK's own loader, and all its
//! clients share one HTTP client, with TLS by rustls and ring.
//!
//! **Queries** ([`DynamoQueryStore`]) are items of one table. `item` says what an item looks like (the first system's
//! fields are all there, so items of either can be read), `expressions` what each change expects of the item it changes,
//! `packing` what happens to an answer that is larger than an item may be.
//!
//! **API keys, counters, reports** of files that were taken in or wait for it, and what was deleted and has not left the index yet, are further
//! items of that table, by the same store: `api_keys`, `meter`, `reports`, `withheld`. `signing` makes the addresses at which a file may be put
//! into a bucket.
//!
//! **A worker** is woken by an asynchronous Invoke ([`LambdaDispatcher`]). What a worker may be told, by us, by the first
//! system, by the schedule or by a queue of failed deliveries, is [`WorkerEvent`]. What the ingest function hears of is
//! [`News`].
//!
//! **Chunks** may be vectors in a bucket of Amazon S3 Vectors ([`S3VectorsIndex`]): `vector_bucket` makes the calls within AWS's
//! limits, `vector_records` says what a vector carries, `vector_reading` what counts, and `vector_writing` in which order
//! things change. A collection is three indexes: `NAME` with the chunks, `NAME.pages` with texts, `NAME.documents` with
//! one record per document and one that says what the collection is.
//!
//! **What happens** goes to the log as structured lines, and from there to CloudWatch: [`EmfLayer`] turns the engine's
//! measures into lines of the embedded metric format.
//!
//! What is absent: no clock and no environment of our own (the SDK's loader reads its variables), no scan of the table
//! where its indexes are, and nothing of the questions and answers in errors and logs.
#![warn(missing_docs)]

mod api_keys;
mod connection;
mod dispatcher;
mod emf;
mod event;
mod expressions;
mod forgetting;
mod item;
mod meter;
mod news;
mod packing;
mod reports;
mod secret;
mod signing;
mod store;
mod table;
mod trouble;
mod vector_bucket;
mod vector_index;
mod vector_reading;
mod vector_records;
mod vector_writing;
mod webhooks;
mod withheld;

pub use connection::Aws;
pub use dispatcher::LambdaDispatcher;
pub use emf::EmfLayer;
pub use event::{FailedDelivery, WorkerEvent};
pub use news::{Message, News, ObjectName};
pub use secret::SecretKey;
pub use signing::PutObject;
pub use store::{DynamoQueryStore, DynamoSettings};
pub use vector_index::{S3VectorsIndex, VectorSettings};
