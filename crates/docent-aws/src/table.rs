//! The calls to the table, each with its error explained: an item there or not, a condition held or not.

use crate::expressions::{Change, names};
use crate::item::{Item, text};
use crate::trouble::Asked;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{
    AttributeValue, Delete, Put, ReturnValue, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use docent_engine::{Error, Result};
use std::collections::HashMap;
use std::time::Duration;

/// The index of a user's queries, in order of creation.
pub(crate) const BY_USER: &str = "queries_by_user_id";
/// The sparse index of queries that have not ended, in order of creation.
pub(crate) const OPEN_QUERIES: &str = "open_queries";
/// What must be new is written under this condition.
const IS_NEW: &str = "attribute_not_exists(query_id)";
/// What tells one query from another.
pub(crate) const IDENTITY: &str = "query_id, create_time, #status";
/// How often a change is tried again when another transaction is at the same item.
const COLLISIONS_MAX: u32 = 20;
/// The pause after the first collision; the next are longer.
const COLLISION_PAUSE: Duration = Duration::from_millis(10);

/// One table.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    client: Client,
    name: String,
    what: String,
}

/// What became of a conditional change: the item as it is now, or as it was when the condition did not hold.
pub(crate) enum Changed {
    Yes(Option<Item>),
    No(Option<Item>),
}

/// What became of a transaction.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Transacted {
    Done,
    /// The condition of the write at this place did not hold.
    Refused(usize),
}

/// A part of a list.
pub(crate) struct Part {
    pub(crate) items: Vec<Item>,
    /// Where the next begins; none at the end.
    pub(crate) next: Option<Item>,
}

pub(crate) fn key(id: &str) -> HashMap<String, AttributeValue> {
    HashMap::from([("query_id".to_owned(), text(id))])
}

impl Table {
    pub(crate) fn new(client: Client, name: String) -> Self {
        let what = format!("the query table `{name}`");
        Self { client, name, what }
    }

