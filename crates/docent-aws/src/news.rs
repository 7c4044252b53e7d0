//! What the ingest function may be told: messages of its queue, each of which says that something may have changed.
//!
//! S3 writes them when an object was put or removed, and once to try the queue out; a schedule and people ask for everything
//! to be looked at. What a message says is a hint, never the truth: objects are looked at as they are by then.

use docent_core::Timestamp;
use docent_engine::{Error, Result};
use percent_encoding::percent_decode_str;
use serde_json::Value;

/// Version of our own messages.
const VERSION: u64 = 1;

/// A message of the queue.
#[derive(Debug)]
pub struct Message {
    /// Its id in the queue, to say that it has to come again.
    pub id: String,
    /// How often it has been received, this time included.
    pub received: u32,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// What it says; an error for what is not understood.
    pub news: Result<News>,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// Something happened to these objects.
    Objects(Vec<ObjectName>),
    /// Anything may have happened.
    Anything,
    /// Nothing: S3 has tried the queue out.
    Nothing,
}

/// An object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectName {
    /// Its bucket.
    pub bucket: String,
    /// Its key, as it is.
    pub key: String,
}

impl Message {
    /// The messages of an event.
    ///
    /// # Errors
    /// `Invalid` for what is no batch of a queue. A message that makes no sense is an error of its own.
    pub fn parse_all(event: &Value) -> Result<Vec<Self>> {
        let records = event.get("Records").and_then(Value::as_array);
        records.ok_or_else(|| unclear("it has no list `Records`"))?.iter().map(Self::parse).collect()
    }

    fn parse(record: &Value) -> Result<Self> {
        let text = |path: &str| record.pointer(path).and_then(Value::as_str);
        if text("/eventSource") != Some("aws:sqs") {
            return Err(unclear("a record does not come from a queue"));
        }
        let number = |path: &str| text(path).and_then(|digits| digits.parse::<i64>().ok());
        let received = number("/attributes/ApproximateReceiveCount").and_then(|count| u32::try_from(count).ok());
        Ok(Self {
            id: text("/messageId").ok_or_else(|| unclear("a record has no `messageId`"))?.to_owned(),
            received: received.unwrap_or(1),
            sent_at: number("/attributes/SentTimestamp").map(Timestamp::from_millis),
            news: News::parse(text("/body").unwrap_or_default()),
        })
    }
}

impl News {
    fn parse(body: &str) -> Result<Self> {
        let body: Value = serde_json::from_str(body).map_err(|_| unclear("a message is not JSON"))?;
        if body.get("Event").and_then(Value::as_str) == Some("s3:TestEvent") {
            return Ok(Self::Nothing);
        }
        if body.get("sync") == Some(&Value::Bool(true)) {
            let is_known = body.get("version").is_none_or(|version| version.as_u64() == Some(VERSION));
            return if is_known { Ok(Self::Anything) } else { Err(unclear("a message has another version")) };
        }
        let records = body.get("Records").and_then(Value::as_array);
        let records = records.ok_or_else(|| unclear("a message has neither `Records` nor `sync`"))?;
        Ok(Self::Objects(records.iter().map(ObjectName::parse).collect::<Result<_>>()?))
    }
}

impl ObjectName {
    fn parse(record: &Value) -> Result<Self> {
        let text = |path: &str| record.pointer(path).and_then(Value::as_str);
        let (bucket, key) = (text("/s3/bucket/name"), text("/s3/object/key"));
        let (Some(bucket), Some(key)) = (bucket, key) else {
            return Err(unclear("a message's record names no object of S3"));
        };
        Ok(Self { bucket: bucket.to_owned(), key: decoded(key)? })
    }
}

/// S3 writes keys into its events as forms are written: a plus for a space, other bytes in hexadecimal.
fn decoded(key: &str) -> Result<String> {
    let spaced = key.replace('+', " ");
    let decoded = percent_decode_str(&spaced).decode_utf8().map_err(|_| unclear("a key is not UTF-8"))?;
    Ok(decoded.into_owned())
}

