//! A folder keeps the contract of a source.

use docent_engine::folder::Folder;
use docent_engine::ports::Source;
use docent_testkit::source::{Place, contract};
use std::sync::Arc;

struct Folders(tempfile::TempDir);

impl Place for Folders {
    fn put(&self, path: &str, content: &[u8]) {
        let path = self.0.path().join("a").join(path);
        std::fs::create_dir_all(path.parent().expect("below a")).expect("made");
        std::fs::write(path, content).expect("written");
    }

    fn remove(&self, path: &str) {
        std::fs::remove_file(self.0.path().join("a").join(path)).expect("removed");
    }

    fn source(&self, place: &str, name: Option<&str>) -> Arc<dyn Source> {
        let folder = self.0.path().join(place);
        std::fs::create_dir_all(&folder).expect("made");
        Arc::new(Folder::open(&folder, name).expect("opened"))
    }
}

#[tokio::test]
async fn a_folder_keeps_the_contract() {
    contract(&Folders(tempfile::tempdir().expect("a folder"))).await;
}
