#![no_main]

use docent_fuzz::answers;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| answers::run(data));
