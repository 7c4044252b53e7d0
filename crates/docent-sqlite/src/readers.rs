//! The connections that read.

use crate::schema;
use crate::store::Settings;
use crate::trouble::Place;
use docent_engine::Result;
use rusqlite::Connection;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A few connections, each behind a lock that is held for the microseconds of one statement and never across an await.
pub(crate) struct Readers {
    connections: Vec<Mutex<Connection>>,
    next: AtomicUsize,
}

impl Readers {
    pub(crate) fn open(place: &Place, settings: &Settings) -> Result<Self> {
        let connections = (0..settings.readers.max(1))
            .map(|_| schema::open_reader(place, settings).map(Mutex::new))
            .collect::<Result<_>>()?;
        Ok(Self { connections, next: AtomicUsize::new(0) })
    }

    /// Reads with a connection that is free, or with the next in turn when none is.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> T) -> T {
        let free = self.connections.iter().find_map(|connection| connection.try_lock().ok());
        read(&free.unwrap_or_else(|| self.wait_for_one()))
    }

    fn wait_for_one(&self) -> MutexGuard<'_, Connection> {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.connections.len();
        self.connections[turn].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
