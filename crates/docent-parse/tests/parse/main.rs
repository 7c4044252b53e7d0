//! Parsing as the program does it: files on disk, through a [`Sandbox`](docent_parse::Sandbox) with real children.

mod bombs;
mod cjk;
mod corpus;
mod files;
mod good;
mod handbook;
mod hostile;
mod ocr;
mod ocr_troubles;
mod office;
mod packages;
mod refusals;
mod sandboxed;
