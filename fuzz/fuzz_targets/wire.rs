#![no_main]

use docent_fuzz::wire;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| wire::run(data));
