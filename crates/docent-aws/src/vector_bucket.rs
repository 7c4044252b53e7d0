//! The calls to a vector bucket, within the limits that AWS sets them, each with its error explained.

use crate::trouble::{Asked, Said};
use aws_sdk_s3vectors::Client;
use aws_sdk_s3vectors::config::http::HttpResponse;
use aws_sdk_s3vectors::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3vectors::types::{DataType, DistanceMetric, MetadataConfiguration, PutInputVector, VectorData};
use aws_smithy_types::{Document, Number};
use docent_engine::{Error, ErrorKind, Result};
use serde_json::Value;
use std::collections::HashMap;

/// Vectors in one `PutVectors` or `DeleteVectors`.
pub(crate) const WRITTEN_MAX: usize = 500;
/// Nearest vectors that one question can ask for.
pub(crate) const NEAREST_MAX: usize = 100;
/// Keys in one `GetVectors`.
const READ_MAX: usize = 100;
/// Vectors in one part of a list.
const LISTED_MAX: i32 = 1_000;
/// Bytes of one request, of the 20 MiB that it may have.
const REQUEST_BYTES: usize = 16 << 20;
/// Bytes of a number in JSON, with its comma.
const NUMBER_BYTES: usize = 14;
/// What can be filtered by in one vector, in bytes.
const FILTERABLE_MAX: usize = 2_048;
/// All metadata of one vector, in bytes.
const METADATA_MAX: usize = 40_960;
/// The keys that hold text: kept, and not to be filtered by.
pub(crate) const NOT_FILTERED: [&str; 2] = ["head", "body"];

/// What a vector carries; its values are texts and numbers.
pub(crate) type Metadata = HashMap<String, Document>;

/// A vector to write.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) key: String,
    pub(crate) vector: Vec<f32>,
    pub(crate) metadata: Metadata,
}

/// A vector that was found, without its numbers.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) key: String,
    pub(crate) metadata: Metadata,
    /// 1 minus the cosine, if it was searched for.
    pub(crate) distance: Option<f32>,
}

impl Found {
    fn new(key: String, metadata: Option<Document>, distance: Option<f32>) -> Self {
        let metadata = match metadata {
            Some(Document::Object(metadata)) => metadata,
            _ => Metadata::new(),
        };
        Self { key, metadata, distance }
    }

    /// A text among the metadata.
    pub(crate) fn word(&self, key: &str) -> Option<&str> {
        self.metadata.get(key)?.as_string()
    }
}

impl Record {
    /// Refuses what AWS would refuse, by name.
    pub(crate) fn check(&self) -> Result<()> {
        let (mut filterable, mut all) = (0, 0);
        for (key, value) in &self.metadata {
            let bytes = key.len() + size(value);
            all += bytes;
            filterable += if NOT_FILTERED.contains(&key.as_str()) { 0 } else { bytes };
        }
        let (bytes, most) =
            if filterable > FILTERABLE_MAX { (filterable, FILTERABLE_MAX) } else { (all, METADATA_MAX) };
        if bytes <= most {
            return Ok(());
        }
        Err(Error::invalid(format!("a record would carry {bytes} bytes, S3 Vectors takes {most}"))
            .hint("shorten the document's name; its text is cut to fit by itself"))
    }

    fn bytes(&self) -> usize {
        let metadata: usize = self.metadata.iter().map(|(key, value)| key.len() + size(value) + 6).sum();
        self.key.len() + metadata + self.vector.len() * NUMBER_BYTES + 64
    }

    fn input(&self) -> Result<PutInputVector> {
        self.check()?;
        let input = PutInputVector::builder().key(&self.key).data(VectorData::Float32(self.vector.clone()));
        input.metadata(Document::Object(self.metadata.clone())).build().map_err(unbuildable)
    }
}

/// Bytes of a value as JSON.
fn size(value: &Document) -> usize {
    match value {
        Document::String(text) => 2 + text.chars().map(escaped).sum::<usize>(),
        _ => NUMBER_BYTES,
    }
}

