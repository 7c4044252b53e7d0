//! Generations in a bucket or a folder: published from one place, read from many.
//!
//! A commit of a collection is a set of files that never change, so publishing sends those that the [`Store`] does not
//! have and then moves one pointer, by a write that fails if somebody else moved it first ([`manifest`] has the layout,
//! [`publish`] the order). A generation is there or not, whenever a publisher dies. [`Generations`] lists, compares, goes
//! back and [purges](Generations::purge).
//!
//! [`PublishedIndex`] is the reading side: it fetches the live generation to a [`scratch`] folder, maps it, and looks now
//! and then whether the pointer has moved; until the new one is there, the old one answers. It needs nothing of the
//! writing side.
//!
//! The same connection reads documents: a [`Bucket`] is a source to sync with, a [`BucketDepot`] puts them there. Who is told of its changes and has no folder of
//! the index changes a published collection on a [`Workbench`].
//!
//! What is absent: reading straight from the bucket (a query would need hundreds of requests), and locks that a process
//! could take to its grave. Only a folder, which cannot write conditionally, has one for the moment of the move.

mod bucket;
mod copies;
mod depot;
mod generations;
mod manifest;
mod place;
mod publish;
mod purge;
mod reader;
mod scratch;
mod store;
mod transport;
mod workbench;

pub use bucket::{Bucket, BucketSettings};
pub use depot::{BucketDepot, Sign, ToSign};
pub use generations::{Diff, Generations, Listed, NamedDocument, Publication};
pub use place::{Access, Place};
pub use publish::Published;
pub use purge::{GoneDocument, Purged};
pub use reader::{PublishedIndex, ReaderSettings};
pub use store::Store;
pub use workbench::{CheckedOut, History, Workbench};
