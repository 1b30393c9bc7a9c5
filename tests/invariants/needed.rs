//! The actions that `doctor` asks about are those of the README's table.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use reconciler_kinds::KINDS;

#[test]
fn the_actions_of_each_kind_are_those_of_the_readme() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let (_, table) = readme.split_once("## Permissions").expect("a table of permissions");
    let rows: Vec<Vec<&str>> =
        table.lines().filter(|line| line.starts_with("| `")).map(|line| line.split(" | ").collect()).collect();
    let actions = |text: &str| -> BTreeSet<String> {
        let words = text.split('`').skip(1).step_by(2);
        words.filter(|word| word.contains(':') && !word.contains('/')).map(str::to_owned).collect()
    };
    for (kind, needed) in KINDS.iter().map(|kind| (kind.name(), kind.contract())) {
        let named = format!("`{kind}`");
        let row = rows.iter().find(|row| row[0].contains(&named)).unwrap_or_else(|| panic!("the README has no {kind}"));
        for (what, table, written) in [("read", needed.to_read, row[1]), ("restore", needed.to_restore, row[2])] {
            let written = actions(written);
            for action in table {
                assert!(written.contains(*action), "{kind}: {action} to {what} is not in the README");
            }
        }
        assert!(!needed.to_read.is_empty() && !needed.to_restore.is_empty(), "{kind}");
        let read: BTreeSet<String> = needed.to_read.iter().map(|action| (*action).to_owned()).collect();
        let always = row[1].split(';').next().unwrap_or_default();
        assert!(actions(always).is_subset(&read), "{kind}: {:?} to read", actions(always).difference(&read));
    }
}
