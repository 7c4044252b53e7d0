//! Runs a parser as the child does: on a large stack, where a panic costs one file. A library's panic is what the child is for
//! and passes; one of our own code is a finding.

use std::cell::Cell;
use std::panic::{self, PanicHookInfo};

/// Twice the child's, as what is instrumented has larger frames.
const STACK_BYTES: usize = 128 << 20;

thread_local! {
    static OF_A_LIBRARY: Cell<bool> = const { Cell::new(false) };
}

/// To be called once: from then on only panics in our own code end the process.
pub fn tolerate_libraries() {
    let ours = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if is_ours(panic) {
            ours(panic);
        }
        OF_A_LIBRARY.set(true);
    }));
}

fn is_ours(panic: &PanicHookInfo<'_>) -> bool {
    panic.location().is_none_or(|at| ["crates/docent-", "fuzz/src"].iter().any(|place| at.file().contains(place)))
}

/// Does the work; what a library panics about is forgotten.
pub fn run(work: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        let child = std::thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || {
            OF_A_LIBRARY.set(false);
            if let Err(panic) = panic::catch_unwind(panic::AssertUnwindSafe(work))
                && !OF_A_LIBRARY.get()
            {
                panic::resume_unwind(panic);
            }
        });
        child.expect("a thread").join().expect("no panic of our own");
    });
}
