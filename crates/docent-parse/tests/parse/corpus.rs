//! What is kept of fuzzing the parsers and the child's protocol.

#[expect(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../../../fuzz/src/answers.rs"]
mod answers;
#[expect(unreachable_pub, dead_code, reason = "shared with the fuzz targets")]
#[path = "../../../../fuzz/src/chunks.rs"]
mod chunks;
#[expect(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../../../fuzz/src/files.rs"]
mod files;
#[path = "../../../../fuzz/kept.rs"]
mod kept;
#[expect(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../../../fuzz/src/packages.rs"]
mod packages;
#[expect(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../../../fuzz/src/pdf.rs"]
mod pdf;
#[expect(unreachable_pub, reason = "shared with the fuzz targets")]
#[path = "../../../../fuzz/src/texts.rs"]
mod texts;

#[test]
fn every_format_is_read_or_refused() {
    kept::replay("pdf", pdf::run);
    kept::replay("packages", packages::run);
    kept::replay("texts", texts::run);
}

#[test]
fn the_parent_hears_any_child() {
    kept::replay("answers", answers::run);
}