/// Bytes of a character within a text of JSON.
pub(crate) fn escaped(character: char) -> usize {
    match character {
        '"' | '\\' => 2,
        '\0'..' ' => 6,
        other => other.len_utf8(),
    }
}

/// Parts of at most so many records, each small enough for one request.
pub(crate) fn batches(mut records: &[Record], most: usize) -> Vec<&[Record]> {
    let mut parts = Vec::new();
    while !records.is_empty() {
        let mut room = REQUEST_BYTES;
        let fits = |record: &&Record| {
            let left = room.checked_sub(record.bytes());
            room = left.unwrap_or(0);
            left.is_some()
        };
        let count = records.iter().take(most).take_while(fits).count().max(1);
        let (part, rest) = records.split_at(count);
        parts.push(part);
        records = rest;
    }
    parts
}

/// A vector bucket and how it is reached.
#[derive(Clone, Debug)]
pub(crate) struct Bucket {
    client: Client,
    arn: String,
    what: String,
}

impl Bucket {
    pub(crate) fn new(client: Client, arn: String) -> Self {
        let what = format!("the vector bucket `{}`", arn.rsplit('/').next().unwrap_or_default());
        Self { client, arn, what }
    }

    fn index(&self, name: &str) -> String {
        format!("{}/index/{name}", self.arn)
    }

    /// Makes an index of vectors of this length, measured by cosine.
    pub(crate) async fn create(&self, index: &str, dimension: usize) -> Result<()> {
        let keys = NOT_FILTERED.map(str::to_owned).into();
        let metadata = MetadataConfiguration::builder().set_non_filterable_metadata_keys(Some(keys));
        let create = self.client.create_index().vector_bucket_arn(&self.arn).index_name(index);
        let sent = create
            .data_type(DataType::Float32)
            .dimension(i32::try_from(dimension).unwrap_or(i32::MAX))
            .distance_metric(DistanceMetric::Cosine)
            .metadata_configuration(metadata.build().map_err(unbuildable)?)
            .send()
            .await;
        sent.map(drop).map_err(|error| self.explain("s3vectors:CreateIndex", &error))
    }

