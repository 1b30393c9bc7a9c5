//! A state folder with two incidents, and whatever somebody may do to it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use reconciler_model::incident::Outcome;
use serde_json::json;
use tempfile::TempDir;

use super::*;
use crate::journal::Journal;

fn opened(incident: &str) -> Entry {
    Entry::IncidentOpened {
        incident: incident.into(),
        targets: vec!["aws-genai-04".into()],
        accounts: Vec::new(),
        since: None,
        by: "root".into(),
        again: false,
    }
}

fn keep(journal: &mut Journal, folder: &CaseFolder, incident: &str, what: &str) {
    let kept = folder.keep(&json!({ "incident": incident, "what": what })).expect("kept");
    let entry = Entry::Evidence {
        incident: incident.into(),
        what: what.into(),
        address: None,
        sha256: kept.sha256,
        bytes: kept.bytes,
    };
    journal.append(Timestamp::UNIX_EPOCH, entry).expect("written");
}

/// Two incidents: one is closed, the other is open and has a report.
fn world() -> TempDir {
    // In memory where there is such a place: it is read many thousands of times.
    let state = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder");
    let mut journal = Journal::open(&StateFolder::journal_in(state.path()), "run-1").expect("opened");
    for (incident, closed) in [("inc-1", true), ("inc-2", false)] {
        journal.append(Timestamp::UNIX_EPOCH, opened(incident)).expect("written");
        let folder = CaseFolder::open(state.path(), incident).expect("opened");
        keep(&mut journal, &folder, incident, "plan");
        keep(&mut journal, &folder, incident, "before");
        let report = folder.report("incident.json", &format!("{{\"id\":\"{incident}\"}}\n")).expect("written");
        let (incident, outcome) = (incident.to_owned(), Outcome::Restored);
        let files = BTreeMap::from([("incident.json".to_owned(), report)]);
        let entry = match closed {
            true => Entry::IncidentClosed { incident, outcome, files },
            false => Entry::IncidentSaved { incident, outcome, files },
        };
        journal.append(Timestamp::UNIX_EPOCH, entry).expect("written");
    }
    state
}

fn audited(state: &TempDir) -> Audit {
    verify(state.path()).expect("an audit")
}

/// Every file that counts, relative to the state folder.
fn files(state: &TempDir) -> Vec<PathBuf> {
    let mut found = BTreeSet::new();
    list(state.path(), Path::new(""), &mut found).expect("listed");
    found.into_iter().collect()
}

#[test]
fn what_nobody_touched_is_clean() {
    let state = world();
    let audit = audited(&state);
    assert_eq!((audit.records, audit.incidents, audit.files), (8, 2, 6));
    assert!(audit.is_clean() && audit.notes.is_empty(), "{audit:#?}");
    assert!(audit.has(audit.head.as_deref().expect("a head")));
    assert!(!audit.has("sha256:other"));
    assert!(
        verify(&state.path().join("nowhere")).expect("an audit").is_clean(),
        "where nothing was done nothing is wrong"
    );
}

#[test]
fn any_byte_that_is_changed_removed_or_added_in_any_file_is_found() {
    let state = world();
    let all = files(&state);
    assert_eq!(all.len(), 2 + 6, "the journal, its head, two reports and four pieces of evidence");
    for file in all {
        let path = state.path().join(&file);
        let bytes = fs::read(&path).expect("read");
        for at in 0..bytes.len() {
            let mut changed = vec![bytes.clone()];
            changed[0][at] ^= 1;
            if at % 7 == 0 {
                changed.extend([bytes.clone(), bytes.clone()]);
                changed[1].remove(at);
                changed[2].insert(at, b' ');
            }
            for (how, changed) in changed.into_iter().enumerate() {
                if changed == bytes {
                    // A space that was put beside a space is the same file.
                    continue;
                }
                fs::write(&path, changed).expect("written");
                let audit = audited(&state);
                assert!(!audit.is_clean(), "byte {at} of {}, change {how}", file.display());
            }
        }
        fs::write(&path, &bytes).expect("written");
    }
    assert!(audited(&state).is_clean());
}

#[test]
fn lines_that_are_removed_repeated_or_swapped_are_found_with_their_place() {
    let state = world();
    let path = StateFolder::journal_in(state.path());
    let text = fs::read_to_string(&path).expect("read");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let told = |lines: Vec<&str>, place: usize| {
        fs::write(&path, lines.concat()).expect("written");
        let audit = audited(&state);
        let places: Vec<_> = audit.findings.iter().filter_map(|finding| finding.line).collect();
        assert!(places.contains(&place), "{place} is not told: {audit:#?}");
    };
    for index in 0..lines.len() {
        let mut less = lines.clone();
        less.remove(index);
        told(less, (index + 1).min(lines.len() - 1));
        let mut more = lines.clone();
        more.insert(index, lines[index]);
        told(more, index + 2);
        if index > 0 {
            let mut swapped = lines.clone();
            swapped.swap(index - 1, index);
            told(swapped, index);
        }
        told(lines[..index].to_vec(), index.max(1));
    }
}

