//! The functions as they are deployed, in ministack: function URL, DynamoDB, asynchronous Invoke, queues, buckets and secrets, with
//! a scripted model. Each test says what must hold of the queries it asked, whatever died or broke on the way.

mod answers;
mod bucket;
mod documents;
mod faults;
mod generations;
mod load;
mod sending;
mod stack;
mod streams;
mod webhooks;