    /// Removes an index and all in it; nothing happens if there is none.
    pub(crate) async fn remove(&self, index: &str) -> Result<()> {
        let sent = self.client.delete_index().index_arn(self.index(index)).send().await;
        let removed = sent.map(drop).map_err(|error| self.explain("s3vectors:DeleteIndex", &error));
        removed.or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })
    }

    /// Names of all indexes.
    pub(crate) async fn indexes(&self) -> Result<Vec<String>> {
        let (mut names, mut next) = (Vec::new(), None);
        loop {
            let list = self.client.list_indexes().vector_bucket_arn(&self.arn).set_next_token(next);
            let part = list.send().await.map_err(|error| {
                let error = self.explain("s3vectors:ListIndexes", &error);
                if error.kind() == ErrorKind::NotFound { self.missing() } else { error }
            })?;
            names.extend(part.indexes.into_iter().map(|index| index.index_name));
            next = part.next_token;
            if next.is_none() {
                return Ok(names);
            }
        }
    }

    /// Writes vectors, as many requests as it takes.
    pub(crate) async fn put(&self, index: &str, records: &[Record]) -> Result<()> {
        for part in batches(records, WRITTEN_MAX) {
            self.put_at_once(index, part).await?;
        }
        Ok(())
    }

    /// Writes vectors in one request.
    pub(crate) async fn put_at_once(&self, index: &str, records: &[Record]) -> Result<()> {
        let vectors = records.iter().map(Record::input).collect::<Result<_>>()?;
        let put = self.client.put_vectors().index_arn(self.index(index)).set_vectors(Some(vectors));
        put.send().await.map(drop).map_err(|error| self.explain("s3vectors:PutVectors", &error))
    }

    /// The vectors with these keys that are there, in no order; with what they carry if wanted.
    pub(crate) async fn get(&self, index: &str, keys: &[String], metadata: bool) -> Result<Vec<Found>> {
        let mut all = Vec::with_capacity(keys.len());
        for part in keys.chunks(READ_MAX) {
            let get = self.client.get_vectors().index_arn(self.index(index)).set_keys(Some(part.to_vec()));
            let got = get.return_metadata(metadata).send().await;
            let got = got.map_err(|error| self.explain("s3vectors:GetVectors", &error))?;
            all.extend(got.vectors.into_iter().map(|one| Found::new(one.key, one.metadata, None)));
        }
        Ok(all)
    }

    /// The vectors with these keys that are there, with their numbers and what they carry.
    pub(crate) async fn get_whole(&self, index: &str, keys: &[String]) -> Result<Vec<(Found, Vec<f32>)>> {
        let mut all = Vec::with_capacity(keys.len());
        for part in keys.chunks(READ_MAX) {
            let get = self.client.get_vectors().index_arn(self.index(index)).set_keys(Some(part.to_vec()));
            let got = get.return_metadata(true).return_data(true).send().await;
            let got = got.map_err(|error| self.explain("s3vectors:GetVectors", &error))?;
            all.extend(got.vectors.into_iter().filter_map(|one| match one.data {
                Some(VectorData::Float32(numbers)) => Some((Found::new(one.key, one.metadata, None), numbers)),
                _ => None,
            }));
        }
        Ok(all)
    }

    /// All vectors with what they carry.
    pub(crate) async fn list(&self, index: &str) -> Result<Vec<Found>> {
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let list = self.client.list_vectors().index_arn(self.index(index)).max_results(LISTED_MAX);
            let part = list.return_metadata(true).set_next_token(next).send().await;
            let part = part.map_err(|error| self.explain("s3vectors:ListVectors and GetVectors", &error))?;
            all.extend(part.vectors.into_iter().map(|one| Found::new(one.key, one.metadata, None)));
            next = part.next_token;
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    /// At most so many vectors that meet the condition, nearest first.
    pub(crate) async fn query(
        &self,
        index: &str,
        vector: &[f32],
        filter: Option<&Value>,
        most: usize,
    ) -> Result<Vec<Found>> {
        let query =
            self.client.query_vectors().index_arn(self.index(index)).return_metadata(true).return_distance(true);
        let query = query
            .query_vector(VectorData::Float32(vector.to_vec()))
            .top_k(i32::try_from(most).unwrap_or(i32::MAX))
            .set_filter(filter.map(document));
        let (mut all, mut next) = (Vec::new(), None);
        loop {
            let part = query.clone().set_next_token(next).send().await;
            let part = part.map_err(|error| self.explain("s3vectors:QueryVectors and GetVectors", &error))?;
            all.extend(part.vectors.into_iter().map(|one| Found::new(one.key, one.metadata, one.distance)));
            next = part.next_token;
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    /// Removes the vectors with these keys, where they are there.
    pub(crate) async fn delete(&self, index: &str, keys: &[String]) -> Result<()> {
        for part in keys.chunks(WRITTEN_MAX) {
            let delete = self.client.delete_vectors().index_arn(self.index(index)).set_keys(Some(part.to_vec()));
            delete.send().await.map_err(|error| self.explain("s3vectors:DeleteVectors", &error))?;
        }
        Ok(())
    }

    fn missing(&self) -> Error {
        Error::not_found(format!("{} does not exist", self.what)).hint(
            "check DOCENT_INDEX: region, account and name; Docent makes indexes in a vector bucket, not the bucket",
        )
    }

    fn explain<E: ProvideErrorMetadata + std::error::Error + 'static>(
        &self,
        action: &'static str,
        error: &SdkError<E, HttpResponse>,
    ) -> Error {
        let what = &self.what;
        let code = error.as_service_error().and_then(ProvideErrorMetadata::code).unwrap_or_default();
        let known = match code {
            "NotFoundException" => Error::not_found(format!("the collection is not in {what} any more"))
                .hint("`docent collections` lists those that exist"),
            "AccessDeniedException" => Error::new(ErrorKind::Unauthorized, format!("{what} may not be used"))
                .hint(format!("these credentials must be allowed {action}")),
            "ConflictException" => Error::conflict(format!("somebody else is changing the same index of {what}"))
                .hint("repeat when that is done"),
            "TooManyRequestsException" => {
                Error::new(ErrorKind::RateLimited { retry_after: None }, format!("{what} is busy"))
                    .hint("wait, or send fewer requests at the same time")
            }
            "ValidationException" => Error::invalid(format!("{what} refused the request"))
                .hint("it is not as S3 Vectors takes it: docs/vector-stores.md has the limits"),
            "ServiceQuotaExceededException" => Error::unavailable(format!("a quota of {what} is used up"))
                .hint("delete collections that nobody needs, or have the quota raised"),
            _ => return Asked { what, setting: "DOCENT_INDEX", action }.explain(error),
        };
        known.because(Said::of(error))
    }
}

/// A condition as the SDK has it.
fn document(value: &Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(truth) => Document::Bool(*truth),
        Value::Number(number) => Document::Number(number_of(number)),
        Value::String(text) => Document::String(text.clone()),
        Value::Array(values) => Document::Array(values.iter().map(document).collect()),
        Value::Object(pairs) => {
            Document::Object(pairs.iter().map(|(key, value)| (key.clone(), document(value))).collect())
        }
    }
}