    fn asked(&self, action: &'static str) -> Asked<'_> {
        Asked { what: &self.what, setting: "TABLE_NAME", action }
    }

    /// An item as it is at this moment, whole or in part.
    pub(crate) async fn get(&self, id: &str, attributes: Option<&str>) -> Result<Option<Item>> {
        let get = self.client.get_item().table_name(&self.name).set_key(Some(key(id))).consistent_read(true);
        let get = get.set_expression_attribute_names(attributes.and_then(|attributes| names(&[attributes])));
        let got = get.set_projection_expression(attributes.map(str::to_owned)).send().await;
        Ok(got.map_err(|error| self.asked("dynamodb:GetItem").explain(&error))?.item)
    }

    /// Stores an item that must be new; the other that is there if it is not.
    pub(crate) async fn put_new(&self, item: Item) -> Result<Changed> {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item)).condition_expression(IS_NEW);
        let all_old = ReturnValuesOnConditionCheckFailure::AllOld;
        match put.return_values_on_condition_check_failure(all_old).send().await {
            Ok(_) => Ok(Changed::Yes(None)),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => Ok(Changed::No(failed.item.clone())),
                _ => Err(self.asked("dynamodb:PutItem").explain(&error)),
            },
        }
    }

    /// Makes a change if its condition holds.
    pub(crate) async fn change(&self, id: &str, change: &Change, returned: ReturnValue) -> Result<Changed> {
        let mut collisions = 0;
        loop {
            let update = self.client.update_item().table_name(&self.name).set_key(Some(key(id)));
            let sent = update
                .update_expression(&change.update)
                .condition_expression(&change.condition)
                .set_expression_attribute_names(change.names())
                .set_expression_attribute_values(change.values())
                .return_values(returned.clone())
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                .send()
                .await;
            let error = match sent {
                Ok(output) => return Ok(Changed::Yes(output.attributes)),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                    return Ok(Changed::No(failed.item.clone()));
                }
                Some(UpdateItemError::TransactionConflictException(_)) if collisions < COLLISIONS_MAX => {
                    collisions += 1;
                    tokio::time::sleep(COLLISION_PAUSE * collisions).await;
                }
                _ => return Err(self.asked("dynamodb:UpdateItem").explain(&error)),
            }
        }
    }

    /// Makes several writes or none. The SDK names the transaction, so one whose answer was lost is not made twice.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>) -> Result<Transacted> {
        let mut collisions = 0;
        loop {
            let sent = self.client.transact_write_items().set_transact_items(Some(writes.clone())).send().await;
            let error = match sent {
                Ok(_) => return Ok(Transacted::Done),
                Err(error) => error,
            };
            let asked = self.asked("dynamodb:PutItem, UpdateItem and DeleteItem");
            let Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) = error.as_service_error()
            else {
                // typos:ignore
                return Err(asked.explain(&error));
            };
            let codes = || cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default());
            // Refused for good before refused for now, and the last write first: it is the one with the client's key.
            if let Some(place) = codes().collect::<Vec<_>>().iter().rposition(|code| *code == "ConditionalCheckFailed")
            {
                return Ok(Transacted::Refused(place));
            }
            let wants_pause = |code: &str| matches!(code, "TransactionConflict" | "ThrottlingError");
            if collisions == COLLISIONS_MAX || !codes().any(wants_pause) {
                let reason = cancelled.cancellation_reasons().iter().find(|reason| reason.code() != Some("None"));
                let (code, message) = reason.map_or(("", ""), |r| (r.code().unwrap_or(""), r.message().unwrap_or("")));
                return Err(asked.cancelled(code, message));
            }
            collisions += 1;
            tokio::time::sleep(COLLISION_PAUSE * collisions).await;
        }
    }

    /// Part of a transaction: an item that must be new.
    pub(crate) fn putting_new(&self, item: Item) -> Result<TransactWriteItem> {
        let put = Put::builder().table_name(&self.name).set_item(Some(item)).condition_expression(IS_NEW).build();
        Ok(TransactWriteItem::builder().put(put.map_err(unbuildable)?).build())
    }

    /// Part of a transaction: an item, whatever was there.
    pub(crate) fn putting(&self, item: Item) -> Result<TransactWriteItem> {
        let put = Put::builder().table_name(&self.name).set_item(Some(item)).build();
        Ok(TransactWriteItem::builder().put(put.map_err(unbuildable)?).build())
    }

    /// Part of a transaction: an item, if what is there lets it be put in its place.
    pub(crate) fn putting_if(&self, item: Item, expected: Filter) -> Result<TransactWriteItem> {
        let put = Put::builder().table_name(&self.name).set_item(Some(item));
        let names = names(&[&expected.expression]);
        let put = put.condition_expression(expected.expression).set_expression_attribute_names(names);
        let put = put.set_expression_attribute_values(Some(expected.values)).build();
        Ok(TransactWriteItem::builder().put(put.map_err(unbuildable)?).build())
    }

    /// Part of a transaction: a change whose condition must hold.
    pub(crate) fn changing(&self, id: &str, change: &Change) -> Result<TransactWriteItem> {
        let update = Update::builder()
            .table_name(&self.name)
            .set_key(Some(key(id)))
            .update_expression(&change.update)
            .condition_expression(&change.condition)
            .set_expression_attribute_names(change.names())
            .set_expression_attribute_values(change.values())
            .build();
        Ok(TransactWriteItem::builder().update(update.map_err(unbuildable)?).build())
    }

    /// Part of a transaction: an item goes, if it must with a condition.
    pub(crate) fn deleting(&self, id: &str, condition: Option<&str>) -> Result<TransactWriteItem> {
        let delete = Delete::builder().table_name(&self.name).set_key(Some(key(id)));
        let delete = delete.set_condition_expression(condition.map(str::to_owned)).build();
        Ok(TransactWriteItem::builder().delete(delete.map_err(unbuildable)?).build())
    }

    /// A user's queries, newest first, from behind `after`.
    pub(crate) async fn of_user(&self, user_id: &str, limit: usize, after: Option<Item>) -> Result<Part> {
        let query = self.client.query().table_name(&self.name).index_name(BY_USER).scan_index_forward(false);
        let query =
            query.key_condition_expression("user_id = :user").expression_attribute_values(":user", text(user_id));
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let found = query.limit(limit).set_exclusive_start_key(after).send().await;
        let found = found.map_err(|error| self.asked("dynamodb:Query on its indexes").explain(&error))?;
        Ok(Part { items: found.items.unwrap_or_default(), next: found.last_evaluated_key })
    }

    /// Items under a key of the sparse index that the filter lets through, oldest first; none if the table has no such index.
    pub(crate) async fn indexed(&self, under: &str, filter: &Filter, after: Option<Item>) -> Result<Option<Part>> {
        let query = self.client.query().table_name(&self.name).index_name(OPEN_QUERIES);
        let condition = "#open = :open";
        let found = query
            .key_condition_expression(condition)
            .filter_expression(&filter.expression)
            .set_expression_attribute_names(names(&[condition, &filter.expression]))
            .set_expression_attribute_values(Some(filter.values.clone()))
            .expression_attribute_values(":open", text(under))
            .set_exclusive_start_key(after)
            .send()
            .await;
        match found {
            Ok(found) => Ok(Some(Part { items: found.items.unwrap_or_default(), next: found.last_evaluated_key })),
            Err(error) if error.message().is_some_and(|said| said.contains("specified index")) => Ok(None),
            Err(error) => Err(self.asked("dynamodb:Query on its indexes").explain(&error)),
        }
    }

    /// These attributes of the items of the whole table that the filter lets through: costs as much as the table is large.
    pub(crate) async fn scan(&self, filter: &Filter, attributes: &str, after: Option<Item>) -> Result<Part> {
        let scan = self.client.scan().table_name(&self.name).filter_expression(&filter.expression);
        let values = (!filter.values.is_empty()).then(|| filter.values.clone());
        let found = scan
            .set_expression_attribute_names(names(&[&filter.expression, attributes]))
            .set_expression_attribute_values(values)
            .projection_expression(attributes)
            .set_exclusive_start_key(after)
            .send()
            .await;
        let found = found.map_err(|error| self.asked("dynamodb:Scan").explain(&error))?;
        Ok(Part { items: found.items.unwrap_or_default(), next: found.last_evaluated_key })
    }
}

/// Which items count.
pub(crate) struct Filter {
    pub(crate) expression: String,
    pub(crate) values: Item,
}

impl Filter {
    pub(crate) fn new(
        expression: impl Into<String>,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
    ) -> Self {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value));
        Self { expression: expression.into(), values: values.collect() }
    }
}

fn unbuildable(error: aws_sdk_dynamodb::error::BuildError) -> Error {
    Error::internal("a request to the query table lacks a part").because(error)
}
