//! The chunk index against a real Chroma server, started by each test in a folder of its own. Where its package is not
//! installed, a test says so and passes.

mod chroma {
    mod contract;
    mod crashes;
    mod failures;
    mod langchain;
    mod proxy;
    mod server;
}
