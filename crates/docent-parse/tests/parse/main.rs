//! Parsing as the program does it: files on disk, through a [`Sandbox`](docent_parse::Sandbox) with real children.

mod bombs;
mod cjk;
mod corpus;
mod files;
mod good;
mod handbook;
mod hostile;
mod office;
mod packages;
mod refusals;
mod sandboxed;
