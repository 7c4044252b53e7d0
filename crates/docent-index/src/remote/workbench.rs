//! A published collection that is changed by who has no folder of its own: checked out, changed, published again.
//!
//! What is checked out is the live generation, whole, in a folder that only this process knows. It is published in place of
//! that generation and of no other: if somebody else has published meanwhile, that is a conflict, theirs stays, and the
//! caller begins anew from it. What a version was worked out for and lost is not lost for good: it stays beside the next one
//! until something is published, and an ingest finds the vectors there that it has paid for.
//!
//! Files travel once: those of a generation that is changed again and again come from the folder of the last change.

use super::copies::Copies;
use super::generations::{Generations, Publication};
use super::manifest::{Entry, Manifest};
use super::publish::{Before, Published};
use super::scratch::{Scratch, gone, link};
use super::store::Store;
use crate::embedded::{EmbeddedIndex, Settings, check_name};
use crate::error::{Failure, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// What the version before is called, which lies beside the one that is changed.
const ASIDE: &str = "aside";
/// How often a generation is fetched anew that was removed while it was fetched.
const ATTEMPTS: usize = 3;
/// Generations that are kept to go back to; older ones go when there are twice as many.
const KEPT: usize = 10;

/// Where published collections are changed, one after the other.
pub struct Workbench {
    generations: Generations,
    index: EmbeddedIndex,
    scratch: PathBuf,
    own: Copies,
}

/// The generation that was checked out; none if nothing was published.
pub struct CheckedOut(Option<Before>);

/// What becomes of the generations before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    /// The newest ten or some more stay, to go back to.
    Keep,
    /// All go with every file that only they need: they hold text that was deleted.
    Remove,
}

impl Workbench {
    /// In a folder of its own below `scratch`, which goes with it; what processes that were killed have left goes now.
    ///
    /// # Errors
    /// `Internal` if the folder cannot be used.
    pub fn open(store: Store, scratch: &Path) -> docent_engine::Result<Self> {
        let own = Copies::open(&scratch.join("work"))?;
        let index = EmbeddedIndex::open(own.folder().to_owned(), Settings::default());
        let scratch = scratch.join("checked-out");
        Ok(Self { generations: Generations::new(store, scratch.clone()), index, scratch, own })
    }

    /// The index that what is checked out is changed in.
    pub const fn index(&self) -> &EmbeddedIndex {
        &self.index
    }

    /// Replaces what is in the index by the live generation, or by nothing if nothing has been published. To be called while
    /// nobody uses the index.
    ///
    /// # Errors
    /// Those of the store and of the disk.
    pub async fn check_out(&self, collection: &str) -> docent_engine::Result<CheckedOut> {
        check_name(collection)?;
        let mut attempt = 1;
        loop {
            match self.try_check_out(collection).await {
                // A purge; what it left is what the pointer names by now.
                Err(Failure::DamagedGeneration { .. }) if attempt < ATTEMPTS => attempt += 1,
                done => return Ok(done?),
            }
        }
    }

    async fn try_check_out(&self, collection: &str) -> Result<CheckedOut> {
        let before = self.generations.before(collection).await?;
        let folder = self.index.let_go(collection)?;
        let aside = self.set_aside(&folder)?;
        if let Some(Before { manifest, .. }) = &before {
            let scratch = Scratch::new(&self.scratch, &self.generations.store, collection);
            scratch.offer(&aside, manifest)?;
            let fetched = scratch.fetch(&self.generations.store, manifest).await?;
            self.lay_out(&fetched, manifest, &folder)?;
            scratch.retain(&[manifest])?;
        }
        Ok(CheckedOut(before))
    }

    /// Moves what was checked out before to where its vectors are still found.
    fn set_aside(&self, folder: &Path) -> Result<PathBuf> {
        let aside = self.index.let_go(ASIDE)?;
        if folder.exists() && *folder != *aside {
            gone(fs::remove_dir_all(&aside))?;
            fs::rename(folder, &aside)?;
        }
        Ok(aside)
    }

    /// The folder appears complete or not at all.
    fn lay_out(&self, fetched: &Path, manifest: &Manifest, folder: &Path) -> Result<()> {
        let unfinished = self.own.folder().join(".new");
        gone(fs::remove_dir_all(&unfinished))?;
        fs::create_dir(&unfinished)?;
        manifest.files.iter().try_for_each(|file| link(&fetched.join(&file.name), &unfinished.join(&file.name)))?;
        gone(fs::remove_dir_all(folder))?;
        Ok(fs::rename(&unfinished, folder)?)
    }

    /// Publishes what is in the index now in place of the generation that was checked out.
    ///
    /// # Errors
    /// `Conflict` if that is not live any more: nothing has changed then, and [`Self::check_out`] has the one that is. Else as
    /// [`Generations::publish`].
    pub async fn publish(
        &self,
        base: CheckedOut,
        collection: &str,
        publication: &Publication,
        history: History,
    ) -> docent_engine::Result<Published> {
        let listed = base.0.as_ref().map_or(0, |before| before.pointer.published.len());
        let stay = match history {
            History::Remove => 0,
            History::Keep if listed < 2 * KEPT => listed,
            History::Keep => KEPT - 1,
        };
        let newest = |all: Vec<Entry>| all[all.len() - stay.min(all.len())..].to_vec();
        let published = self.generations.publish_after(base.0, &self.index, collection, publication, newest).await?;
        let aside = self.index.let_go(ASIDE)?;
        gone(fs::remove_dir_all(aside)).map_err(docent_engine::Error::from)?;
        // Also if nothing was new: who published it may have died before this.
        if history == History::Remove || stay < listed {
            self.generations.sweep_up(collection).await?;
        }
        Ok(published)
    }
}
