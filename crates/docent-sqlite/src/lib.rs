//! Queries, API keys, counters and uploads in one SQLite file: the stores of one machine.
//!
//! **Who writes.** One thread owns the only connection that writes (`writer`). A call hands it a change and waits
//! without holding up the async runtime; changes that arrive while a commit is on its way to the disk share the next
//! commit. So a change is answered only when it is on the disk, and a busy server still pays for few disk flushes.
//!
//! **Who reads.** A few read-only connections (`readers`), used where the call is made. Reading a query by its id takes 7
//! to 22 microseconds, most of them for the answer's JSON; handing the read to a thread for blocking work adds 16 (both
//! measured by `cargo bench -p docent-sqlite`). In WAL mode no reader waits for the writer. What is absent for that
//! reason: no `spawn_blocking` around reads. What it costs: a page that is not in memory is waited for in place.
//!
//! **What survives.** The file is in WAL mode with `synchronous=FULL`: what was acknowledged survives `kill -9` and power
//! loss. Every change is one transaction whose statements carry the state they expect, so it does not matter how many
//! workers, threads or processes race for a query; other processes may open the same file.
//!
//! **What is stored** (`schema`): a row per query with columns for everything a condition looks at and JSON for the
//! rest; traces and idempotency keys in tables of their own, which go when their query goes. API keys (`keys`), what
//! was spent (`meter`) and uploads (`uploads`) have tables of their own too. The file's `user_version`
//! counts migrations, a file of a newer Docent or of another program is refused, and on Unix only its owner may read it.
//!
//! What is absent: no clock and no ids are made here, times arrive as arguments.
#![warn(missing_docs)]

mod keys;
mod meter;
mod readers;
mod rows;
mod schema;
mod statements;
mod store;
mod trouble;
mod uploads;
mod webhooks;
mod writer;

pub use store::{Settings, SqliteQueryStore};
