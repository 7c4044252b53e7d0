//! Generations in a folder and in S3: published, read, compared, taken back, purged, and what is left when somebody dies.

mod contract;
mod documents;
mod publishing;
mod purging;
mod reading;
mod site;
mod workbench;
