//! The routes of `/v1` and of health, a file per resource.

pub(crate) mod chat;
pub(crate) mod collections;
pub(crate) mod documents;
pub(crate) mod health;
pub(crate) mod models;
pub(crate) mod queries;
pub(crate) mod search;
pub(crate) mod uploads;
