//! The chunk index in a vector bucket, through the real SDK, on moto; its questions are answered by what stands before moto
//! (`docent_testkit::vector_bucket`), as no emulator does. Where moto is not installed, a test says so and passes.

mod vectors {
    mod contract;
    mod crashes;
    mod failures;
    mod server;
}
