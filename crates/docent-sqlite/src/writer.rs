//! The thread that writes, and how changes that arrive together share one commit.
//!
//! A commit waits for the disk (`synchronous=FULL`), which takes longer than everything else a change does. Changes that
//! arrive meanwhile are carried out together in the next transaction, each within its own savepoint so that one that
//! fails undoes only itself. Nobody is answered before the commit: if that fails, all of them are told so.

use crate::trouble::Place;
use docent_engine::{Error, Result};
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use tokio::sync::oneshot;

/// Changes that may share a commit; bounds how long the first of them waits for the others.
const CHANGES_PER_COMMIT: usize = 64;

/// The thread and the way to it. Dropping it lets the thread carry out what was handed in, and waits for that.
pub(crate) struct Writer {
    place: Place,
    changes: Option<Sender<Box<dyn Change>>>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(connection: Connection, place: &Place) -> Result<Self> {
        let (changes, queue) = mpsc::channel();
        let for_errors = place.clone();
        let thread = thread::Builder::new()
            .name("query-store".to_owned())
            .spawn(move || serve(&connection, &queue, &for_errors))
            .map_err(|error| Error::internal("no thread can be started for the query store").because(error))?;
        Ok(Self { place: place.clone(), changes: Some(changes), thread: Some(thread) })
    }

    /// Carries out a change and returns once it is on the disk. The change is carried out even if the caller stops
    /// waiting, as a request that was sent would be.
    pub(crate) async fn write<T, F>(&self, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let change = Box::new(PendingChange { work: Some(work), result: None, reply });
        let handed_in = self.changes.as_ref().is_some_and(|changes| changes.send(change).is_ok());
        if !handed_in {
            return Err(self.place.writer_gone());
        }
        answer.await.map_err(|_| self.place.writer_gone())?
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.changes = None;
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was reported by the panic hook; there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// A change of any result type.
trait Change: Send {
    /// Does it within the transaction; an error means that the whole transaction is lost.
    fn carry_out(&mut self, connection: &Connection) -> rusqlite::Result<()>;

    /// Tells the caller, once the commit's fate is known.
    fn answer(self: Box<Self>, commit: &rusqlite::Result<()>, place: &Place);
}

struct PendingChange<T, F> {
    work: Option<F>,
    result: Option<rusqlite::Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl<T, F> Change for PendingChange<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> rusqlite::Result<T> + Send,
{
    fn carry_out(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        let Some(work) = self.work.take() else {
            return Ok(());
        };
        let run = |statement| connection.prepare_cached(statement)?.execute([]).map(drop);
        run("SAVEPOINT change")?;
        let result = work(connection);
        if let Err(error) = result {
            // A full disk makes SQLite roll the whole transaction back, the changes of others included.
            if connection.is_autocommit() {
                return Err(error);
            }
            run("ROLLBACK TO change")?;
            self.result = Some(Err(error));
        } else {
            self.result = Some(result);
        }
        run("RELEASE change")
    }

    fn answer(self: Box<Self>, commit: &rusqlite::Result<()>, place: &Place) {
        let told = match (commit, self.result) {
            (Err(error), _) => Err(place.explain(error)),
            (Ok(()), Some(result)) => result.map_err(|error| place.explain(&error)),
            (Ok(()), None) => Err(place.writer_gone()),
        };
        // The caller may have stopped waiting.
        let _ = self.reply.send(told);
    }
}

fn serve(connection: &Connection, queue: &Receiver<Box<dyn Change>>, place: &Place) {
    while let Ok(first) = queue.recv() {
        let mut batch: Vec<_> = std::iter::once(first).chain(queue.try_iter()).take(CHANGES_PER_COMMIT).collect();
        let commit = in_one_transaction(connection, &mut batch);
        for change in batch {
            change.answer(&commit, place);
        }
    }
}

fn in_one_transaction(connection: &Connection, batch: &mut [Box<dyn Change>]) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    for change in batch {
        change.carry_out(&transaction)?;
    }
    transaction.commit()
}