fn unclear(what: &str) -> Error {
    Error::invalid(format!("the ingest function does not understand what it was sent: {what}"))
        .hint("only S3 and {\"version\": 1, \"sync\": true} may be sent to its queue")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// As AWS documents it, shortened by what is not read.
    fn record(body: &str) -> Value {
        json!({
            "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d", "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": body, "md5OfBody": "098f6bcd4621d373cade4e832627b4f6", "messageAttributes": {},
            "attributes": {
                "ApproximateReceiveCount": "3", "SentTimestamp": "1545082649183", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185",
            },
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:queue", "awsRegion": "us-east-1",
        })
    }

    /// An event notification of S3, as AWS documents it.
    fn notification(name: &str, key: &str) -> String {
        json!({"Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-west-2", "eventTime": "1970-01-01T00:00:00.000Z",
            "eventName": name, "userIdentity": {"principalId": "AIDAJDPLRKLG7UEXAMPLE"},
            "requestParameters": {"sourceIPAddress": "172.16.0.1"},
            "responseElements": {"x-amz-request-id": "C3D13FE58DE4C810", "x-amz-id-2": "FMyUVURIY8/IgAtTv8xRjskZQpcIZ9KG4V5Wp6S7S"},
            "s3": {
                "s3SchemaVersion": "1.0", "configurationId": "testConfigRule",
                "bucket": {"name": "amzn-s3-demo-bucket", "ownerIdentity": {"principalId": "A3NL1KOZZKExample"},
                    "arn": "arn:aws:s3:::amzn-s3-demo-bucket"},
                "object": {"key": key, "size": 1024, "eTag": "d41d8cd98f00b204e9800998ecf8427e", "sequencer": "0055AED6DCD90281E5"},
            },
        }]})
        .to_string()
    }

    fn news(body: &str) -> Result<News> {
        Message::parse_all(&json!({"Records": [record(body)]})).unwrap().pop().unwrap().news
    }

    #[test]
    fn what_s3_and_the_schedule_send_is_understood() {
        let object = |key: &str| {
            News::Objects(vec![ObjectName { bucket: "amzn-s3-demo-bucket".to_owned(), key: key.to_owned() }])
        };
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2014-10-13T15:57:02.089Z",
            "Bucket":"amzn-s3-demo-bucket","RequestId":"5582815E1AEA5ADF","HostId":"8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR"}"#;
        for (body, expected) in [
            (notification("ObjectCreated:Put", "documents/HappyFace.jpg"), object("documents/HappyFace.jpg")),
            (notification("ObjectRemoved:Delete", "documents/red+flower.jpg"), object("documents/red flower.jpg")),
            (notification("ObjectCreated:Copy", "documents/a%2Bb%25+%C3%A9.md"), object("documents/a+b% é.md")),
            (test.to_owned(), News::Nothing),
            (r#"{"version": 1, "sync": true}"#.to_owned(), News::Anything),
        ] {
            assert_eq!(news(&body).unwrap(), expected, "{body}");
        }
        let message = Message::parse_all(&json!({"Records": [record("")]})).unwrap().pop().unwrap();
        assert_eq!((message.id.as_str(), message.received), ("059f36b4-87a3-44ab-83d2-661975830a7d", 3));
        assert_eq!(message.sent_at, Some(Timestamp::from_millis(1_545_082_649_183)));
    }

    #[test]
    fn everything_else_is_refused_without_repeating_it() {
        for (body, says) in [
            ("", "not JSON"),
            ("secret", "not JSON"),
            (r#"{"secret": 1}"#, "neither"),
            (r#"{"version": 2, "sync": true}"#, "another version"),
            (r#"{"Records": [{"s3": {"bucket": {"name": "secret"}}}]}"#, "no object"),
            (&notification("ObjectCreated:Put", "documents/%FFsecret"), "not UTF-8"),
        ] {
            let error = news(body).unwrap_err();
            assert!(error.to_string().contains(says) && !error.to_string().contains("secret"), "{body}: {error}");
        }
        for event in [json!(7), json!({"Records": 1}), json!({"Records": [{"eventSource": "aws:s3"}]})] {
            assert!(Message::parse_all(&event).is_err(), "{event}");
        }
    }
}
