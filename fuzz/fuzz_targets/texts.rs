#![no_main]

use docent_fuzz::{child, texts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(init: child::tolerate_libraries(), |data: &[u8]| child::run(|| texts::run(data)));
