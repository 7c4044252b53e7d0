//! Parsing as the program does it: files on disk, through a [`Sandbox`](docent_parse::Sandbox) with real children.

mod files;
mod good;
mod handbook;
mod hostile;
mod refusals;
mod sandboxed;