/// What is wrong with the last line is told once, whether the head goes with the line or not.
#[test]
fn a_last_line_that_is_no_record_is_one_finding() {
    let state = world();
    let path = StateFolder::journal_in(state.path());
    let text = fs::read_to_string(&path).expect("read");
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let (kept, number) = (&lines[..lines.len() - 1], lines.len());
    let head = head::read(&path).expect("read").expect("a head");
    for line in ["{}", "not a record", "{\"seq\":8}"] {
        fs::write(&path, format!("{}{line}\n", kept.concat())).expect("written");
        for digest in [head.digest.clone(), digest::of_bytes(line.as_bytes())] {
            let head = head::Head { digest, ..head.clone() };
            head::HeadFile::open(&path).expect("opened").write(&head, true).expect("written");
            // The report of the incident that the line was about is another matter.
            let audit = audited(&state);
            let of_journal: Vec<_> = audit.findings.iter().filter(|one| one.line.is_some()).collect();
            assert!(
                matches!(of_journal[..], [Finding { line: Some(line), what, .. }] if *line == number && what.contains("not a record")),
                "{line}: {audit:#?}"
            );
        }
        // A head that does not go with the line before is a second one.
        let other = head::Head { prev: "sha256:other".into(), ..head.clone() };
        head::HeadFile::open(&path).expect("opened").write(&other, true).expect("written");
        assert_eq!(audited(&state).findings.iter().filter(|one| one.line.is_some()).count(), 2, "{line}");
    }
}

/// What a newer build wrote is noted, and is held as far as it is known.
#[test]
fn a_head_of_a_newer_build_is_held_as_far_as_it_is_known() {
    let state = world();
    let path = StateFolder::journal_in(state.path());
    let text = fs::read_to_string(head::path_of(&path)).expect("read");
    let newer = format!("{},\"format\":2,\"by\":\"x\"}}\n", text.trim_end().trim_end_matches('}'));
    fs::write(head::path_of(&path), &newer).expect("written");
    let audit = audited(&state);
    assert!(audit.is_clean(), "{audit:#?}");
    assert!(audit.notes.iter().any(|note| note.what.contains("newer build")), "{audit:#?}");
    fs::write(head::path_of(&path), newer.replace("\"seq\":8", "\"seq\":9")).expect("written");
    assert!(!audited(&state).is_clean());
}

#[test]
fn a_file_that_is_removed_or_added_is_found_by_name() {
    let state = world();
    for file in files(&state) {
        let path = state.path().join(&file);
        let bytes = fs::read(&path).expect("read");
        fs::remove_file(&path).expect("removed");
        let audit = audited(&state);
        assert!(!audit.is_clean(), "{} is gone", file.display());
        fs::write(&path, bytes).expect("written");
    }
    let evidence = file_of(&digest::of_bytes(b"{}"));
    for name in ["inc-1/evidence/x.json", "inc-2/note.txt", "inc-3/incident.json", "inc-1/incident.html", "x"] {
        let added = Path::new(INCIDENTS).join(name);
        fs::create_dir_all(state.path().join(&added).parent().expect("a folder")).expect("made");
        fs::write(state.path().join(&added), "{}").expect("written");
        let audit = audited(&state);
        assert!(audit.findings.iter().any(|finding| finding.file == added), "{name}: {audit:#?}");
        fs::remove_file(state.path().join(&added)).expect("removed");
    }
    let added = Path::new(INCIDENTS).join("inc-1").join(evidence);
    fs::write(state.path().join(&added), "{}").expect("written");
    assert!(audited(&state).findings.iter().any(|finding| finding.file == added), "evidence that no record names");
}

#[test]
fn what_a_run_that_died_left_is_told_and_is_no_finding() {
    let state = world();
    let mut journal = Journal::open(&StateFolder::journal_in(state.path()), "run-2").expect("opened");
    journal.append(Timestamp::UNIX_EPOCH, opened("inc-3")).expect("written");
    let folder = CaseFolder::open(state.path(), "inc-3").expect("opened");
    folder.keep(&json!({"what": "before"})).expect("kept");
    folder.report("incident.json", "{}\n").expect("written");
    fs::write(folder.path().join("incident.md.partial"), "half").expect("written");
    let audit = audited(&state);
    assert!(audit.is_clean(), "{audit:#?}");
    assert_eq!(audit.notes.len(), 3, "{audit:#?}");
    drop(journal);
    // The head is there, and half of its record.
    let path = StateFolder::journal_in(state.path());
    let head = head::read(&path).expect("read").expect("a head");
    let (seq, digest) = (head.seq + 1, "sha256:next".into());
    let next = head::Head { seq, digest, prev: head.digest, writing: true, format: head::FORMAT };
    head::HeadFile::open(&path).expect("opened").write(&next, true).expect("written");
    let mut bytes = fs::read(&path).expect("read");
    bytes.extend_from_slice(b"{\"seq\":10");
    fs::write(&path, bytes).expect("written");
    let audit = audited(&state);
    assert!(audit.is_clean() && audit.notes.len() == 4, "{audit:#?}");
}

#[test]
fn a_folder_that_was_written_anew_is_told_by_a_digest_that_was_noted() {
    let noted = audited(&world()).head.expect("a head");
    let state = tempfile::tempdir().expect("a folder");
    let mut journal = Journal::open(&StateFolder::journal_in(state.path()), "run-1").expect("opened");
    journal.append(Timestamp::UNIX_EPOCH, opened("inc-1")).expect("written");
    let audit = audited(&state);
    assert!(audit.is_clean() && !audit.has(&noted), "consistent in itself, and another history");
}
