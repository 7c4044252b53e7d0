//! Ids of queries whose webhook this process should try now. Only hints: the store is the truth, and the sweep finds what
//! is not in here.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Ids that may wait in memory.
const LENGTH: usize = 1_024;

#[derive(Default)]
pub(super) struct Outbox {
    ids: Mutex<VecDeque<String>>,
    filled: Notify,
}

impl Outbox {
    /// Adds an id unless it is there or there is no room.
    pub(super) fn put(&self, id: String) {
        let mut ids = self.ids();
        if ids.len() < LENGTH && !ids.contains(&id) {
            ids.push_back(id);
            self.filled.notify_one();
        }
    }

    pub(super) fn take(&self) -> Option<String> {
        self.ids().pop_front()
    }

    /// The next id, as soon as there is one.
    pub(super) async fn next(&self) -> String {
        loop {
            if let Some(id) = self.take() {
                return id;
            }
            self.filled.notified().await;
        }
    }

    fn ids(&self) -> MutexGuard<'_, VecDeque<String>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
