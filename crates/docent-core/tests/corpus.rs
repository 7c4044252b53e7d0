//! What is kept of fuzzing the chunker and the quote matcher.

#[expect(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../../fuzz/src/chunks.rs"]
mod chunks;
#[path = "../../../fuzz/kept.rs"]
mod kept;
#[expect(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../../fuzz/src/quotes.rs"]
mod quotes;

#[test]
fn chunks_keep_their_promises() {
    kept::replay("chunks", chunks::run);
}

#[test]
fn quotes_stand_where_they_are_found() {
    kept::replay("quotes", quotes::run);
}