fn number_of(number: &serde_json::Number) -> Number {
    let negative = || number.as_i64().map(Number::NegInt);
    number
        .as_u64()
        .map(Number::PosInt)
        .or_else(negative)
        .unwrap_or_else(|| Number::Float(number.as_f64().unwrap_or(0.0)))
}

fn unbuildable(error: aws_sdk_s3vectors::error::BuildError) -> Error {
    Error::internal("a request to the vector bucket lacks a part").because(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: &str, metadata: &[(&str, &str)]) -> Record {
        let metadata = metadata.iter().map(|(key, value)| ((*key).to_owned(), Document::from((*value).to_owned())));
        Record { key: key.to_owned(), vector: vec![1.0], metadata: metadata.collect() }
    }

    #[test]
    fn a_request_holds_five_hundred_records_and_no_more_than_its_bytes() {
        let small = vec![record("k", &[("body", "x")]); 1_001];
        let counts =
            |records: &[Record]| batches(records, WRITTEN_MAX).iter().map(|part| part.len()).collect::<Vec<_>>();
        assert_eq!(counts(&small), [500, 500, 1]);
        let large = vec![record("k", &[("body", &"x".repeat(39_000))]); 900];
        let counted = counts(&large);
        assert!(counted.iter().all(|count| count * 39_000 < REQUEST_BYTES), "{counted:?}");
        assert_eq!(counted.iter().sum::<usize>(), 900);
    }

    #[test]
    fn metadata_over_the_limits_are_refused_before_they_are_sent() {
        for (metadata, fits) in [
            (vec![("title", "x".repeat(2_000))], true),
            (vec![("title", "x".repeat(1_200)), ("filename", "x".repeat(1_200))], false),
            (vec![("title", "\"".repeat(1_200))], false),
            (vec![("body", "x".repeat(40_000))], true),
            (vec![("body", "x".repeat(30_000)), ("head", "x".repeat(11_000))], false),
        ] {
            let pairs: Vec<(&str, &str)> = metadata.iter().map(|(key, value)| (*key, value.as_str())).collect();
            let checked = record("k", &pairs).check();
            assert_eq!(checked.is_ok(), fits, "{:?}", metadata.iter().map(|(key, _)| key).collect::<Vec<_>>());
            assert!(checked.is_ok() || checked.is_err_and(|error| error.kind() == ErrorKind::Invalid));
        }
    }
}
