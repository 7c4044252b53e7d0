//! Counters that all functions share: an item per bucket and per account, each call one conditional update of one item.
//!
//! A reservation is an attribute of its account's item, so that counting it and remembering it are one write, and a refused
//! one leaves nothing. Items are forgotten by the table's time to live.

use crate::expressions::Change;
use crate::item::{Item, number, text};
use crate::store::DynamoQueryStore;
use crate::table::Changed;
use async_trait::async_trait;
use aws_sdk_dynamodb::types::ReturnValue;
use docent_core::rate::{Rate, Taken};
use docent_core::{Caps, MicroDollars, Spending, Timestamp};
use docent_engine::ports::{Account, Meter, Reservation};
use docent_engine::{Error, Result};

/// Days after which an account or a bucket is of no use.
const DAYS_KEPT: i64 = 2;
const DAY_SECONDS: i64 = 86_400;
/// How often a change is tried again that another one overtook.
const RACES_MAX: usize = 50;

#[async_trait]
impl Meter for DynamoQueryStore {
    async fn take(&self, bucket: &str, rate: Rate, now: Timestamp) -> Result<Taken> {
        let id = format!("bucket#{bucket}");
        let micros = now.as_millis().saturating_mul(1_000);
        let (interval, latest) = (rate.interval_micros(), micros + rate.period_micros() - rate.interval_micros());
        let forgotten_at = now.as_secs() + DAYS_KEPT * DAY_SECONDS;
        // A bucket that is filling moves on from where it is; a full one, or none, begins now.
        let filling =
            Change::new("SET full_at = full_at + :interval, #ttl = :ttl", "full_at > :now AND full_at <= :latest");
        let filling = filling.with(":latest", number(latest)).with(":interval", number(interval));
        let full = Change::new("SET full_at = :after, #ttl = :ttl", "attribute_not_exists(full_at) OR full_at <= :now");
        let full = full.with(":after", number(micros + interval));
        let timed = |change: Change| change.with(":now", number(micros)).with(":ttl", number(forgotten_at));
        let (filling, full) = (timed(filling), timed(full));
        for _ in 0..RACES_MAX {
            match self.table.change(&id, &filling, ReturnValue::AllNew).await? {
                Changed::Yes(item) => return Ok(rate.take(full_at(item.as_ref()).map(|at| at - interval), now).1),
                Changed::No(item) => {
                    let before = full_at(item.as_ref());
                    if before.is_some_and(|at| at > latest.max(micros)) {
                        return Ok(rate.take(before, now).1);
                    }
                }
            }
            if let Changed::Yes(_) = self.table.change(&id, &full, ReturnValue::None).await? {
                return Ok(rate.take(None, now).1);
            }
        }
        Err(contended())
    }

    async fn reserve(&self, account: &Account, id: &str, estimate: Spending, caps: Caps) -> Result<Reservation> {
        let item_id = account_id(account);
        let change = reserving(account, id, estimate, caps);
        for _ in 0..RACES_MAX {
            let before = match self.table.change(&item_id, &change, ReturnValue::None).await? {
                Changed::Yes(_) => return Ok(Reservation::Granted),
                Changed::No(item) => item.unwrap_or_default(),
            };
            if before.contains_key(&attribute(id)) {
                return Ok(Reservation::Granted);
            }
            let spent = spending(&before);
            if let Some(cap) = caps.exceeded(spent.plus(estimate)) {
                return Ok(Reservation::Refused { cap, spent });
            }
        }
        Err(contended())
    }

    async fn settle(&self, account: &Account, id: &str, real: Spending) -> Result<bool> {
        let item_id = account_id(account);
        let item = self.table.get(&item_id, None).await?.unwrap_or_default();
        let Some(reserved) = item.get(&attribute(id)).and_then(|value| value.as_s().ok()) else { return Ok(false) };
        let estimate = parsed(reserved).ok_or_else(|| Error::internal("a reservation of the meter is damaged"))?;
        let difference = |real: u64, estimate: u64| number(i128::from(real) - i128::from(estimate));
        let change = Change::new(
            "SET tokens = tokens + :tokens, money = money + :money REMOVE #reservation",
            "#reservation = :reserved",
        )
        .named("#reservation", attribute(id))
        .with(":tokens", difference(real.tokens, estimate.tokens))
        .with(":money", difference(real.money.0, estimate.money.0))
        .with(":reserved", text(reserved));
        Ok(matches!(self.table.change(&item_id, &change, ReturnValue::None).await?, Changed::Yes(_)))
    }

    async fn spent(&self, account: &Account) -> Result<Spending> {
        Ok(spending(&self.table.get(&account_id(account), None).await?.unwrap_or_default()))
    }
}

fn account_id(account: &Account) -> String {
    format!("account#{}#{}", account.day, account.name)
}

/// The attribute that remembers a reservation.
fn attribute(id: &str) -> String {
    format!("reserved {id}")
}

fn reserving(account: &Account, id: &str, estimate: Spending, caps: Caps) -> Change {
    let mut change = Change::new(
        "SET tokens = if_not_exists(tokens, :nothing) + :tokens, money = if_not_exists(money, :nothing) + :money, \
         #reservation = :reserved, #ttl = :ttl",
        "attribute_not_exists(#reservation)",
    )
    .named("#reservation", attribute(id))
    .with(":nothing", number(0))
    .with(":tokens", number(estimate.tokens))
    .with(":money", number(estimate.money.0))
    .with(":reserved", text(format!("{} {}", estimate.tokens, estimate.money.0)))
    .with(":ttl", number((account.day + DAYS_KEPT) * DAY_SECONDS));
    let limits = [
        ("tokens", ":tokens_before", caps.tokens, estimate.tokens),
        ("money", ":money_before", caps.money.map(|money| money.0), estimate.money.0),
    ];
    for (name, placeholder, cap, estimate) in limits {
        if let Some(cap) = cap {
            let most = i128::from(cap) - i128::from(estimate);
            // A new account has nothing spent, which must be within the cap as well.
            let absent = if most >= 0 { format!("attribute_not_exists({name}) OR ") } else { String::new() };
            change.condition.push_str(&format!(" AND ({absent}{name} <= {placeholder})"));
            change = change.with(placeholder, number(most));
        }
    }
    change
}

fn parsed(reserved: &str) -> Option<Spending> {
    let (tokens, money) = reserved.split_once(' ')?;
    Some(Spending { tokens: tokens.parse().ok()?, money: MicroDollars(money.parse().ok()?) })
}

fn amount(item: &Item, name: &str) -> u64 {
    item.get(name).and_then(|value| value.as_n().ok()).and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

fn spending(item: &Item) -> Spending {
    Spending { tokens: amount(item, "tokens"), money: MicroDollars(amount(item, "money")) }
}

fn full_at(item: Option<&Item>) -> Option<i64> {
    item?.get("full_at")?.as_n().ok()?.parse().ok()
}

fn contended() -> Error {
    Error::unavailable("too many calls change one counter at once").hint("try again in a moment")
}
