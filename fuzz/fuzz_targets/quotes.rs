#![no_main]

use docent_fuzz::quotes;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| quotes::run(data));
